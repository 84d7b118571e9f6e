"""What is read of one document in order: the texts of its pages, their places, headings and passages."""

from typing import NamedTuple

import apsw

from kotaemon_async.domain.model import Locator, Passage
from kotaemon_async.stores import context
from kotaemon_async.stores.documents import passages_of
from kotaemon_async.stores.sqlite import Store, queries, reads

SQL = queries("reading.sql")


class PageText(NamedTuple):
    """The text of a page, 1-based, and what the page is called.

    A sentence that goes on over the page break ends at `stop` here and goes on at `over` on the next page,
    feet and heads of the pages being between; without such a sentence these are None.
    """

    number: int
    text: str
    place: Locator
    stop: int | None = None
    over: int | None = None


class Heading(NamedTuple):
    """A heading on a page, 1-based; the outermost have level 1."""

    page: int
    level: int
    title: str


class Reading(Store):
    """Reads what can be found of a document at present, page by page."""

    @reads
    def texts_after(self, conn: apsw.Connection, document_id: str, number: int, limit: int) -> list[PageText]:
        """Return up to `limit` pages behind page `number`, in order."""
        values = {"id": document_id, "after": number, "limit": limit}
        return [
            PageText(found, text, context.place_of(place, found, media_type), stop, over)
            for found, text, place, media_type, stop, over in conn.execute(SQL["texts_after"], values)
        ]

    @reads
    def places(self, conn: apsw.Connection, document_id: str) -> list[Locator]:
        """Return what the pages are called, in order."""
        rows = conn.execute(SQL["places"], {"id": document_id})
        return [context.place_of(place, number, media_type) for number, place, media_type in rows]

    @reads
    def headings(self, conn: apsw.Connection, document_id: str, limit: int) -> list[Heading]:
        """Return up to `limit` headings of the document, in order."""
        rows = conn.execute(SQL["headings"], {"id": document_id, "limit": limit})
        return [Heading(*row) for row in rows]

    @reads
    def passages_after(
        self, conn: apsw.Connection, document_id: str, place: tuple[int, int], limit: int
    ) -> list[tuple[tuple[int, int], Passage]]:
        """Return up to `limit` passages behind a place, which is the page and the number on it, in order."""
        values = {"id": document_id, "page": place[0], "ordinal": place[1], "limit": limit}
        rows = [
            (chunk, (page, ordinal)) for chunk, page, ordinal in conn.execute(SQL["chunks_after"], values)
        ]
        found = passages_of(conn, [chunk for chunk, _ in rows])
        return [(at, found[chunk]) for chunk, at in rows if chunk in found]
