"""Small stand-ins for what an answer is made of: passages, a search, pages, a model."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from kotaemon_async.answers.draft import NONE_UNREAD
from kotaemon_async.answers.llm.base import Deadline, Piece, Prompt
from kotaemon_async.answers.sources import Source, from_page
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import (
    Found,
    Mode,
    Passage,
    PassageSentences,
    Place,
    Scope,
    Sentence,
    ServedBy,
)
from kotaemon_async.stores.documents import Named, Shelf, Unread

PAGE = "Paris is the capital of France. Lyon is a city on the Rhône."
QUESTION = "What is the capital of France?"
DOWN = Unavailable("down", code="llm_unavailable")


def passage(text: str, name: str = "a.pdf", *, page: int = 1, score: float = 0.9) -> Passage:
    return Passage(f"d.1.{page}.0", "d", name, page, text, score)


def source(text: str, name: str = "a.pdf", *, page: int = 1, score: float = 0.9, title: str = "") -> Source:
    """A page that was found whole; a line of it is a heading when it begins with a sign of Markdown."""
    sentences: list[Sentence] = []
    heading = ""
    plain = from_page(passage(text, name, page=page, score=score), text)
    assert plain is not None
    for one in plain.sentences:
        (place,) = one.places
        if text[: place.start].endswith("# "):
            heading = one.text
        else:
            sentences.append(Sentence(one.text, one.places, heading))
    return Source(plain.passage, title, tuple(sentences), plain.pages)


def table(names: str, *rows: str, before: str = "", heading: str = "", goes_on: bool = False) -> Source:
    """A sentence and a table as a passage; one that goes on has the names of its columns from elsewhere."""
    above = [before, ""] if before else []
    lines = [*above, *rows] if goes_on else [*above, *names.splitlines(), *rows]
    page = "\n".join(lines)
    starts = [sum(len(line) + 1 for line in lines[:at]) for at in range(len(lines))]
    sentences = [Sentence(before, (Place(1, 0, len(before)),), heading)] if before else []
    first = len(lines) - len(rows)
    for number, row in enumerate(rows):
        start = starts[first + number]
        place = Place(1, start, start + len(row))
        sentences.append(Sentence(row, (place,), heading, "row", first + number + 1))
    words = f"{names}\n{page}" if goes_on else page
    return Source(passage(words, "list.csv"), "", tuple(sentences), {1: page})


def over_two_pages(first: str, second: str) -> Source:
    """One sentence that begins at the end of page 4 and goes on at the top of page 5."""
    places = (Place(4, 0, len(first)), Place(5, 0, len(second)))
    sentence = Sentence(f"{first} {second}", places)
    return Source(passage(sentence.text, page=4), "", (sentence,), {4: first, 5: second})


PARIS = passage(PAGE, page=3)


@dataclass
class FakeRetrieval:
    """Finds the same each time, or what is there for a query, or fails; an event is waited for."""

    found: Found | Exception | anyio.Event = field(default_factory=lambda: Found((PARIS,)))
    by_query: dict[str, Found] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found:
        self.queries.append(query)
        if self.by_query:
            return self.by_query.get(query, Found(()))
        if isinstance(self.found, anyio.Event):
            await self.found.wait()
        if isinstance(self.found, Found):
            return self.found
        raise self.found if isinstance(self.found, Exception) else TimeoutError


class Everywhere:
    """Lets every caller look wherever he likes."""

    async def scope(self, caller: Caller, collection: str | None, document_ids: Sequence[str]) -> Scope:
        return Scope(None if collection is None else (collection,), tuple(document_ids))


TWO = Shelf(("a.pdf", "b.pdf"), 2, 0)


@dataclass
class Pages:
    """Documents whose every page has the same text."""

    page: str = PAGE
    not_read: Unread = NONE_UNREAD
    on_shelf: Shelf = TWO

    async def shelf(self, scope: Scope, limit: int) -> Shelf:
        return replace(self.on_shelf, names=self.on_shelf.names[:limit])

    async def named(self, scope: Scope, limit: int) -> list[Named]:
        return [Named("d", "a.pdf"), Named("e", "b.pdf")][:limit]

    async def passages_across(self, document_id: str, limit: int) -> list[Passage]:
        return [passage(self.page)]

    async def unread(self, scope: Scope) -> Unread:
        return self.not_read

    async def page_texts(self, pages: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        return dict.fromkeys(pages, self.page)

    async def sentences(self, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
        return {}


class Model:
    """Says the same each time; an exception is raised, an event waited for. Remembers how it was asked."""

    def __init__(
        self, *pieces: Piece | Exception | anyio.Event, name: str = "main", served_by: ServedBy = "primary"
    ) -> None:
        self.pieces, self.name, self.served_by = pieces, name, served_by
        self.prompts: list[Prompt] = []
        self.left_s: list[float] = []
        self.asked, self.closed = anyio.Event(), False

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        self.prompts.append(prompt)
        self.left_s.append(deadline.left_s())
        self.asked.set()
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, anyio.Event):
                    await piece.wait()
                else:
                    yield piece
        finally:
            self.closed = True
