"""An answer is held to its sources: passages on their pages, markers that name them, quotes from them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from kotaemon_async.answers import quotes
from kotaemon_async.answers.extractive import sentences
from kotaemon_async.answers.llm.base import Quote
from kotaemon_async.domain import text
from kotaemon_async.domain.model import Citation, Passage

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；\n])")
#: A sentence with the markers behind its end.
_MARKED_SENTENCE = re.compile(r".+?(?:[.!?;](?=\s|\[|$)|[。！？；]|\n|$)(?:\s*\[\d{1,3}\])*", re.DOTALL)
_FALLBACK_QUOTE_CHARS = 300


class Pages(Protocol):
    """The part of the ledger that knows what stands on a page."""

    async def page_texts(self, pages: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], str]: ...


async def verified(documents: Pages, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages that stand on their pages, in the words of the page."""
    pages = await documents.page_texts({(passage.document_id, passage.page) for passage in passages})
    found = (
        (passage, quotes.find(pages.get((passage.document_id, passage.page), ""), passage.text))
        for passage in passages
    )
    return tuple(replace(passage, text=words) for passage, words in found if words is not None)


def cite(
    answer_id: str, answer: str, passages: Sequence[Passage], found: Sequence[Quote] | None
) -> tuple[str, tuple[Citation, ...]]:
    """Return the answer without markers that name nothing, and one citation for each marker that is left.

    Without `found` quotes a marker n stands for the n-th passage, and its quote is looked for there.
    """
    if found is None:
        found = _quotes(answer, passages)
    found = [quote for quote in found if quotes.find(passages[quote.passage].text, quote.text)]
    known = {quote.marker for quote in found}
    return quotes.keep_markers(answer, known), tuple(
        _citation(answer_id, passages[q.passage], q) for q in found
    )


def uncited(answer: str) -> tuple[str, ...]:
    """Return the sentences of an answer, in order, that no marker stands in or right behind."""
    found: list[str] = []
    for sentence in _MARKED_SENTENCE.findall(answer):
        plain = " ".join(sentence.split())
        if not quotes.MARKER.search(plain) and len(text.terms(plain)) > 1:
            found.append(plain)
    return tuple(found)


def _citation(answer_id: str, passage: Passage, quote: Quote) -> Citation:
    return Citation(
        id=f"{answer_id}.{quote.marker}",
        marker=quote.marker,
        document_id=passage.document_id,
        document_name=passage.document_name,
        page=passage.page,
        quote=quote.text,
        score=passage.score,
    )


def _quotes(answer: str, passages: Sequence[Passage]) -> list[Quote]:
    claims: dict[int, str] = {}
    for match in quotes.MARKER.finditer(answer):
        claim = _claim(answer[: match.start()])
        for number in quotes.markers(match[0]):
            if 1 <= number <= len(passages):
                claims[number] = f"{claims.get(number, '')} {claim}".strip()
    return [Quote(n, n - 1, _best_quote(claim, passages[n - 1])) for n, claim in claims.items()]


def _claim(before: str) -> str:
    """Return the last sentence before a marker, without the markers in it."""
    sentences = [piece for piece in _SENTENCE_END.split(quotes.keep_markers(before, ())) if piece.strip()]
    return sentences[-1].strip() if sentences else ""


def _best_quote(claim: str, passage: Passage) -> str:
    """Return the sentence of the passage nearest to the claim, of two the shorter; else its beginning."""
    wanted = set(text.query_terms(claim))

    def nearness(sentence: str) -> tuple[int, int]:
        return len(wanted & set(text.terms(sentence))), -len(sentence)

    best = max((sentence for _, sentence in sentences(passage.text)), key=nearness, default="")
    # A claim in another language than the passage shares no words with it and is supported all the same.
    return best if nearness(best)[0] else passage.text[:_FALLBACK_QUOTE_CHARS].strip()
