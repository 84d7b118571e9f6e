"""A question that leans on the ones before it, made to stand alone: "and in 2019?" after "Revenue in 2018?".

By a model where one answers in time, else by rule: what the new question names takes the place of its like in
the question before, or both are asked together. The rule never drops a word of the new question.
"""

import re
from collections.abc import Sequence
from typing import Final

from kotaemon_async.domain import text

#: Questions before, which a follow-up may lean on.
MAX_TURNS: Final = 6
#: A longer question says by itself what it is about.
_LONG_TERMS: Final = 7
_MAX_CHARS: Final = 500

_LEANS_EN: Final = re.compile(
    r"^\s*(?:and|or|but|also|so|then|what about|how about|what of|why so|why not|why is that|since when|which"
    r" one|which of)\b|\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there"
    r"|then|the same|the other|the former|the latter|one|ones|else|instead)\b",
    re.IGNORECASE,
)
_LEANS_ZH: Final = re.compile(
    r"^\s*(?:那么?|还有|另外|以及|而|又|再|然后|为什么呢|怎么样)|[它他她]们?|这个?|那个?|其中?|该|此|上述|前者|后者|同样"
    r"|呢\s*[？?]?\s*$"
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
_LEAD: Final = re.compile(
    r"^\s*(?:(?:and|or|but|also|so|then|what about|how about)\b|那么?|还有|另外|以及)[\s,，]*", re.IGNORECASE
)
#: What a fragment holds beside the thing that it names.
_FILLER: Final = re.compile(
    r"\b(?:in|on|at|of|for|the|about|during|year|month|quarter)\b|[年月呢吗在]|如何|怎么?样", re.IGNORECASE
)


def leans(question: str) -> bool:
    """Whether the question is likely to need the ones before it."""
    if len(text.query_terms(question)) > _LONG_TERMS:
        return False
    return bool(_LEANS_EN.search(question) or _LEANS_ZH.search(question)) or _is_fragment(question)


def by_rule(question: str, before: Sequence[str]) -> str:
    """The question as it may be asked alone; `before` are the standalone questions so far, in order."""
    if not before or not leans(question):
        return question
    last = before[-1]
    return _with_slots(question, last) or _together(question, last)


def _is_fragment(question: str) -> bool:
    """One or two content words are no question by themselves."""
    return len(text.query_terms(question)) <= 1


def _with_slots(question: str, last: str) -> str | None:
    """The last question with the year, month or quarter of the new one, if the new one adds nothing else."""
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


def _together(question: str, last: str) -> str:
    return f"{last.strip()[:_MAX_CHARS]} {question.strip()}"
