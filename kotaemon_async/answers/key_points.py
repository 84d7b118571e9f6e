"""A document in short, from its own sentences: what it is about, and questions that it answers well.

A question is kept only when the sentence that it was made of is what the words of the question find.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from kotaemon_async.answers import insist, relevance, tables
from kotaemon_async.answers.apart import heads_details, is_apart
from kotaemon_async.answers.composition import tidy, windowed
from kotaemon_async.answers.examples import Example, Kind, question_of, question_on, summary_of
from kotaemon_async.answers.overview import best_sentences, can_open
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
    "date", "figure", "name", "person", "reason", "place", "part", "definition", "topic", "summary",
)  # fmt: skip
#: Of so few sentences a reader knows what is meant by a word that comes back in them.
_SHORT: Final = 12
#: Sentences from which on a document may be summed up.
_ENOUGH: Final = 6
#: A question of so many terms says enough of what it is about.
_SPECIFIC: Final = 4
#: Words within a sentence: those with a capital there are names.
_SMALL_WORD: Final = re.compile(r"(?<=[a-z,] )[a-z]{2,}")
_NAME: Final = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_LONGEST_SOURCE: Final = 300


@dataclass(frozen=True, slots=True)
class _Tried:
    """A question, and the candidate that answers it; a topic is answered by any below its heading."""

    example: Example
    at: int


def key_points(sources: Sequence[Source]) -> tuple[KeyPoint, ...]:
    """Return the sentences that say what a document is about, in its order; of a table its first rows."""
    offered = candidates(sources)
    whole = [one for one in offered if can_open(one)]
    body = [one for one in whole if not heads_details(one.sentence.heading)]
    best = best_sentences(body or whole, _POINTS)
    if not best:
        rows = [one for one in offered if one.columns or one.sentence.kind == "row"]
        best = (rows or [one for one in offered if not (one.is_title or one.is_apart)])[:_ROWS]
    return tuple(_point(one, sources) for one in best)


def example_questions(sources: Sequence[Source]) -> tuple[ExampleQuestion, ...]:
    """Return questions that the document answers, best first."""
    offered = candidates(sources)[:_MOST_SENTENCES]
    words = "\n".join(source.passage.text for source in sources)
    names = {name.lower() for name in _NAME.findall(words)}
    small = frozenset(_SMALL_WORD.findall(words)) - names
    kept: list[_Tried] = []
    titles = {source.title for source in sources}
    for one in _in_order(list(_made(offered, small, titles)))[:_TRIED]:
        kinds = [other.example.kind for other in kept]
        if kinds.count(one.example.kind) < _OF_A_KIND and _finds(one, offered, sources):
            kept.append(one)
        if len(kept) == _QUESTIONS:
            break
    whole = _of_the_whole(sources, offered)
    return tuple(_question(one, offered[one.at]) for one in (*kept[: _QUESTIONS - len(whole)], *whole))


def _of_the_whole(sources: Sequence[Source], offered: Sequence[Candidate]) -> list[_Tried]:
    """Return the wish for a summary of a document that has a title and enough to be summed up."""
    titles = Counter(source.title for source in sources if source.title)
    title = next(iter(dict(titles.most_common(1))), "")
    example = summary_of(tidy(title)) if title and not is_apart(title) else None
    opening = next((at for at, one in enumerate(offered) if can_open(one)), 0)
    return [_Tried(example, opening)] if example is not None and len(offered) >= _ENOUGH else []


def _made(offered: Sequence[Candidate], small: frozenset[str], titles: Collection[str]) -> Iterator[_Tried]:
    """Yield a question on each sentence that has one of the forms, and on each heading, none twice."""
    seen: set[str] = set()
    named = Counter(word for one in offered for word in set(re.findall("[a-z]+", one.sentence.text.lower())))
    is_short = len(offered) <= _SHORT

    def is_known(noun: str) -> bool:
        return (is_short and named[noun] > 1) or any(noun in title.lower().split() for title in titles)

    for at, one in enumerate(offered):
        is_sentence = one.sentence.kind == "sentence" and not (one.is_title or one.is_apart)
        example = question_of(tidy(one.sentence.text), small.__contains__, is_known) if is_sentence else None
        if example is not None and example.question not in seen:
            seen.add(example.question)
            yield _Tried(example, at)
    numbered = list(enumerate(offered))
    for heading, below in groupby(numbered, key=lambda pair: pair[1].sentence.heading):
        places = [at for at, _ in below]
        is_section = heading and heading not in titles and len(places) > 1
        example = question_on(heading, small.__contains__) if is_section else None
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
    return ExampleQuestion(
        one.example.question, said.places[0].page, said.text[:_LONGEST_SOURCE], said.heading
    )


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
