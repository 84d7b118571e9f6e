"""An answer without a model: the few sentences that answer the question, or what comes nearest."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import anyio
import anyio.to_thread
import numpy as np
from loguru import logger
from numpy.typing import NDArray

from kotaemon_async.answers import kinds, phrases, relevance, roles, synonyms
from kotaemon_async.answers.composition import POINTS_BACK, composed
from kotaemon_async.answers.insist import denial_of, missing, missing_figures
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, NoAnswer, Piece, Prompt
from kotaemon_async.answers.overview import summed_up
from kotaemon_async.answers.polarity import opposed
from kotaemon_async.answers.quotes import unmarked
from kotaemon_async.answers.relevance import Rarity
from kotaemon_async.answers.selection import (
    Candidate,
    Selection,
    asked_terms,
    by_language,
    candidates,
    is_cjk,
    stated_terms,
)
from kotaemon_async.answers.sources import Source
from kotaemon_async.answers.spelling import respelled
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Outcome, ServedBy
from kotaemon_async.domain.sentences import is_complete
from kotaemon_async.telemetry import traces

#: The part of what is left of a question's time that embedding may take, and the longest.
_EMBEDDING_SHARE: Final = 0.4
_EMBEDDING_AT_MOST_S: Final = 2.0
#: What a sentence gains in nearness that holds the only word which is asked for: What is IT?
_ONE_WORD: Final = 0.1
#: ...and one that holds all of several words.
_ALL_WORDS: Final = 0.03
#: What each thing that the question insists on takes from the value of a sentence it does not stand with.
_LACKING: Final = 0.5
#: The share of the question's words from which on a row with its columns is what is asked for.
_ASKED_ROW: Final = 0.85
#: A sentence in front of one that points back is shown up to so many characters.
_LONGEST_LEAD: Final = 220
_LONGEST_LEAD_CJK: Final = 70
#: What a figure of the question takes that a sentence does not hold itself.
_FIGURE_BESIDE: Final = 0.2


class SentenceEmbedder(Protocol):
    """The part of the embedder that compares a question with sentences.

    Cosines of a model that is not `calibrated` do not mean what this module's thresholds say.
    """

    @property
    def calibrated(self) -> bool: ...
    async def embed_query(self, text: str) -> NDArray[np.float32]: ...
    async def embed_sentences(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class _Choice:
    """Sentences to be shown, best first, and what the question insists on and they lack."""

    shown: list[Candidate]
    weights: Mapping[str, float]
    outcome: Outcome
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Nearness:
    """Cosines with the question, by index of the candidate, and with its last part, where it has one."""

    whole: Mapping[int, float]
    part: str | None = None
    with_part: Mapping[int, float] = field(default_factory=dict)


class ExtractiveProvider:
    """The best sentences of the best passages, word for word, in runs with a marker each; needs no model."""

    name = "extractive"
    served_by: ServedBy = "extractive"

    def __init__(
        self, embedder: Callable[[], SentenceEmbedder] | None = None, rarity: Rarity | None = None
    ) -> None:
        """Choose sentences by words alone without an embedder, all terms alike without their rarity.

        `embedder` returns the model that answers at present.
        """
        self._embedder = embedder
        self._rarity = rarity

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Yield one Delta with the whole text, and its quotes in the Finish.

        Raises: NoAnswer when the sources have nothing to do with the question.
        """
        if prompt.overview is not None:
            words, quotes = summed_up(prompt.question, prompt.overview, prompt.sources)
            yield Delta(words)
            yield Finish(quotes=quotes)
            return
        with traces.child_span("choose sentences", passages=len(prompt.sources)):
            choice = await self._best(prompt, deadline)
        if choice is None:
            raise NoAnswer("no sentence has to do with the question", code="not_found")
        words, quotes = composed(prompt.question, choice.shown, prompt.sources, choice.weights)
        if choice.outcome == "nearest":
            asked = phrases.voice(prompt.question, prompt.language)
            said = phrases.nearest(asked, [unmarked(one) for one in choice.missing])
            words = f"{said.rstrip()}\n\n{words}" if words.startswith("- ") else said + words
        yield Delta(words)
        yield Finish(quotes=quotes, outcome=choice.outcome, missing=choice.missing)

    async def _best(self, prompt: Prompt, deadline: Deadline) -> _Choice | None:
        """Return the first choice that answers, of the question's language first; else the nearest."""
        nearest: _Choice | None = None
        terms = asked_terms(prompt.question)
        rare = await self._rare(terms)
        # Where nothing is known of any term, the ledger did not tell.
        unknown = frozenset(terms) - rare.keys() if rare else frozenset()
        question, offered = await anyio.to_thread.run_sync(_selections, prompt, unknown)
        if question != prompt.question:
            terms = asked_terms(question)
            rare = await self._rare(terms)
        for selection in offered if terms else ():
            near = None if prompt.words_only else await self._nearness(selection, deadline)
            weights = relevance.weighted(terms, rare, words_only=near is None)
            missing_of = partial(_missing, prompt.question, prompt.sources, unknown)
            choice = await anyio.to_thread.run_sync(_choice, selection, prompt, near, weights, missing_of)
            if choice is not None and choice.outcome == "answer":
                return choice
            nearest = nearest or choice
        return nearest

    async def _nearness(self, selection: Selection, deadline: Deadline) -> _Nearness | None:
        """Return how near the best candidates are to the question; None when that cannot be told."""
        embedder = self._embedder() if self._embedder else None
        if embedder is None or not embedder.calibrated:
            return None
        limit_s = min(_EMBEDDING_AT_MOST_S, deadline.left_s() * _EMBEDDING_SHARE)
        try:
            with anyio.fail_after(limit_s):
                return await _embedded(embedder, selection)
        except (Unavailable, TimeoutError) as error:
            code = error.code if isinstance(error, Unavailable) else "timeout"
            logger.bind(component="embedder", code=code).warning("sentences_not_embedded")
            return None

    async def _rare(self, terms: Sequence[str]) -> Mapping[str, float]:
        """Return how rare the terms are; all are alike while the ledger does not tell."""
        try:
            return await self._rarity.rarity(terms) if self._rarity else {}
        except Unavailable:
            return {}


async def _embedded(embedder: SentenceEmbedder, selection: Selection) -> _Nearness:
    """Return the cosines of the candidates that are worth it with the question and with its last part."""
    chosen = selection.to_embed()
    part = relevance.last_part(selection.question)
    vectors = await embedder.embed_sentences([selection.candidates[at].embedded_text for at in chosen])

    async def cosines(question: str) -> dict[int, float]:
        found = vectors @ await embedder.embed_query(question)
        return {at: float(cosine) for at, cosine in zip(chosen, found, strict=True)}

    return _Nearness(await cosines(selection.question), part, await cosines(part) if part is not None else {})


def _selections(prompt: Prompt, unknown: frozenset[str]) -> tuple[str, list[Selection]]:
    """Return the question without slips of the keyboard, and the candidates for it by language."""
    question = respelled(prompt.question, unknown, (source.passage.text for source in prompt.sources))
    return question, by_language(question, candidates(prompt.sources))


def _choice(
    selection: Selection,
    prompt: Prompt,
    near: _Nearness | None,
    weights: Mapping[str, float],
    missing_of: Callable[[Sequence[Candidate]], tuple[str, ...]],
) -> _Choice | None:
    """Return what is shown of a selection; None when it has nothing to do with the question."""
    values = selection.values(near.whole if near else None)
    outcome = _outcome(selection, prompt.sources, near, weights, values)
    if outcome == "nothing" or _is_of_another(selection, prompt.sources, weights, values):
        return None
    worth = {
        at: value - _lacking(selection, at, missing_of) + selection.told(at) for at, value in values.items()
    }
    for at in selection.outdone(worth):
        worth[at] -= _LACKING
    shown = _with_figures(selection, worth, selection.shown(worth, prompt.length))
    shown = _led_in(selection, shown)
    missed = missing_of(shown)
    best = max(values, key=values.__getitem__)
    nearest = selection.candidates[best]
    if not missed and opposed(selection.question, nearest.said) and selection.is_far_from(shown[0], best):
        shown, missed = [nearest], missing_of([nearest])
    if missed and shown[0].columns:
        shown = shown[:1]  # other rows are no nearer to what is not there
    return _Choice(shown, weights, "nearest" if missed else outcome, missed)


def _led_in(selection: Selection, shown: Sequence[Candidate]) -> list[Candidate]:
    """Return what is shown with the sentence in front of the best, if that points back and there is room."""
    before = selection.before(shown[0]) if POINTS_BACK.match(shown[0].sentence.text) else None
    if before is None or before in shown or before.is_title or before.is_apart or before.columns:
        return list(shown)
    if not is_complete(before.sentence.text) or POINTS_BACK.match(before.sentence.text):
        return list(shown)
    room = _LONGEST_LEAD_CJK if before.is_cjk else _LONGEST_LEAD
    if len(before.sentence.text) > room:
        return list(shown)
    return [*shown, before]


def _with_figures(
    selection: Selection, worth: Mapping[int, float], shown: Sequence[Candidate]
) -> list[Candidate]:
    """Return what is shown with the best sentence of the same source that has the figures which it lacks."""

    def lacking(*some: Candidate) -> int:
        return len(missing_figures(selection.question, "\n".join(one.words for one in some)))

    lacks = lacking(*shown)
    if not lacks or len(shown) > 1:
        return list(shown)
    beside = [at for at in worth if selection.candidates[at].source == shown[0].source]
    better = [at for at in beside if lacking(*shown, selection.candidates[at]) < lacks]
    best = max(better, key=worth.__getitem__, default=None)
    return [*shown, *([] if best is None else [selection.candidates[best]])]


def _lacking(
    selection: Selection, at: int, missing_of: Callable[[Sequence[Candidate]], tuple[str, ...]]
) -> float:
    """Return what a candidate's value loses by what the question insists on."""
    one = selection.candidates[at]
    figures = missing_figures(selection.question, one.words)
    return _LACKING * len(missing_of([one])) + _FIGURE_BESIDE * len(figures)


def _missing(
    question: str, sources: Sequence[Source], unknown: frozenset[str], shown: Sequence[Candidate]
) -> tuple[str, ...]:
    """Return what the question insists on and neither the sentences nor what stands round the first has.

    Round a row stand the names of its columns and the sentences beside the table, but no other row.
    """
    first = shown[0]
    source = sources[first.source]
    whole = source.sentences if first.columns else ()
    beside = [one.text for one in whole if one.kind != "row"] if whole else [source.passage.text]
    around = "\n".join((first.sentence.heading, first.columns, source.context, *beside))
    said = " ".join(one.said for one in shown)
    lacking = missing(question, said, around, unknown)
    if denial_of(question) not in lacking:
        lacking = (*lacking, *opposed(question, said))
    lacking = (*lacking, *roles.untold(question, said))
    if is_cjk(question) == is_cjk(said):
        lacking = (*lacking, *kinds.untold(question, said, around))
    return tuple(
        one for one in dict.fromkeys(lacking) if not any(one in more and one != more for more in lacking)
    )


def _outcome(
    selection: Selection,
    sources: Sequence[Source],
    near: _Nearness | None,
    weights: Mapping[str, float],
    values: Mapping[int, float],
) -> Outcome:
    """Return what the best candidate is to the question, or to the question's last part if that is more."""

    def told(at: int) -> frozenset[str]:
        said = selection.candidates[at].sentence.text
        return frozenset() if selection.is_across else roles.told_terms(selection.question, said)

    def coverage(at: int, weights: Mapping[str, float]) -> float:
        return relevance.covered(weights, _terms_around(selection.candidates[at], sources) | told(at))

    best = max(values, key=values.__getitem__)
    if near is None:
        enough = relevance.shares_enough(selection.question, coverage(best, weights))
        return "answer" if enough else "nothing"
    across = selection.is_across
    if selection.is_second:
        return relevance.outcome_beside(near.whole[best])
    cosine = near.whole[best] + _by_all_words(weights, told(best).union(selection.candidates[best].terms))
    found = relevance.outcome(selection.question, cosine, coverage(best, weights), across=across)
    if _is_asked_row(selection.candidates[best], weights):
        return "answer"
    if found == "answer" or near.part is None:
        return found
    best = max(values, key=lambda at: values[at] + selection.by_cosine(near.with_part[at] - near.whole[at]))
    asked = asked_terms(near.part)
    part = {term: weights[term] for term in asked if term in weights}
    again = relevance.outcome(near.part, near.with_part[best], coverage(best, part), across=across)
    return found if again == "nothing" else again


def _by_all_words(weights: Mapping[str, float], held: Collection[str]) -> float:
    """Return what a sentence gains in nearness that holds all that is asked for itself."""
    if not weights.keys() <= set(held):
        return 0.0
    return _ONE_WORD if len(weights) == 1 else _ALL_WORDS


def _is_of_another(
    selection: Selection, sources: Sequence[Source], weights: Mapping[str, float], values: Mapping[int, float]
) -> bool:
    """Return whether something is asked of a subject that does not stand with the best candidate at all."""
    if selection.is_across or not (words := roles.asked(selection.question)):
        return False
    subject = weights.keys() - frozenset(stated_terms(" ".join(words)))
    best = max(values, key=values.__getitem__)
    around = _terms_around(selection.candidates[best], sources)
    return bool(subject) and not any(synonyms.same(term) & around for term in subject)


def _is_asked_row(one: Candidate, weights: Mapping[str, float]) -> bool:
    """Return whether a row and its columns hold nearly all that is asked: its meaning is hard to tell."""
    held = one.context | frozenset(one.terms)
    return bool(one.columns) and relevance.covered(weights, held) >= _ASKED_ROW


def _terms_around(one: Candidate, sources: Sequence[Source]) -> frozenset[str]:
    passage = frozenset(stated_terms(sources[one.source].passage.text))
    return passage | one.context | frozenset(one.terms)
