"""What an English question is about, and that question with something else in its subject's place.

No grammar is parsed: a noun phrase ends where a preposition, a verb of a short list or a mark begins, which
is enough for the short questions of a conversation. What it does not understand it leaves alone.

>>> subject_of("Who built the lighthouse of Varn?")
'the lighthouse of Varn'
>>> with_subject("When did he die?", "Ole Brandt")
'When did Ole Brandt die?'
>>> with_new_subject("When did Ole Brandt die?", "Ole Brandt", "Nikola Tesla")
'When did Nikola Tesla die?'
"""

import re
from typing import Final

from kotaemon_async.domain.text import STOPWORDS

_AUXILIARY: Final = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may"
    r"|might|must)(?:n['’]t)?"
)
_DO: Final = re.compile(r"(?:do|does|did|can|could|will|would|shall|should|may|might|must)\b", re.IGNORECASE)
_ASKED: Final = (
    r"(?:how(?: (?!do\b|does\b|did\b|is\b|are\b|was\b|were\b|can\b)\w+)?|when|where|why|whom?|since when"
    r"|until when"
    r"|(?:what|which|whose|how (?:many|much))(?: (?!is\b|are\b|was\b|were\b|do\b|does\b|did\b)\w+){0,2}?"
    r"|what)"
)
_OPENING: Final = re.compile(
    rf"^\W*(?:(?:in|on|at|by|for|from|to|with|since) )?(?:{_ASKED} )?{_AUXILIARY} +", re.IGNORECASE
)
_ASKS: Final = re.compile(
    rf"^\W*(?:how|when|where|why|who|whom|whose|what|which)\b|\b{_AUXILIARY}\b", re.IGNORECASE
)
_YEAR: Final = re.compile(r"\b(?:in )?(?:1[5-9]|20)\d\d\b")
_BY_WHOM: Final = re.compile(r"^\W*who(?:m|se)?\b *", re.IGNORECASE)
_TOLD: Final = re.compile(
    r"^\W*(?:please )?(?:(?:tell|show) (?:me|us) (?:more )?(?:about|of)|describe|explain|summari[sz]e"
    r"|information (?:on|about)"
    r"|more (?:on|about)|what about|how about|what is known (?:of|about)|what do you know (?:of|about))\b *",
    re.IGNORECASE,
)
_STOPPING = """
    in on at by for from to with without into during before after since until between under over about
    against through per via within across near that which who whom whose when where while because if than as
    so but or and is are was were be been being do does did has have had can could will would shall should
    may might must he she it they him them his her its their this these those there then first last already
    still ever never not usually often always also only now today exactly currently actually originally
    finally mostly
"""
_STOPPERS: Final = frozenset(_STOPPING.split())
_ORDINALS: Final = frozenset({"first", "last"})
_ASKING: Final = frozenset(["what", "who", "how", "why", "whose"])
#: Verbs that questions are asked with; behind "did" some verb has to come, behind "was" a participle may.
_ASKED_WITH = """
    accept agree allow apply arrive ask become begin belong break bring build buy call carry cause change
    charge close come consist contain cost create cross cut decide die differ discover do draw drive drop
    eat employ end enter exist expire explain fall feed feel fight fill find finish fly follow form found
    freeze get give go grow happen have help hold hunt include increase introduce invent join keep kill know
    last lead learn leave lie live look lose make marry mean measure meet move need offer open operate order
    own pay perform play pour produce protect provide publish reach read receive reign remain replace report
    represent require rise rule run say see sell send serve share shut sign sit sleep speak spend spread
    stand start stay stop study support swim take teach tell thaw think travel turn use visit wait want wear
    weigh win work write
"""
_VERBS: Final = frozenset(_ASKED_WITH.split())
_DONE = """
    bought broken brought built called caught chosen cut done drawn driven eaten fed felt fought found given
    gone grown held hidden hit hurt kept known laid led left lost made married meant met paid put read run
    said seen sent set shut sold spoken spent spread stolen taken taught told thought thrown torn understood
    won worn written born dead alive open closed big old tall long high wide deep heavy large small far many
    much
"""
_PARTICIPLES: Final = frozenset(_DONE.split())
_WORD: Final = re.compile(r"[\w][\w.'’&/-]*")
_DETERMINER: Final = re.compile(r"(?:the|a|an|our|your|my|all|every|each|some|any) ", re.IGNORECASE)
_NAME: Final = re.compile(
    r"(?:[^\W\d_a-z][\w'’.-]*)(?: (?:(?:of|the|de|di|du|dos|von|van|zu|der|ter|la|le|al|bin|ibn|ben|arap"
    r"|&) ){0,2}[^\W\d_a-z][\w'’.-]*)*"
)
#: Pronouns for a thing or person, as a subject or object, and as an owner.
_OWNER: Final = re.compile(r"\b(?:his|its|their|whose|theirs|her(?= +(?!\W|$)\w))\b", re.IGNORECASE)
_PRONOUN: Final = re.compile(
    r"\b(?:he|she|it|they|him|her|them|(?:this|that|these|those)(?: ones?)?(?= *(?:\W*$|[,.;!?]|\b(?:is|are"
    r"|was|were|do|does|did"
    r"|has|have|had|can|could|will|would|should|may|must|happen|work|mean|cost|take|apply"
    r"|change|possible|true|important|necessary|allowed|normal|known|called)\b)))(?P<is>['’]s)?(?!['’\w])",
    re.IGNORECASE,
)
_POINTED: Final = re.compile(
    r"\b(?:this|that|these|those)(?: (?:one|kind|type|sort))? +(?P<noun>[a-z]\w+)",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"(?<!is )(?<!are )(?<!was )(?<!were )\bthere\b(?! (?:is|are|was|were)\b)", re.IGNORECASE
)
#: "It" that stands for nothing: does it take, is it true that.
_EMPTY_IT: Final = re.compile(
    r"\b(?:does|did|will|would|can) it (?:take|cost|matter|happen|rain|snow)\b.*\b(?:to|that|for)\b"
    r"|\b(?:is|was) it (?:\w+ )?(?:true|possible|necessary|allowed|safe|legal|required|important|better"
    r"|worth)\b"
    r"|\bit (?:is|was) \w+ (?:to|that)\b|\bwhat time is it\b",
    re.IGNORECASE,
)


def subject_of(question: str) -> str:
    """Return the words that name what the question is about; empty when they cannot be told."""
    if not (_TOLD.match(question) or _OPENING.match(question) or _ASKS.search(question)):
        return _YEAR.sub("", question).strip(" ?!.,")
    if (told := _TOLD.match(question)) and (found := _phrase(question, told.end())):
        return found
    if opening := _OPENING.match(question):
        verb = _DO.match(question[opening.start() : opening.end()].rsplit(maxsplit=1)[-1]) is not None
        found = _phrase(question, opening.end(), before_verb=verb)
        if found and not _is_bare(found):
            return found
    if who := _BY_WHOM.match(question):
        verb_end = _WORD.match(question, who.end())
        if verb_end and (found := _after_verb(question, verb_end.end())):
            return found
    return _name_of(question) or _named_by_the(question)


def described_in(question: str, subject: str) -> str:
    """Return the subject with the name that tells it from others: "the museum in Oslo"."""
    at = question.find(subject) + len(subject)
    more = (
        re.match(r" (?:in|at|on|near|with|for|from|by) (?:the )?(?=[A-Z])", question[at:])
        if subject
        else None
    )
    name = _NAME.match(question, at + more.end()) if more else None
    return subject + question[at : name.end()].rstrip("?.!") if name else subject


def name_in(answer: str, question: str) -> str:
    """Return the name that an answer gives to a question for somebody or a place; empty without one."""
    asked = question.casefold()
    names = [
        (match[0], answer[: match.start()].rstrip().endswith(" by"))
        for match in _NAME.finditer(_without_markers(answer))
        if (name := _bare_name(match[0])) and name.casefold() not in asked
    ]
    several = [(_bare_name(name), by) for name, by in names]
    known = [(name, by) for name, by in several if not _is_mentioned(name, asked)]
    known.sort(key=lambda one: (not one[1], " " not in one[0]))  # behind "by" first, then whole names
    return known[0][0] if known else ""


def leans_on_subject(question: str) -> bool:
    """Return whether a pronoun stands for something that the question itself does not name before it."""
    pronoun = _first_pronoun(question)
    if pronoun is None:
        return False
    before = question[: pronoun.start()]
    names = [name for match in _NAME.finditer(before) if (name := _bare_name(match[0]))]
    named = bool(names) or (pronoun.re is _OWNER and re.search(r"\b(?:the|a|an) \w+", before, re.I))
    return not named


def with_subject(question: str, subject: str) -> str:
    """Return the question with its first pronoun replaced by the subject, or unchanged without a pronoun."""
    pronoun = _first_pronoun(question)
    if pronoun is None or not subject:
        return question
    before, after = question[: pronoun.start()], question[pronoun.end() :]
    if pronoun.re is _OWNER:
        return f"{before}{_owning(subject)}{after}"
    if pronoun.re is _PLACE:
        return f"{before}in {subject}{after}"
    if pronoun.re is _POINTED:
        noun = pronoun["noun"]
        is_named = noun.casefold() in subject.casefold()
        return f"{before}{subject if is_named else f'the {noun} of {subject}'}{after}"
    return f"{before}{subject}{' is' if pronoun['is'] else ''}{after}"


def with_new_subject(question: str, subject: str, new: str) -> str:
    """Return the question with another subject, or another name or head in it, whichever is like the new one.

    >>> with_new_subject("What is the population of Kenya?", "the population of Kenya", "Norway")
    'What is the population of Norway?'
    >>> with_new_subject("What is the population of Kenya?", "the population of Kenya", "the area")
    'What is the area of Kenya?'
    """
    at = question.find(subject) if subject else -1
    if at < 0:
        return question
    return question[:at] + _exchanged(subject, new) + question[at + len(subject) :]


def _exchanged(subject: str, new: str) -> str:
    if (part := re.match(r"(.+ of .+)(['’]s? [^ ].*)$", subject)) and bool(
        _has_name(new) or new[:1].isupper()
    ):
        return _exchanged(part[1], new) + part[2]
    head, of, owner = subject.partition(" of ")
    has_names = any(_bare_name(match[0]) for match in _NAME.finditer(subject))
    bare = _DETERMINER.match(new) is None and " of " not in new
    is_name = bare and (new[:1].isupper() or not has_names or new[:1].isdigit())
    if of and is_name and "'s " not in new:
        return f"{head} of {new}"
    if of and not is_name and " of " not in new and not _has_name(new):
        return f"{new} of {owner}"
    possessive = re.match(r"(.+?['’]s?) (.+)", subject)
    if possessive and is_name and "'s " not in new:
        return f"{_owning(new)} {possessive[2]}"
    if possessive and not is_name and not _has_name(new):
        return f"{possessive[1]} {_DETERMINER.sub('', new, count=1)}"
    return new


def _has_name(phrase: str) -> bool:
    return any(_bare_name(match[0]) for match in _NAME.finditer(phrase))


def _owning(subject: str) -> str:
    return f"{subject}'" if subject.endswith("s") else f"{subject}'s"


def _phrase(question: str, start: int, *, before_verb: bool = False) -> str:
    """Return the noun phrase that begins there; `before_verb` says that a verb has to follow it."""
    determiner = _DETERMINER.match(question, start)
    words: list[re.Match[str]] = []
    at = determiner.end() if determiner else start
    while word := _WORD.match(question, at):
        plain = word[0].casefold().rstrip(".")
        if (plain in _STOPPERS and (words or plain not in _ORDINALS)) or (
            words and _is_verb(plain, word[0], before_verb)
        ):
            break
        words.append(word)
        at = word.end()
        if not question.startswith(" ", at):
            break
        at += 1
    is_at_end = not question[words[-1].end() :].strip(" ?!.") if words else False
    if before_verb and is_at_end and len(words) > 1:
        words.pop()
    while words and words[-1][0].casefold() in ("of", "the", "a"):
        words.pop()
    return question[start : words[-1].end()].rstrip(".") if words else ""


def _is_verb(plain: str, word: str, before_verb: bool) -> bool:
    if word[0].isupper():
        return False
    if before_verb:
        return plain in _VERBS
    return plain in _PARTICIPLES or (len(plain) > 4 and plain.endswith(("ed", "ing")))


def _after_verb(question: str, at: int) -> str:
    """Return the noun phrase behind a verb and the small words that belong to it."""
    while question.startswith(" ", at):
        at += 1
        if found := _phrase(question, at):
            return found
        word = _WORD.match(question, at)
        if word is None:
            return ""
        at = word.end()
    return ""


def _name_of(question: str) -> str:
    """Return the last name of the question, with the head that it belongs to."""
    found = ""
    for match in _NAME.finditer(question):
        if name := _bare_name(match[0]):
            start = match.start() + match[0].rfind(name)
            head = re.search(r"(?:the |a )?[a-z]+(?: [a-z]+)? of (?:the )?$|\bthe $", question[:start])
            found = _phrase(question, head.start()) if head else question[start : match.end()].rstrip("?.!")
    return found


def _named_by_the(question: str) -> str:
    starts = re.finditer(r"\b(?:the|our|a|an) (?=\w)", question, re.IGNORECASE)
    found = [_phrase(question, match.start()) for match in starts]
    return found[-1] if found else ""


def _bare_name(words: str) -> str:
    """Return the name without question and function words at its beginning, which have capitals there."""
    parts = words.split(" ")
    while parts and re.sub(r"['’].*", "", parts[0].casefold()) in STOPWORDS | {"tell", "describe", "explain"}:
        parts.pop(0)
    name = " ".join(parts).rstrip(".'’")
    return re.sub(r"['’]s$", "", name) if len(name) > 1 else ""


def _is_mentioned(name: str, asked: str) -> bool:
    return all(part.casefold() in asked for part in name.split())


def _is_bare(phrase: str) -> bool:
    """Return whether a phrase names nothing: "it", "people", a number."""
    return phrase.casefold() in (
        "people",
        "much",
        "many",
        "one",
        "someone",
        "anyone",
        "anything",
        "something",
    )


def _without_markers(answer: str) -> str:
    return re.sub(r"\s*\[\d{1,3}\]", "", answer)


def _first_pronoun(question: str) -> re.Match[str] | None:
    if _EMPTY_IT.search(question):
        return None
    found = [
        match
        for pattern in (_OWNER, _PRONOUN, _POINTED, _PLACE)
        for match in pattern.finditer(question)
        if not _relates(question, match)
    ]
    return min(found, key=lambda match: match.start(), default=None)


def _relates(question: str, match: re.Match[str]) -> bool:
    """Return whether it is the "that" of "the storm that came", behind a noun."""
    if not match[0].casefold().startswith("that"):
        return False
    before = _WORD.findall(question[: match.start()])
    if not before:
        return False
    word = before[-1].casefold()
    return not (word in _STOPPERS or word in _VERBS or word in _ASKING or _is_verb(word, word, False))
