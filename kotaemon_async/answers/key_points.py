"""A document in short, from its own sentences: what it is about, and questions that it answers well.

A question is kept only when the sentence that it was made of is what the words of the question find.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from kotaemon_async.answers import insist, relevance, tables
from kotaemon_async.answers.composition import DANGLING, tidy, windowed
from kotaemon_async.answers.examples import Example, Kind, question_of, question_on
from kotaemon_async.answers.overview import best_sentences
from kotaemon_async.answers.selection import Candidate, Selection, asked_terms, candidates, is_cjk
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.overviews import ExampleQuestion, KeyPoint

#: Passages of a document that are looked at: its beginning, and others evenly.
LOOKED_AT: Final = 16
_POINTS: Final = 4
_ROWS: Final = 3
_QUESTIONS: Final = 5
#: Questions that are tried, and how many of one kind are shown.
_TRIED: Final = 14
_OF_A_KIND: Final = 2
#: Sentences that a question is tried on.
_MOST_SENTENCES: Final = 160
#: What people ask for most, first.
_ORDER: Final[tuple[Kind, ...]] = (
    "date", "figure", "name", "person", "place", "part", "definition", "topic",
)  # fmt: skip
#: A question of so many terms says enough of what it is about.
_SPECIFIC: Final = 4
#: Words within a sentence: those with a capital there are names.
_SMALL_WORD: Final = re.compile(r"(?<=[a-z,] )[a-z]{2,}")
_NAME: Final = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
#: How sentences begin that need the one before, beside those with a word that points back.
_UNLED: Final = re.compile(
    r"So\b|Yet\b|For this|于|於|在(?:这|這|此|途|其)|最[后後]|以往|随[后後]|其[中后後]|[此该該]"
)
_LONGEST_SOURCE: Final = 300


@dataclass(frozen=True, slots=True)
class _Tried:
    """A question, and the candidate that answers it; a topic is answered by any below its heading."""

    example: Example
    at: int


def key_points(sources: Sequence[Source]) -> tuple[KeyPoint, ...]:
    """Return the sentences that say what a document is about, in its order; of a table its first rows."""
    offered = candidates(sources)
    whole = [one for one in offered if not (_leans(one.sentence.text) or one.is_title)]
    best = best_sentences(whole, _POINTS)
    if not best:
        best = [one for one in offered if one.columns or one.sentence.kind == "row"][:_ROWS] or whole[:_ROWS]
    return tuple(_point(one, sources) for one in best)


def _leans(sentence: str) -> bool:
    return DANGLING.match(sentence) is not None or _UNLED.match(sentence) is not None


def example_questions(sources: Sequence[Source]) -> tuple[ExampleQuestion, ...]:
    """Return questions that the document answers, best first."""
    offered = candidates(sources)[:_MOST_SENTENCES]
    whole = "\n".join(source.passage.text for source in sources)
    names = {name.lower() for name in _NAME.findall(whole)}
    small = frozenset(_SMALL_WORD.findall(whole)) - names
    kept: list[_Tried] = []
    for one in _in_order(list(_made(offered, small)))[:_TRIED]:
        kinds = [other.example.kind for other in kept]
        if kinds.count(one.example.kind) < _OF_A_KIND and _finds(one, offered, sources):
            kept.append(one)
        if len(kept) == _QUESTIONS:
            break
    return tuple(_question(one, offered[one.at]) for one in kept)


def _made(offered: Sequence[Candidate], small: frozenset[str]) -> Iterator[_Tried]:
    """Yield a question on each sentence that has one of the forms, and on each heading, none twice."""
    seen: set[str] = set()
    for at, one in enumerate(offered):
        is_sentence = one.sentence.kind == "sentence" and not one.is_title
        example = question_of(tidy(one.sentence.text), small.__contains__) if is_sentence else None
        if example is not None and example.question not in seen:
            seen.add(example.question)
            yield _Tried(example, at)
    numbered = list(enumerate(offered))
    for heading, below in groupby(numbered, key=lambda pair: pair[1].sentence.heading):
        places = [at for at, _ in below]
        example = question_on(heading, small.__contains__) if heading and len(places) > 1 else None
        is_same = example is not None and is_cjk(example.question) == offered[places[0]].is_cjk
        if example is not None and is_same and example.question not in seen:
            seen.add(example.question)
            yield _Tried(example, places[0])


def _in_order(made: Sequence[_Tried]) -> list[_Tried]:
    """Return the questions by kind in turn; of each kind those first that say most of what they are about."""
    ranked = sorted(made, key=lambda one: -min(_SPECIFIC, len(asked_terms(one.example.question))))
    places: dict[Kind, int] = {}
    turns = []
    for one in ranked:
        kind = one.example.kind
        places[kind] = places.get(kind, -1) + 1
        turns.append((places[kind], _ORDER.index(kind), one))
    return [one for _, _, one in sorted(turns, key=lambda turn: turn[:2])]


def _finds(one: _Tried, offered: Sequence[Candidate], sources: Sequence[Source]) -> bool:
    """Return whether the words of the question find its sentence first, and nothing asked for is missing."""
    question, wanted = one.example.question, offered[one.at]
    same = [other for other in offered if other.is_cjk == wanted.is_cjk]
    selection = Selection(question, same)
    values = selection.values(None)
    best = same[max(values, key=lambda at: (values[at], -at))]
    if one.example.kind == "topic":
        return best.sentence.heading == wanted.sentence.heading
    around = f"{wanted.sentence.heading}\n{sources[wanted.source].passage.text}"
    terms = asked_terms(question)
    weights = relevance.weighted(terms, {}, words_only=True)
    held = relevance.covered(weights, wanted.context | frozenset(wanted.terms))
    is_enough = relevance.shares_enough(question, held)
    return best is wanted and is_enough and not insist.missing(question, wanted.sentence.text, around)


def _question(one: _Tried, answered_by: Candidate) -> ExampleQuestion:
    said = answered_by.sentence
    return ExampleQuestion(one.example.question, said.places[0].page, said.text[:_LONGEST_SOURCE])


def _point(one: Candidate, sources: Sequence[Source]) -> KeyPoint:
    page, passage = one.sentence.places[0].page, sources[one.source].passage
    place = replace(passage.place, number=page)
    if place.kind == "page" and page != passage.page:
        place = replace(place, label="")
    heading = one.sentence.heading
    if heading and heading not in place.headings[-1:]:
        place = replace(place, headings=(heading,))
    if one.sentence.row:
        place = replace(place, rows=(one.sentence.row, one.sentence.row))
    said = tables.shown(one.columns, one.sentence.text, {}) if one.columns else tidy(one.sentence.text)
    return KeyPoint(windowed(said, {}), page, place)
