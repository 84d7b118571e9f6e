"""Heads and feet of pages in files without pages: each is written once; runs inside a parser child."""

import re

from kotaemon_async.documents.parsing.child_units import UnitWriter

#: A head that only counts pages.
_PAGE_NUMBER = re.compile(r"(?:page|seite|of|von|第|页|頁|共|[\W\d_])*", re.IGNORECASE)


class PageHeads:
    """Writes what stands on every page as a note, once, and no page numbers."""

    def __init__(self, writer: UnitWriter) -> None:
        self._writer = writer
        self._written: set[str] = set()

    def write(self, text: str) -> None:
        if text not in self._written and not _PAGE_NUMBER.fullmatch(text):
            self._writer.add("note", text)
        self._written.add(text)
