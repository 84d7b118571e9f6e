"""Whether what a model says stands in what it cites, sentence by sentence: a model's words are no source.

A figure or a code that its source lacks is not in it; another subject is told by words and meaning together.
A name may have another spelling, and words or meaning alone may err: those say that it should be checked.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async.answers import insist, measures, quotes, relevance, tables
from kotaemon_async.answers.extractive import SentenceEmbedder
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.answers.relevance import Rarity
from kotaemon_async.answers.selection import candidates
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Claim, Sentence
from kotaemon_async.domain.sentences import spans

#: The share of its words, rare ones more, that a claim has with its source; and its cosine with the nearest
#: sentence there, in one language and across two. Of true pairs 5 in 100 lie below one of them, of wrong 82.
_LEAST_COVERAGE: Final = 0.3
_LEAST_COSINE: Final = 0.5
_LEAST_COSINE_ACROSS: Final = 0.3
#: A claim that shares so much is about the same thing; its meaning is not looked at.
_ENOUGH_COVERAGE: Final = 0.6
#: A claim of fewer terms may be an answer that says nothing of its subject.
_LEAST_TERMS: Final = 3
#: Sentences of its sources that a claim's meaning is compared with, and all that are embedded for an answer.
_NEAREST: Final = 4
_MOST_EMBEDDED: Final = 24
_EMBEDDING_SHARE: Final = 0.3
_EMBEDDING_AT_MOST_S: Final = 2.0

_POINT: Final = re.compile(r"^\s*(?:\(?\d{1,2}[.)、]|[-*•])\s*")
_REFERENCE: Final = re.compile(
    r"\b(?:passages?|sources?|documents?|excerpts?|pages?|p\.|figures?|tables?|slides?|rows?|sheets?|sections?)"
    r" ?\d+(?:[–-]\d+)?|第 ?\d+(?:[–-]\d+)? ?[页段条篇份行]|(?:文档|幻灯片) ?\d+",
    re.IGNORECASE,
)
_SAYS_NOTHING: Final = re.compile(
    r"\b(?:no|not|never|nothing|neither|cannot|unable)\b.*\b(?:mention|say|said|state|specif|inform|provid|found|find"
    r"|contain|includ|describ|indicat|determin|answer|list)"
    r"|\b(?:mention|say|said|state|specif|inform|provid|contain|includ|describ|indicat)\w*\b.*\b(?:no|not|nothing)\b"
    r"|[没未无][有能]?.{0,4}(?:提|说|涉及|找到|发现|包含|列出|给出|记载|信息|内容)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Said:
    """A sentence of an answer, the markers in and right behind it, and the sources that it is held to."""

    sentence: str
    markers: tuple[int, ...]
    sources: tuple[Source, ...]

    @property
    def is_across(self) -> bool:
        """Return whether its sources are in another language."""
        return not any(_is_cjk(source.passage.text) == _is_cjk(self.sentence) for source in self.sources)

    @property
    def scope(self) -> str:
        """Return the words of its sources: sentences, the rows it is about, headings, titles."""
        return "\n".join(
            part for source in self.sources for part in (*_words(self.sentence, source), source.context)
        )


class ClaimCheck:
    """Judges the sentences of a model's answer."""

    def __init__(
        self, embedder: Callable[[], SentenceEmbedder] | None = None, rarity: Rarity | None = None
    ) -> None:
        """Compare words alone without an embedder, or while its cosines are not calibrated.

        `embedder` returns the model that answers at present.
        """
        self._embedder = embedder
        self._rarity = rarity

    async def check(self, answer: str, sources: Sequence[Source], deadline: Deadline) -> tuple[Claim, ...]:
        """Return a claim for each sentence of an answer whose marker n stands for the n-th source."""
        said = await anyio.to_thread.run_sync(_said, answer, sources)
        if not said:
            return ()
        asked = sorted({term for one in said for term in text.query_terms(one.sentence)})
        rare = await self._rare(asked)
        shares = await anyio.to_thread.run_sync(lambda: [_coverage(one, rare) for one in said])
        unsure = [one for one, share in zip(said, shares, strict=True) if share < _ENOUGH_COVERAGE]
        near = await self._nearness(unsure, deadline)
        pairs = list(zip(said, shares, strict=True))
        return await anyio.to_thread.run_sync(
            lambda: tuple(_judged(one, share, near.get(one.sentence)) for one, share in pairs)
        )

    async def _rare(self, terms: Sequence[str]) -> Mapping[str, float]:
        try:
            return await self._rarity.rarity(terms) if self._rarity else {}
        except Unavailable:
            return {}

    async def _nearness(self, said: Sequence[_Said], deadline: Deadline) -> dict[str, float]:
        """Return the largest cosine of each sentence with one of its sources; none where it is not known."""
        embedder = self._embedder() if self._embedder and said else None
        if embedder is None or not embedder.calibrated:
            return {}
        limit_s = min(_EMBEDDING_AT_MOST_S, deadline.left_s() * _EMBEDDING_SHARE)
        try:
            with anyio.fail_after(limit_s):
                return await _cosines(embedder, said)
        except (Unavailable, TimeoutError) as error:
            code = error.code if isinstance(error, Unavailable) else "timeout"
            logger.bind(component="embedder", code=code).warning("sentences_not_embedded")
            return {}


def all_unsupported(claims: Sequence[Claim]) -> bool:
    """Return whether there are claims, and nothing in the sources supports any."""
    return bool(claims) and all(claim.verdict == "unsupported" for claim in claims)


async def _cosines(embedder: SentenceEmbedder, said: Sequence[_Said]) -> dict[str, float]:
    found: dict[str, float] = {}
    embedded = 0
    for one in said:
        nearest = await anyio.to_thread.run_sync(_nearest, one)
        embedded += 1 + len(nearest)
        if embedded > _MOST_EMBEDDED:
            break
        vectors = await embedder.embed_sentences([one.sentence, *nearest])
        found[one.sentence] = float(max(vectors[1:] @ vectors[0], default=0.0))
    return found


def _said(answer: str, sources: Sequence[Source]) -> list[_Said]:
    found: list[_Said] = []
    for start, stop in spans(answer):
        piece = answer[start:stop]
        sentence = text.one_line(_POINT.sub("", quotes.keep_markers(piece, ()))).strip()
        if not text.terms(sentence) or sentence.endswith((":", "：")):
            continue
        markers = tuple(dict.fromkeys(n for n in quotes.markers(piece) if 1 <= n <= len(sources)))
        cited = [sources[marker - 1] for marker in markers] or sources
        found.append(_Said(sentence, markers, tuple(cited)))
    return found


def _words(claim: str, source: Source) -> Iterator[str]:
    """Yield the words of a source for a claim: of its tables the rows that the claim is about."""
    columns = tables.columns(source)
    if not any(columns):
        yield source.passage.text
    rows = [one.text for one, names in zip(source.sentences, columns, strict=True) if names]
    yield from (one.heading for one in source.sentences)
    yield from (one.text for one, names in zip(source.sentences, columns, strict=True) if not names)
    yield from dict.fromkeys(columns)
    yield from tables.about(claim, rows)


def _nearest(one: _Said) -> list[str]:
    """Return the sentences of its sources that share most with it, with their headings."""
    wanted = set(text.query_terms(one.sentence))

    def shared(sentence: Sentence) -> int:
        return len(wanted.intersection(text.terms(f"{sentence.heading} {sentence.text}")))

    offered = sorted(candidates(one.sources), key=lambda two: shared(two.sentence), reverse=True)
    return [two.embedded_text for two in offered[:_NEAREST]]


def _coverage(one: _Said, rarity: Mapping[str, float]) -> float:
    """Return the share of its terms, rare ones more, that its sources have; 1 for too few to tell."""
    terms = text.query_terms(one.sentence)
    if len(terms) < _LEAST_TERMS:
        return 1.0
    weights = relevance.weighted(terms, rarity, words_only=True)
    return relevance.covered(weights, frozenset(text.terms(one.scope)))


def _judged(one: _Said, coverage: float, cosine: float | None) -> Claim:
    scope = one.scope
    plain = _REFERENCE.sub(" ", one.sentence)
    figure = insist.missing_figures(measures.restated(plain, scope), scope) or measures.contradicted(
        plain, scope
    )
    code = insist.missing_codes(plain, scope)
    if (figure or code) and _SAYS_NOTHING.search(text.folded(plain)):
        return Claim(one.sentence, "supported", None, one.markers)  # what it misses is not there indeed
    if figure or code:
        return Claim(one.sentence, "unsupported", "figure" if figure else "code", one.markers)
    is_other_words = not one.is_across and coverage < _LEAST_COVERAGE
    least = _LEAST_COSINE_ACROSS if one.is_across else _LEAST_COSINE
    is_other_meaning = cosine is not None and cosine < least
    if is_other_words and is_other_meaning and one.markers:
        return Claim(one.sentence, "unsupported", "subject", one.markers)
    if is_other_words or is_other_meaning:
        return Claim(one.sentence, "check", "subject", one.markers)
    if not one.is_across and (insist.missing_names(plain, scope) or insist.missing_people(plain, scope)):
        return Claim(one.sentence, "check", "name", one.markers)
    return Claim(one.sentence, "supported", None, one.markers)


def _is_cjk(words: str) -> bool:
    return text.cjk_share(words) > 0.3
