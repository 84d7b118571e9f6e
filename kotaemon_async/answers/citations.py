"""An answer is held to its sources: markers that name them, quotes from them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from kotaemon_async.answers import quotes
from kotaemon_async.answers.llm.base import Quote
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain import sentences, text
from kotaemon_async.domain.model import Citation, Claim, Locator, Place, QuotePart, Sentence, Verdict

_FALLBACK_QUOTE_CHARS = 300
#: In Markdown: what opens and closes code, the line below the names of a table's columns, the lines of a
#: quotation, of a heading, and a line that only leads to what follows. None of them states anything itself.
_CODE_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_NO_STATEMENT = re.compile(r"\s*(?:>|#{1,6}\s|(?:\*\*|__)[^*_]+(?:\*\*|__)\s*[:：]?\s*$)|.*[:：]\s*$")
#: The worse of two verdicts stands behind a marker.
_WORSE: Final[tuple[Verdict, ...]] = ("supported", "check", "unsupported")


def cite(
    answer_id: str, answer: str, sources: Sequence[Source], found: Sequence[Quote] | None
) -> tuple[str, tuple[Citation, ...]]:
    """Return the answer without markers that name nothing, and one citation for each marker that is left.

    Without `found` quotes a marker n stands for the n-th source, and its quote is looked for there.
    """
    if found is None:
        found = _quotes(answer, sources)
    known = {quote.marker for quote in found}
    return quotes.keep_markers(answer, known), tuple(
        _citation(answer_id, sources[q.source], q) for q in found
    )


def judged(citations: Sequence[Citation], claims: Sequence[Claim]) -> tuple[Citation, ...]:
    """Return the citations with the worst verdict on the claims that stand on each.

    A name that is not in the source makes a claim one to check, as it may be spelt otherwise; of the citation
    it is said that it does not seem to say this.
    """
    found: dict[int, Verdict] = {}
    for claim in claims:
        verdict: Verdict = "unsupported" if claim.reason == "name" else claim.verdict
        for marker in claim.markers:
            found[marker] = max(found.get(marker, verdict), verdict, key=_WORSE.index)
    return tuple(replace(one, verdict=found.get(one.marker)) for one in citations)


def uncited(answer: str) -> tuple[str, ...]:
    """Return the sentences of an answer, in order, that no marker stands in or right behind.

    Tables, code, quotations, headings and lines that end with a colon are no sentences.
    """
    found: list[str] = []
    statements = "\n".join(_statements(answer))
    for start, stop in sentences.spans(statements):
        plain = " ".join(statements[start:stop].split())
        if not quotes.MARKER.search(plain) and len(text.terms(plain)) > 1:
            found.append(plain)
    return tuple(found)


def _statements(answer: str) -> Iterator[str]:
    """Yield the lines of a text in Markdown that state something; an empty one in place of the others."""
    lines = answer.split("\n")
    fence, is_table = "", False
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        mark = _CODE_FENCE.match(line)
        if fence or mark:
            closes = mark is not None and mark[1].startswith(fence)
            fence = "" if fence and closes else fence or (mark[1] if mark else "")
            yield ""
            continue
        begins = "|" in line and "-" in following and _TABLE_RULE.fullmatch(following) is not None
        is_table = bool(line.strip()) and (is_table or begins)
        yield "" if is_table or _NO_STATEMENT.match(line) else line


def _citation(answer_id: str, source: Source, quote: Quote) -> Citation:
    parts = tuple(QuotePart(place.page, source.words(place)) for place in quote.places)
    longest = max(parts, key=lambda part: len(part.quote))
    return Citation(
        id=f"{answer_id}.{quote.marker}",
        marker=quote.marker,
        document_id=source.passage.document_id,
        document_name=source.passage.document_name,
        page=longest.page,
        quote=longest.quote,
        score=source.passage.score,
        parts=parts,
        place=_place(source, quote, longest.page),
        matched=quote.matched,
    )


def _place(source: Source, quote: Quote, page: int) -> Locator:
    """Return the place of the passage, as far as it is that of the quote: its rows, the heading above it."""
    place = replace(source.passage.place, number=page)
    if place.kind == "page" and page != source.passage.page:
        place = replace(place, label="")  # the passage's page is called so, not the one it goes on to
    quoted = [one for one in source.sentences if any(_meet(one, part) for part in quote.places)]
    rows = [one.row for one in quoted if one.row]
    if rows:
        place = replace(place, rows=(min(rows), max(rows)))
    heading = quoted[0].heading if quoted else ""
    return replace(place, headings=(heading,)) if heading and heading not in place.headings[-1:] else place


def _meet(sentence: Sentence, quoted: Place) -> bool:
    return any(
        place.page == quoted.page and place.start < quoted.stop and quoted.start < place.stop
        for place in sentence.places
    )


def _quotes(answer: str, sources: Sequence[Source]) -> list[Quote]:
    claims: dict[int, str] = {}
    for match in quotes.MARKER.finditer(answer):
        claim = _claim(answer[: match.start()])
        for number in quotes.markers(match[0]):
            if 1 <= number <= len(sources):
                claims[number] = f"{claims.get(number, '')} {claim}".strip()
    return [_best_quote(number, claim, sources[number - 1]) for number, claim in claims.items()]


def _claim(before: str) -> str:
    """Return the last sentence before a marker, without the markers in it."""
    plain = quotes.keep_markers(before, ())
    found = sentences.spans(plain)
    return plain[slice(*found[-1])] if found else ""


def _best_quote(number: int, claim: str, source: Source) -> Quote:
    """Return the sentence nearest to a claim; the source's beginning where none shares a word with it."""
    wanted = set(text.query_terms(claim))

    def nearness(sentence: Sentence) -> tuple[int, int]:
        return len(wanted & set(text.terms(sentence.text))), -len(sentence.text)

    best = max(source.sentences, key=nearness)
    if nearness(best)[0]:
        return Quote(number, number - 1, best.places)
    # A claim in another language than the passage shares no words with it and is supported all the same.
    return Quote(number, number - 1, _beginning(source), matched=False)


def _beginning(source: Source) -> tuple[Place, ...]:
    """Return the place of the first sentences on the first one's page."""
    first = source.sentences[0].places[0]
    stops = [
        place.stop
        for sentence in source.sentences
        for place in sentence.places
        if place.page == first.page and place.stop <= first.start + _FALLBACK_QUOTE_CHARS
    ]
    return (Place(first.page, first.start, max(stops, default=first.stop)),)
