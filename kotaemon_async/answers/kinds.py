"""What kind of thing a question asks for - a reason, a person, a time, a figure - and whether it is told.

>>> asked("Why was the harbour closed?"), tells("reason", "It was closed because of the ice.", "")
('reason', True)
"""

import re
from typing import Final, Literal

from kotaemon_async.answers.insist import holds_figure

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
            r"\bwhen\b(?! (?:i|you|we|it|they)\b)|\b(?:what|which) (?:year|date|day|month|century|decade)\b"
            r"|什[么麼][时時]候|何[时時]|哪一?[年天月日]|几[月号]|[幾]月|[时時][间間]是",
            re.IGNORECASE,
        ),
    ),
    (
        "figure",
        re.compile(
            r"\bhow (?:many|much|big|large|tall|high|long|far|old|deep|heavy|wide|fast|hot|cold)\b"
            r"|\bwhat (?:percentage|proportion|share|number|fraction)\b|\bwhat (?:is|was|are"
            r"|were) the (?:population|price|cost"
            r"|area|size|height|length|weight|age|temperature|speed|rate|number)\b"
            r"|多[少大高长長远遠重深宽寬久厚快老]|[几幾][个個位名次种種条條座所家人岁歲层層间間]|身高|面[积積]",
            re.IGNORECASE,
        ),
    ),
)
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
            return holds_figure(question, sentence)
        case "person":
            named = question.casefold()
            return any(match[0].casefold() not in named for match in _NAME.finditer(sentence))
