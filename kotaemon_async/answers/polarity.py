"""What of a question a text says the opposite of: it denies it, or has the word that means the contrary.

>>> opposed("What happens if the gate is locked?", "If the gate is not locked, the alarm rings.")
['locked']
>>> opposed("Who accepted the offer?", "The council rejected the offer.")
['accepted']
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple

from kotaemon_async.domain import text

#: So many words behind a denial are what it denies, within their clause.
_REACH: Final = 3
_DENIAL: Final = re.compile(
    r"not?|never|cannot|neither|nor|without|unable|fail(?:s|ed|ure)?|refus(?:e|es|ed|ing)|[a-z]+n['\u2019]t",
    re.IGNORECASE,
)
#: Asked with yes or no, for which what denies it is an answer.
_YES_OR_NO: Final = re.compile(
    r"^\W*(?:(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|must)\b|\w+n['\u2019]t\b)"
    r"|\bwhether\b|\bor not\b|[吗嗎]|是否|[有能会會是]没|[有能会會是]不",
    re.IGNORECASE,
)
#: A denial by its meaning, in a question that may be answered by what is denied.
_HINDERS: Final = re.compile(
    r"\b(?:not?|never|neither|nor|without|prevent|avoid|lack|stop|forbid|ban|exclud|prohibit|except|reject|impossib|unable"
    r"|fail|refus|cannot|limit|barrier|difficult|problem|weakness)|n['\u2019]t\b|[不没未无非禁免]",
    re.IGNORECASE,
)
#: No denials: not only..., not... until.
_NONE: Final = re.compile(
    r"\bnot only\b|\bnot(?= [^,;.]{0,40}\buntil\b)|\bno(?=\. ?\d)"
    r"|不[但仅只]|无论|未来|不同|[不没未](?=[^，。]{0,8}才)"
)
#: The third of a name is not the fourth: Louis XIII, 腓力二世.
_NUMBERED: Final = re.compile(
    r"\b([A-Z][a-z]+) ([IVX]{1,6})\b|([\u4e00-\u9fff]{2})([一二三四五六七八九十]{1,3}世)"
)
_TOKEN: Final = re.compile(r"[^\W_]+(?:['\u2019][a-z]+)?|[,;:.!?()，；：。！？]", re.IGNORECASE)
_MARK: Final = re.compile(r"[,;:.!?()，；：。！？]")
_CHINESE_DENIAL: Final = re.compile("[不没未][有能会曾]?$")

#: On either side of a stroke stand words for the same, on the two sides of one line their contraries.
_CONTRARIES: Final = """
    accept / reject refuse decline
    allow permit / forbid ban prohibit
    support / oppose
    rise increase grow / fall decrease decline drop
    win won victory / lose lost defeat
    open / close
    arrive / leave depart
    import / export
    legal lawful / illegal unlawful
    public / private
    major / minor
    eastern east / western west
    northern north / southern south
    new / old
    first / last
    largest biggest / smallest
    highest tallest / lowest
    longest / shortest
    oldest / youngest newest
    maximum / minimum
    upper / lower
    inside / outside
    men man male / women woman female
    summer / winter
    urban / rural
    temporary / permanent
    success succeed / failure
    strengthen / weaken
    rich / poor
    friend / enemy
    former formerly / current currently
    ancient / modern
    domestic / foreign
    voluntary / compulsory mandatory
    direct / indirect
    best / worst
    strong / weak
    employer / employee
    接受 同意 / 拒绝 反对
    增加 上升 增长 / 减少 下降
    胜利 获胜 / 失败 战败
    最大 / 最小
    最高 / 最低
    最长 / 最短
    进口 / 出口
    合法 / 非法
    公立 / 私立
    东部 / 西部
    北部 / 南部
    男性 / 女性
    支持 / 反对
    夏季 / 冬季
    前任 / 现任
    国内 / 国外
    直接 / 间接
"""


class _Word(NamedTuple):
    """A word with its stem, and whether it is denied where it stands."""

    written: str
    term: str
    is_denied: bool


def opposed(question: str, said: str) -> list[str]:
    """Return the question's words that a text only denies, or of which it has the contrary alone.

    A word that the question denies is opposed where the text does not deny it.
    """
    return [*_denied(question, said), *_contrary(question, said), *_another(question, said)]


def _denied(question: str, said: str) -> list[str]:
    """Return what the text only denies, and what only the question denies; nothing for yes or no."""
    if _YES_OR_NO.search(question):
        return []
    asked = _words(question)
    stands: dict[str, set[bool]] = {}
    for word in _words(said):
        stands.setdefault(word.term, set()).add(word.is_denied)
    if _HINDERS.search(question):
        found = [word for word in asked if word.is_denied and stands.get(word.term) == {False}]
        return [f"not {word.written}" for word in found if word.written.isascii()][:1]
    return [word.written for word in asked if stands.get(word.term) == {True}][:1]


def _contrary(question: str, said: str) -> list[str]:
    asked, table = _words(question), _contraries()
    if not any(word.term in table for word in asked):
        return []
    wanted, stated = {word.term for word in asked}, {word.term for word in _words(said)}
    found = []
    for word in asked:
        others, same = table.get(word.term, (frozenset(), frozenset()))
        if others & stated - wanted and not (same | {word.term}) & stated:
            found.append(word.written)
    return found


def _another(question: str, said: str) -> list[str]:
    """Return who is asked for where a text tells of others of that name alone."""
    stated = [(match[1] or match[3], match[0]) for match in _NUMBERED.finditer(said)]
    asked = [(match[1] or match[3], match[0]) for match in _NUMBERED.finditer(question)]
    return [one for name, one in asked if {name} & {two for two, _ in stated} and (name, one) not in stated]


@lru_cache(maxsize=64)  # the question is looked at again for each sentence
def _words(words: str) -> tuple[_Word, ...]:
    return tuple(_read(words))


def _read(words: str) -> Iterator[_Word]:
    """Yield the words that say anything, and pairs of Chinese characters, with whether they are denied."""
    reach, plain = 0, _NONE.sub(" ", text.normalized(words))
    for match in _TOKEN.finditer(plain):
        token = match[0]
        if _MARK.fullmatch(token):
            reach = 0
        elif text.is_cjk(token[0]):
            for at in range(len(token) - 1):
                is_denied = _CHINESE_DENIAL.search(token[max(0, at - 2) : at]) is not None
                yield _Word(token[at : at + 2], token[at : at + 2], is_denied)
        elif _DENIAL.fullmatch(token):
            reach = _REACH
        else:
            if token not in text.STOPWORDS:
                yield _Word(token, text.stem(token), reach > 0)
            reach -= 1


@cache
def _contraries() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return the contraries of each term, and the terms that mean the same."""
    found: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for line in _CONTRARIES.strip().splitlines():
        sides = [frozenset(text.terms(side)) for side in line.split("/")]
        for same, others in (sides, reversed(sides)):
            for term in same:
                before = found.get(term, (frozenset(), frozenset()))
                found[term] = (before[0] | others, before[1] | same)
    return found
