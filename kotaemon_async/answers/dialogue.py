"""What a conversation is about, and what a follow-up asks then, told by rule: "and in 2019?", "why?", 那X呢.

A pronoun takes the subject of the last turn, or who its answer names; a new subject takes the old one's place
in the last question; "why?" and "when?" ask the last question in another way; "go on" asks it once more. What
stands alone is left alone. Nothing older than the last turn is carried along.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from kotaemon_async.answers import phrases, small_talk, subjects, subjects_zh
from kotaemon_async.answers.llm.base import HistoryTurn
from kotaemon_async.domain import text

#: Turns that are looked at; what came earlier is not known.
MAX_TURNS: Final = 12
#: A longer question says by itself what it is about.
_LONG_TERMS: Final = 7

#: Words that a follow-up begins with; the strong ones say that something takes the place of its like.
_CHANGE: Final = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|so|and|but|well|now|then|also)\W+)*(?:what about|how about|what of|and what of"
    r"|same for"
    r"|(?:and )?(?:tell me|what do you know) about)\b\W*",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    r"^\W*(?:(?:and|or|but|also|so|then|ok(?:ay)?)\b[\s,，]*)+|^(?:那么|那麼"
    r"|那(?=[，,它他她其什谁哪怎如何为多几有在])|(?:还有|還有)(?![哪什谁其别多几])|另外|以及|还是)[，,\s]*",
    re.IGNORECASE,
)
_CHANGE_ZH: Final = re.compile(
    r"^(?:那么|那麼|那(?!不勒斯|曲|霸|米比亚)|还有|還有|另外|以及)?[，,\s]*(?P<new>.+?)\s*呢\s*[？?。!！]*$"
)
_WHY: Final = re.compile(
    r"^\W*(?:and |but |so )?(?:why|how come|why (?:is|was) (?:that|this|it)|why (?:so|not)"
    r"|for what reason)\W*$"
    r"|^(?:那么?|这是|但是?)?(?:为什么|為什麼|为何|為何|为啥|原因(?:是什么|呢)?|什么原因)(?:呢|会这样"
    r"|这样)?\W*$",
    re.IGNORECASE,
)
_ASKED_ALONE: Final = re.compile(
    r"^\W*(?:and |but |so )?(?P<en>(?:since |until |from )?when|where|how|how (?:often|long|many|much|far"
    r"|old|big|tall|deep)|in what year|(?:by|with|for|to|from) whom)\W*$"
    r"|^(?:那么?)?(?P<zh>什么时候|何时|哪一?年|怎么|如何|怎样|在?哪里|在?哪儿|多久)(?:呢)?\W*$",
    re.IGNORECASE,
)
_OPENS_EN: Final = re.compile(
    r"^\W*(?:how (?:often|long|many|much|far|old|big|tall|deep)|when|where|how|why)\b", re.IGNORECASE
)
_BACK: Final = re.compile(
    r"^\W*(?:ok(?:ay)?\W+)?(?:let['’]?s |let us |can we |please )?(?:go(?:ing)? |get |come "
    r"|turn )?back to (?:the |my |our )?"
    r"(?P<en>first|second|third|last|previous|earlier|original|other)(?: (?:one|question|topic|subject"
    r"|thing))?\W*$"
    r"|^(?:我们)?(?:请)?(?:再)?回到(?:刚才|剛才|之前|前面|上面)?的?(?P<zh>第一|第二|第三|最初|最开始|上一"
    r"|前一|那)?(?:个|個)?(?:的)?(?:问题|問題|话题|話題)?\W*$",
    re.IGNORECASE,
)
_BACK_TO: Final = re.compile(
    r"^\W*(?:ok(?:ay)?\W+)?(?:let['’]?s |please )?(?:go(?:ing)? |come |get )?back to (?P<en>.+?)\W*$"
    r"|^(?:再)?回到(?P<zh>.+?)\W*$",
    re.IGNORECASE,
)
_ORDINALS: Final = {
    "first": 0, "original": 0, "第一": 0, "最初": 0, "最开始": 0,
    "second": 1, "第二": 1, "third": 2, "第三": 2,
}  # fmt: skip
_THEN: Final = re.compile(
    r"\b(?:back )?(?:then|at that time|that year)\b(?=\W*$)|^(?:在)?(?:当时|當時|当年|那时候?|那一?年)",
    re.IGNORECASE,
)
#: What points to the last question as a whole.
_POINTS_BACK: Final = re.compile(
    r"^\W*(?:(?:who|what|where|anyone|anything) else|which (?:one|of (?:them|these|those|the two)))\b"
    r"|\b(?:the (?:same|other|others|former|latter)(?: ones?)?|another one)\W*$"
    r"|^(?:还有|還有)[哪什谁其别多几]|前者|后者|後者|另一[个個](?:呢)?\W*$|^哪一?[个個].{0,6}$",
    re.IGNORECASE,
)
_PREPOSITION: Final = re.compile(
    r"^(?P<word>in|on|at|for|from|by|with|without|during|before|after|since|under|near)\b +\S", re.IGNORECASE
)
#: What a question is told by: a question word or an auxiliary at its beginning.
_CLAUSE: Final = re.compile(
    r"^\W*(?:who|whom|whose|when|where|why|how|what|which|is|are|was|were|do|does|did|has|have|had|can"
    r"|could|will|would|should|may"
    r"|might|must|tell|describe|explain|list|show|give|name|compare|summari[sz]e)\b",
    re.IGNORECASE,
)
#: The same words anywhere: "in what year was …" is a question, "in winter" is none.
_ASKS_ANYWHERE: Final = re.compile(
    r"\b(?:who|whom|whose|when|where|why|how|what|which|is|are|was|were|do|does|did|has|have|had|can|could|will"
    r"|would|should|may|might|must)\b",
    re.IGNORECASE,
)
_CLAUSE_ZH: Final = re.compile(
    r"什么|什麼|谁|誰|哪|怎|如何|为何|為何|何时|何時|何|多少|多[大高长远久深重]|几|吗|嗎|是否|有没有|介绍"
    r"|说明|解释|列出|总结|概括"
)
#: What is asked of people alone, and what no person is.
_OF_PEOPLE: Final = re.compile(
    r"\b(?:die|died|born|live|lived|marry|married|buried|grow up|grew up|childhood|wife|husband|retire)\b"
    r"|去世|逝世|出生|结婚|享年|娶|嫁|退休|墓"
)
_THING: Final = re.compile(
    r"^(?:the|a|an|our|your|my) (?=.*[a-z])|['’]s? [a-z]|(?:港|湖|山|河|江|塔|桥|橋|城|市|国|國|省|县|岛|海"
    r"|公司|大学|大學|学校|项目|银行|铁路|机场|医院|博物馆|书|法|条约"
    r"|协议|系统|合同|报告|问题|情况|政策)$"
)
#: What can take the place of its like: years first, as they are numbers too.
_SLOTS: Final = (
    re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)"),
    re.compile(
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\bQ[1-4]\b|第[一二三四1-4]季度", re.IGNORECASE),
    re.compile(r"(?<![\d一二三四五六七八九十])(?:1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])月"),
)
#: What a fragment holds beside the thing that it names.
_FILLER: Final = re.compile(
    r"\b(?:in|on|at|of|for|the|about|during|year|month|quarter)\b|[年月呢吗在]|如何|怎么?样", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question as it may be asked alone.

    `told` is what has been said to it already and shall not be said again; `otherwise` is what to ask when
    the question finds nothing, since a new subject need not fit into the old question.
    """

    question: str
    told: str = ""
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class DialogueState:
    """What a conversation is about: its questions as they may be asked alone, and the last one's subject.

    `told` is what was answered to the last one, and `base` the last that was not put together of two: what is
    asked next is put behind that one, so that nothing piles up. A person stands in a line before the subject.
    """

    asked: tuple[str, ...] = ()
    subject: str = ""
    told: str = ""
    base: str = ""

    @property
    def last(self) -> str:
        """Return the last question as it may be asked alone."""
        return self.asked[-1] if self.asked else ""


def leans(question: str) -> bool:
    """Return whether the question is likely to need the ones before it."""
    if small_talk.act_of(question) == "more" or _BACK_TO.match(question) or _THEN.search(question):
        return True
    if _CHANGE.match(question) or _changed_zh(question) or _POINTS_BACK.search(question):
        return True
    if len(text.query_terms(question)) > _LONG_TERMS:
        return False
    rest = _LEAD.sub("", question)
    if phrases.is_chinese(question) and subjects_zh.lacks_subject(question):
        return True
    return rest != question or _leans_on_subject(question) or _is_fragment(question)


def goes_back(question: str) -> bool:
    """Return whether a person wants an earlier question again: "back to the first one"."""
    return _BACK.match(question) is not None


def state_of(history: Sequence[HistoryTurn]) -> DialogueState:
    """Return what the conversation is about after these turns."""
    state = DialogueState()
    for question, answer in history:
        act = small_talk.act_of(question)
        if act == "more" and state.asked:
            state = replace(state, told=f"{state.told}\n{answer}")
        elif act is None:
            state = _after(state, small_talk.without_manners(question), answer)
    return state


def by_rule(question: str, state: DialogueState) -> Standalone:
    """Return the question as it may be asked alone after that conversation."""
    if not state.asked or not leans(question):
        return Standalone(question)
    if small_talk.act_of(question) == "more":
        return Standalone(state.last, told=state.told or " ")
    if (again := _back(question, state)) is not None:
        return Standalone(again)
    if _WHY.match(question):
        asked = _asked_otherwise(state.base, "为什么" if phrases.is_chinese(question) else "why")
        return Standalone(asked, told=state.told if _is_joined(asked, state.base) else "")
    if word := _ASKED_ALONE.match(question):
        return Standalone(_asked_otherwise(state.base, word["en"] or word["zh"]))
    return _with_subject_changed(question, state)


def _after(state: DialogueState, question: str, answer: str) -> DialogueState:
    """Return the state after a question that was no small talk and its answer."""
    standalone = by_rule(question, state).question
    subject = described(standalone) or (state.subject if leans(question) else "")
    if _asks_person(standalone) and (person := _name_in(answer, standalone)):
        subject = f"{person}\n{subject}"  # a person for "he", the old subject for "it"
    base = state.base if _is_joined(standalone, state.base) else standalone
    return DialogueState((*state.asked, standalone), subject, answer, base)


def _is_joined(standalone: str, base: str) -> bool:
    """Return whether a question was only put behind another one, or a bare "why" was."""
    joints = (f"{base} ".casefold(), f"{base.rstrip('？?。 ')}，".casefold())
    return bool(base) and standalone.casefold().startswith(joints)


def _with_subject_changed(question: str, state: DialogueState) -> Standalone:
    """Return the question with the last turn's subject, or the last question with the new subject."""
    last, new = state.last, _named_in(question)
    if new is None:
        return Standalone(_capitalized(_with_pronoun(_LEAD.sub("", question), state)))
    if (asked := _with_slots(new, last)) is not None:
        return Standalone(asked)
    if _leans_on_subject(new):
        return Standalone(_capitalized(_with_pronoun(new, state)))
    if (preposition := _PREPOSITION.match(new)) is not None:
        return Standalone(_with_place(last, new[:1].lower() + new[1:], preposition["word"]))
    asked = _with_new_subject(state.base, new)
    return Standalone(asked or new, otherwise=new if asked else "")


def _named_in(question: str) -> str | None:
    """Return what a fragment names: "Kenya" of "and Kenya?", 许申 of 那许申呢; None for a whole question."""
    if change := _CHANGE.match(question):
        return question[change.end() :].strip(" ?!.？！。") or None
    if new := _changed_zh(question):
        return new
    rest = _LEAD.sub("", question).strip(" ?!.？！。，,")
    return rest if rest and not _is_clause(rest) else None


def _is_clause(words: str) -> bool:
    """Return whether words ask or tell something by themselves."""
    if phrases.is_chinese(words):
        return _CLAUSE_ZH.search(words) is not None
    return _CLAUSE.match(words) is not None or _ASKS_ANYWHERE.search(words) is not None


def _changed_zh(question: str) -> str:
    """Return X of 那X呢, which holds no question of its own."""
    change = _CHANGE_ZH.match(question)
    return change["new"].strip() if change and not _CLAUSE_ZH.search(change["new"]) else ""


def _with_pronoun(question: str, state: DialogueState) -> str:
    """Return the question with its pronoun, or a time it points to, in the words of the last turn."""
    person, _, thing = state.subject.rpartition("\n")
    subject = (person or thing) if _MEANS_PERSON.search(question) or not thing else thing
    if then := _THEN.search(question):
        years = _SLOTS[0].findall(state.last) or _SLOTS[0].findall(state.told)
        if not years:
            return f"{state.base} {question}"
        time = f"{years[0]}年" if phrases.is_chinese(then[0]) else f"in {years[0]}"
        question = question[: then.start()] + time + question[then.end() :]
    elif _POINTS_BACK.search(question):
        return f"{state.base} {question}"
    if _THERE.search(question) and _WHERE.search(state.last):
        subject = _name_in(state.told, state.last) or subject
    if _leans_on_subject(question) and subject:
        return _side(question).with_subject(question, subject)
    if subject and phrases.is_chinese(question) and subjects_zh.lacks_subject(question):
        return subjects_zh.prefixed(question, subject)
    is_whole = len(text.query_terms(question)) > 1 and not _leans_on_subject(question)
    return question if is_whole else f"{state.base} {question}"


_THERE: Final = re.compile(r"\bthere\b|那里|那儿|那裡", re.IGNORECASE)
_WHERE: Final = re.compile(rf"\bwhere\b|{subjects_zh.PLACE.pattern}", re.IGNORECASE)
_MEANS_PERSON: Final = re.compile(
    r"\b(?:he|him|his|she|her|hers|who|they|their|them)\b|[他她]|此人|该人", re.IGNORECASE
)


def _with_slots(question: str, last: str) -> str | None:
    """Return the last question with the year, month or quarter of the new one, if that adds nothing else."""
    rest, asked = question, last
    for slot in _SLOTS:
        new = slot.findall(rest)
        old = slot.findall(asked)
        if len(set(new)) == 1 and old:
            asked = slot.sub(new[0], asked)
            rest = slot.sub(" ", rest)
    if asked == last:
        return None
    left = set(text.terms(_FILLER.sub(" ", _LEAD.sub("", rest))))
    return None if left - set(text.terms(asked)) else asked


def _with_place(last: str, new: str, preposition: str) -> str:
    """Return the last question with what stands behind that preposition in it exchanged, or added."""
    old = re.search(rf"\b{preposition}\b (?:the |a )?[^\s?!.,]+(?: of [^?!.,]+)?", last, re.IGNORECASE)
    if old:
        return last[: old.start()] + new + last[old.end() :]
    return f"{last.rstrip(' ?!.？')} {new}?"


def _with_new_subject(last: str, new: str) -> str | None:
    """Return the last question about something else; None when that makes no question."""
    if _OF_PEOPLE.search(last) and _THING.search(new):
        return None
    for slot in _SLOTS:
        if (times := slot.findall(new)) and slot.search(last):
            last = slot.sub(times[0], last)
            new = re.sub(rf" *(?:\b(?:in|of|for) )?{times[0]}年?的?", "", new).strip()
    if new.casefold() in last.casefold():
        return last
    subject = _side(last).subject_of(last)
    asked = _side(last).with_new_subject(last, subject, new)
    return None if asked == last else asked


def _asked_otherwise(last: str, word: str) -> str:
    """Return the last question with another question word: when instead of where.

    >>> _asked_otherwise("When was the harbour closed?", "why")
    'Why was the harbour closed?'
    """
    if word.casefold() in last.casefold():
        return last
    if phrases.is_chinese(word):
        swapped = subjects_zh.ADVERBIAL.sub(word, last, count=1)
        return swapped if swapped != last else f"{last.rstrip('？?。 ')}，{word}？"
    if _OPENS_EN.match(last):
        return _capitalized(_OPENS_EN.sub(word.casefold(), last, count=1))
    return f"{last.rstrip()} {_capitalized(word)}?"


def _back(question: str, state: DialogueState) -> str | None:
    """Return the earlier question to go back to; None when none is meant, or it is not known."""
    if back := _BACK.match(question):
        which = (back["en"] or back["zh"] or "").casefold()
        if which in _ORDINALS:
            at = _ORDINALS[which]
            return state.asked[at] if at < len(state.asked) < MAX_TURNS else None
        subjects_of = [subject_of(asked) for asked in state.asked]
        others = [at for at, subject in enumerate(subjects_of) if subject and subject != subjects_of[-1]]
        return state.asked[others[-1] if others else -1]
    if (to := _BACK_TO.match(question)) is None:
        return None
    wanted = set(text.query_terms(to["en"] or to["zh"]))
    found = [asked for asked in state.asked if wanted <= set(text.terms(asked))]
    return found[-1] if found else (to["en"] or to["zh"])


def subject_of(question: str) -> str:
    """Return what a question in English or Chinese is about; empty when it cannot be told."""
    return _side(question).subject_of(question)


def described(question: str) -> str:
    """Return the subject of a question with the name that tells it from others."""
    return _side(question).described_in(question, subject_of(question))


class _Side(Protocol):
    """What both languages' rules offer."""

    def subject_of(self, question: str) -> str: ...

    def described_in(self, question: str, subject: str) -> str: ...

    def with_subject(self, question: str, subject: str) -> str: ...

    def with_new_subject(self, question: str, subject: str, new: str) -> str: ...

    def leans_on_subject(self, question: str) -> bool: ...


def _side(question: str) -> _Side:
    """Return the rules for the language that the question is written in; a Chinese name makes none of it."""
    words = len(re.findall(r"[A-Za-z]+", question))
    return (
        subjects
        if words and not _CLAUSE_ZH.search(question) and _CLAUSE.match(question)
        else (subjects_zh if phrases.is_chinese(question) else subjects)
    )


def _leans_on_subject(question: str) -> bool:
    return _side(question).leans_on_subject(question)


def _asks_person(question: str) -> bool:
    return bool(
        re.search(r"\bwho(?:m|se)?\b|\bwhich (?:man|woman|person)\b", question, re.IGNORECASE)
        or subjects_zh.WHO.search(question)
    )


def _name_in(answer: str, question: str) -> str:
    if phrases.is_chinese(answer):
        return subjects_zh.name_in(answer, question)
    return subjects.name_in(answer, question)


def _is_fragment(question: str) -> bool:
    """Return whether it is a short piece that asks something only beside the question before."""
    if _WHY.match(question) or _ASKED_ALONE.match(question):
        return True
    is_marked = question.rstrip().endswith(("?", "？"))
    short = len(text.query_terms(question)) <= 1
    if short and is_marked and not (_CLAUSE.match(question) or _CLAUSE_ZH.search(question)):
        return True
    is_part = _PREPOSITION.match(question) is not None and not _is_clause(question)
    return is_part or (short and any(slot.search(question) for slot in _SLOTS))


def _capitalized(question: str) -> str:
    return question[:1].upper() + question[1:]
