"""What kind of thing a question asks for - a reason, a person, a time, a figure - and whether it is told.

>>> asked("Why was the harbour closed?"), tells("reason", "It was closed because of the ice.", "")
('reason', True)
"""

import re
from itertools import takewhile
from typing import Final, Literal

from kotaemon_async.answers import measures, synonyms
from kotaemon_async.answers.insist import holds_figure
from kotaemon_async.domain import text

Kind = Literal["reason", "person", "time", "figure"]

_ASKED: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (
        "reason",
        re.compile(
            r"\bwhy\b|\bhow come\b|\bwhat (?:was|were|is|are) the (?:main |chief )?(?:reasons?"
            r"|causes?)\b|\bwhat (?:caused|led to)"
            r"\b|[为為][什何]|原因|因[为為何]什?",
            re.IGNORECASE,
        ),
    ),
    (
        "person",
        re.compile(
            r"^\W*(?:by |to |with |from )?(?:who(?! (?:is|was|are|were) [A-Z])|whom"
            r"|whose)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "time",
        re.compile(
            r"\bwhen(?= (?:is|was|were|are|do|does|did|has|have|had|will|would|can|could|should|must|may"
            r"|exactly|else)\b)(?! (?:i|you|we|it|they)\b)"
            r"|\b(?:what|which) (?:year|date|day|month|century|decade)\b"
            r"|什[么麼][时時]候|何[时時]|哪一?[年天月日]|几[月号]|[幾]月|[时時][间間]是",
            re.IGNORECASE,
        ),
    ),
    (
        "figure",
        re.compile(
            r"\bhow (?:many|much|big|large|tall|high|long|far|old|deep|heavy|wide|fast|hot|cold)\b"
            r"|\bwhat (?:percentage|proportion|share|number|fraction)\b|\bwhat (?:is|was|are"
            r"|were) (?:the )?(?:\w+ ){0,2}(?:population|price|cost"
            r"|area|size|height|length|weight|age|temperature|speed|rate|number)\b"
            r"|多[少大高长長远遠重深宽寬久厚快老]|[几幾][个個位名次种種条條座所家人岁歲层層间間]|身高|面[积積]",
            re.IGNORECASE,
        ),
    ),
)
#: Counts as a figure, but the more exact one is wanted.
_VAGUE: Final = re.compile(r"\b(?:many|several|few)\b|[几数](?=[个百千万十名位种])", re.IGNORECASE)
_REASON: Final = re.compile(
    r"\b(?:because|due to|owing to|as a result|in response to|in retaliation|in order to|so that"
    r"|caused by|causes?\b|led to"
    r"|leads? to|resulted? (?:in|from)|reasons?|therefore|thanks to|since|to (?:avoid|prevent"
    r"|protect|reduce|ensure|help"
    r"|support|escape))\b|因[为為此]|由[于於]|所以|[为為]了|以致|以便|[导導]致|使得|之所以|原因|[从從]而",
    re.IGNORECASE,
)
_TIME: Final = re.compile(
    r"\b1[0-9]{3}\b|\b20\d\d\b|\b(?:January|February|March|April|May|June|July|August|September"
    r"|October|November"
    r"|December)\b|\bcentur(?:y|ies)\b|\b\d{1,4} (?:BC|BCE|AD|CE|BP)\b|\b(?:Mon|Tues|Wednes|Thurs"
    r"|Fri|Satur|Sun)day\b"
    r"|\d{2,4}\s?年|\d{1,2}\s?月|世[纪紀]|[年月日]前|[一二三四五六七八九十〇零]年"
)
_NAME: Final = re.compile(
    r"(?<=[a-z,;:] )[A-Z][\w'’-]+(?: (?:[A-Z][\w'’.-]*|of|van|von|de"
    r"|al-\w+))*|^[A-Z][\w'’-]+ [A-Z][\w'’-]+"
)


#: What tells a time beside a date: a part of the day or the year, another event, how often.
_SOME_TIME: Final = re.compile(
    r"\b(?:after|before|during|while|when|whenever|until|till|since|once|upon|every|each|daily|weekly|monthly"
    r"|annual\w*|yearly|ago|later|earlier|today|yesterday|tomorrow|now|currently|immediately|always|never"
    r"|ages?|era|times?|spring|summer|autumn|winter|night|noon|morning|afternoon|evening|weeks?|days?|months?"
    r"|hours?|minutes?|decade|reign|easter|christmas|as soon as|[a-z]+days?)\b|\d"
    r"|[年月日时時晚早夜春夏秋冬天周]|之前|之后|以[前后後]|前|后|後|期|代",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(r"\bhow many ((?:[a-z'\u2019-]+ ?){1,4})", re.IGNORECASE)
#: What ends the words for what is counted, and what may be counted by any word.
_ENDS: Final = re.compile(
    r"(?:did|do|does|is|are|was|were|can|could|has|have|had|will|would|may|must|should|there|of|in|on|at|to)\b"
)
_ANYTHING: Final = re.compile(
    r"\b(?:people|persons?|individuals|times?|others?|more|percent|kinds|types|different|total)\b"
)
#: What comes behind it asks for nothing itself: find out how old it is.
_IN_A_CLAUSE: Final = re.compile(
    r"^\W*(?:how|what|why|where|who|which|do|does|did|can|is|are)\b", re.IGNORECASE
)
#: Asks for more than one thing, of which a sentence may tell the other.
_TWOFOLD: Final = re.compile(
    r"\b(?:and|or) (?:how|when|where|who|whom|what|which|why)\b"
    r"|[,，、;；和及].*(?:[谁哪几]|什么|多少|为何|如何)",
    re.IGNORECASE,
)


def asked(question: str) -> Kind | None:
    """Return what kind of thing a question asks for, None where its words do not tell."""
    return next((kind for kind, pattern in _ASKED if pattern.search(question)), None)


def tells(kind: Kind, sentence: str, question: str) -> bool:
    """Return whether a sentence holds something of the kind that the question does not name itself."""
    match kind:
        case "reason":
            return _REASON.search(sentence) is not None
        case "time":
            return any(match[0] not in question for match in _TIME.finditer(sentence))
        case "figure":
            return holds_figure(question, _VAGUE.sub("", sentence))
        case "person":
            named = question.casefold()
            return any(match[0].casefold() not in named for match in _NAME.finditer(sentence))


def untold(question: str, said: str, around: str) -> list[str]:
    """Return the words that ask for a time, a figure or things counted of which the text tells nothing."""
    kind = None if _TWOFOLD.search(question) else asked(question)
    found = ""
    if kind == "figure" and holds_figure(question, said) and measures.is_measured(question, said):
        found = _uncounted(question, f"{said}\n{around}")
    elif kind == "figure" or (kind == "time" and not _SOME_TIME.search(said)):
        found = _said(kind, question)
    return [found] if found else []


def _said(kind: Kind, question: str) -> str:
    """Return the words by which the kind is asked for."""
    found = (pattern.search(question) for one, pattern in _ASKED if one == kind)
    match = next(filter(None, found), None)
    if match is None or match[0].endswith(("area", "rate", "age")):  # may be meant otherwise
        return ""
    return "" if _IN_A_CLAUSE.search(question[: match.start()]) else match[0]


def _uncounted(question: str, stated: str) -> str:
    """Return the words for what is counted, if none of them stands anywhere."""
    match = _COUNTED.search(text.folded(question))
    counted = match[1].split() if match else []
    words = list(takewhile(lambda word: not _ENDS.fullmatch(word), counted))
    if not words or _ANYTHING.search(" ".join(words)):
        return ""
    plain = text.folded(stated)
    terms = frozenset(text.terms(plain))
    stems = list(map(text.stem, words))
    is_said = any(stem in plain or terms & synonyms.same(stem) for stem in stems)
    return "" if is_said else " ".join(("how many", *words))
