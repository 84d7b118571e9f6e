"""An answer without a model: the sentences that share most with the question, word for word."""

import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kotaemon_async.answers import phrases, quotes
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Piece, Prompt, Quote
from kotaemon_async.domain import text
from kotaemon_async.domain.model import Passage, ServedBy

#: With the markers that follow each sentence, answers stay below 450 and 250 characters on average.
ENGLISH_CHARACTERS: Final = 450
CJK_CHARACTERS: Final = 340
_MARKER_CHARACTERS: Final = 5

#: What a sentence has from its neighbours' words: "It was opened in 1901." stands beside the name.
_NEIGHBOUR_SHARE: Final = 0.25
#: What a passage's other sentences keep once one is taken, so that an answer rests on several passages.
_AGAIN: Final = 0.85
#: A sentence, with its neighbours, has to share this much of what the best one shares with the question...
_RELEVANT: Final = 0.1
#: ...and stand in a passage that is found at least this well, beside the best one.
_FOUND: Final = 0.4
#: How strongly a long sentence has to be better than a short one.
_LENGTH_POWER: Final = 0.2

#: Spaces, and what Markdown writes before headings, quotes and points of a list.
_MARKUP: Final = " \t\r\n\f\u3000#>*-"
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|al|cf|Fig|Figs|No|Nos|Vol|pp|approx|ca|Inc|Ltd|Co|Gen"
    r"|Col|Lt|Sgt|Gov|Sen|Rep|Rev|Eq|Ref|Refs|Sec|Ch|e\.g|i\.e|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec))$"
)
_SENTENCE_END: Final = re.compile(
    r"[。！？；!?]+[”’」』）)\"']*|\.+[”’)\"'\]]*(?:\[\d{1,3}\])*(?=\s|$)|\n\s*\n"
)


@dataclass(frozen=True, slots=True)
class Picked:
    """One sentence, word for word, and the position of the passage that it stands in."""

    text: str
    passage: int


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: int
    start: int
    text: str
    terms: frozenset[str]


class ExtractiveProvider:
    """The best sentences of the best passages, word for word, each with its marker; needs no model."""

    name = "extractive"
    served_by: ServedBy = "extractive"

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:  # noqa: ARG002
        """Yield one Delta with the whole text, and its quotes in the Finish."""
        words, found = compose(prompt.passages, best_sentences(prompt.question, prompt.passages))
        yield Delta(words or phrases.nothing_found(prompt.question))
        yield Finish(quotes=found)


def compose(passages: Sequence[Passage], picked: Sequence[Picked]) -> tuple[str, tuple[Quote, ...]]:
    """Return a readable text with markers from 1 on, and the quote behind each marker.

    Neighbours on the page share a marker; a sentence that does not stand in its passage is left out.
    """
    parts: list[str] = []
    found: list[Quote] = []
    previous = (-1, 0, 0)  # passage, start of its quote, end of the last sentence
    for pick in picked:
        page = passages[pick.passage].text
        place = quotes.span(page, pick.text)
        if place is None:
            continue
        start, end = place
        if previous[0] == pick.passage and start >= previous[2] and not page[previous[2] : start].strip():
            start = previous[1]
            found.pop()
        marker = len(found) + 1
        found.append(Quote(marker, pick.passage, page[start:end]))
        parts.append(_marked(page[place[0] : end], marker))
        previous = (pick.passage, start, end)
    return _joined(parts), tuple(found)


def _marked(sentence: str, marker: int) -> str:
    return f"{text.one_line(sentence)}{'' if phrases.is_chinese(sentence) else ' '}[{marker}]"


def _joined(parts: Sequence[str]) -> str:
    whole = ""
    for part in parts:
        whole += part if not whole or phrases.is_chinese(part[0]) else f" {part}"
    return whole


def sentences(passage: str) -> list[tuple[int, str]]:
    """Return each sentence with its offset, in order; abbreviations, initials and decimals do not end one."""
    found, begin = [], 0
    for end in [*_ends(passage), len(passage)]:
        piece = passage[begin:end]
        stripped = piece.lstrip(_MARKUP).rstrip()
        if any(map(str.isalnum, stripped)):
            found.append((begin + len(piece) - len(piece.lstrip(_MARKUP)), stripped))
        begin = end
    return found


def _ends(passage: str) -> Iterator[int]:
    for match in _SENTENCE_END.finditer(passage):
        dot = match[0].startswith(".")
        if not (
            dot
            and len(match[0]) == 1
            and _ABBREVIATION.search(passage, max(0, match.start() - 8), match.start())
        ):
            yield match.end()


def best_sentences(question: str, passages: Sequence[Passage]) -> list[Picked]:
    """Return the best sentences within an answer's length, passage by passage as they were ranked.

    A sentence counts by the question's words in it, rare words more, and by its passage's score.
    """
    offered = _offered(question, passages)
    if not offered:
        return []
    chosen = _chosen(*_relevant(question, offered, passages))
    return [Picked(one.text, one.passage) for one in sorted(chosen, key=lambda one: (one.passage, one.start))]


def _offered(question: str, passages: Sequence[Passage]) -> list[_Sentence]:
    """Return every different sentence that says more than the question, as a heading often does not."""
    asked = frozenset(text.terms(question))
    found: dict[frozenset[str], _Sentence] = {}
    for number, passage in enumerate(passages):
        for start, sentence in sentences(passage.text):
            terms = frozenset(text.terms(sentence))
            if len(terms) > 1 and not terms <= asked:
                found.setdefault(terms, _Sentence(number, start, sentence, terms))
    return list(found.values())


def _relevant(
    question: str, offered: Sequence[_Sentence], passages: Sequence[Passage]
) -> tuple[list[_Sentence], list[float]]:
    """Return the sentences that have to do with the question, and the value of each."""
    words = _words(question, offered)
    best_score = max(passage.score for passage in passages) or 1.0
    found = [passages[sentence.passage].score / best_score for sentence in offered]
    near = [at for at in range(len(offered)) if found[at] >= _FOUND] or list(range(len(offered)))
    least = _RELEVANT * max(words[at] for at in near)
    kept = [at for at in near if words[at] >= least]
    return [offered[at] for at in kept], [words[at] + found[at] for at in kept]


def _words(question: str, offered: Sequence[_Sentence]) -> list[float]:
    """Return the part of the question in each sentence, rare words more, and a share of its neighbours'."""
    counts = Counter(term for sentence in offered for term in sentence.terms)
    asked = [term for term in text.query_terms(question) if counts[term]]
    idf = {term: math.log(1 + len(offered) / counts[term]) for term in asked}
    whole = sum(idf.values()) or 1.0
    shared = [sum(idf.get(term, 0.0) for term in sentence.terms) / whole for sentence in offered]
    return [shared[at] + _NEIGHBOUR_SHARE * _beside(at, offered, shared) for at in range(len(offered))]


def _beside(at: int, offered: Sequence[_Sentence], shared: Sequence[float]) -> float:
    """Return the better of the neighbours in the same passage."""
    near = [near for near in (at - 1, at + 1) if 0 <= near < len(offered)]
    return max((shared[n] for n in near if offered[n].passage == offered[at].passage), default=0.0)


def _chosen(offered: Sequence[_Sentence], values: Sequence[float]) -> list[_Sentence]:
    """Return the best sentences for their length that fit; only a beginning when all are too long."""
    cjk = text.cjk_share(" ".join(sentence.text for sentence in offered)) > 0.3
    room = CJK_CHARACTERS if cjk else ENGLISH_CHARACTERS
    worth = {at: value / (len(offered[at].text) + 20) ** _LENGTH_POWER for at, value in enumerate(values)}
    chosen: list[_Sentence] = []
    while worth:
        best = max(worth, key=lambda at: (worth[at], -at))
        del worth[best]
        sentence = offered[best]
        needed = len(sentence.text) + _MARKER_CHARACTERS
        if needed > room:
            continue
        room -= needed
        chosen.append(sentence)
        for at in worth:
            if offered[at].passage == sentence.passage:
                worth[at] *= _AGAIN
    if chosen:
        return chosen
    best = max(range(len(offered)), key=lambda at: values[at])
    return [replace(offered[best], text=_cut(offered[best].text, room))]


def _cut(sentence: str, room: int) -> str:
    """Return the beginning of a sentence that is too long, up to a whole word where it has words."""
    begun = sentence[:room]
    return begun.rsplit(None, 1)[0] if not text.is_cjk(begun[-1]) and " " in begun else begun
