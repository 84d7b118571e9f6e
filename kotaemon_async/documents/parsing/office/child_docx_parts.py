"""What a Word document holds in parts of their own: charts, diagrams, texts and files within it."""

import posixpath
from collections.abc import Mapping

from kotaemon_async.documents.parsing.child_charsets import decoded
from kotaemon_async.documents.parsing.child_html import declared_charset, feed
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import UnitWriter
from kotaemon_async.documents.parsing.office.child_attachments import Attachments, write_embedded
from kotaemon_async.documents.parsing.office.child_drawingml import read_chart
from kotaemon_async.documents.parsing.office.child_package import Package, Relationship
from kotaemon_async.documents.parsing.office.child_pptx import diagram_texts

_PAGES = (".htm", ".html", ".xhtml")
_ARCHIVED_PAGES = (".mht", ".mhtml")


class EmbeddedParts:
    """Writes embedded parts by the ids of their relationships; what cannot be read is named."""

    def __init__(
        self, package: Package, relations: Mapping[str, Relationship], writer: UnitWriter, max_units: int
    ) -> None:
        self._package = package
        self._relations = relations
        self._writer = writer
        self._files = Attachments(writer, max_units)
        self._max_units = max_units
        self._objects: dict[str, None] = {}

    def write(self, kind: str, key: str) -> None:
        """Write a chart or a diagram; an embedded file is kept for the end of the document."""
        found = self._relations.get(key)
        if found is None or found.external:
            return
        if kind == "object":
            self._objects[found.target] = None
            return
        try:
            if kind == "chart":
                chart = read_chart(self._package, found.target)
                self._writer.table(chart.rows, title=chart.title)
            else:
                for text in diagram_texts(self._package.xml(found.target)):
                    self._writer.add("list", text)
        except FileError as error:
            self._pardon(error, f"A {kind} is damaged and was not read.")

    def write_chunk(self, key: str) -> None:
        """Write a text in another format that stands as a part of the document's own."""
        found = self._relations.get(key)
        if found is None or found.external:
            return
        name = posixpath.basename(found.target)
        try:
            data = self._package.read(found.target)
            if name.lower().endswith(_PAGES):
                feed(self._writer, decoded(data, declared_charset(data))[0])
                return
        except FileError as error:
            self._pardon(error, f'The part "{name}" is damaged and was not read.')
            return
        declared = "message/rfc822" if name.lower().endswith(_ARCHIVED_PAGES) else ""
        self._files.read(name, data, declared, ())

    def finish(self) -> None:
        """Write the files that are embedded, and name what is not read."""
        write_embedded(self._package, self._objects, self._writer, self._max_units)
        if self._package.has_macros:
            self._writer.warn("part_skipped", "Macros are not read.")

    def _pardon(self, error: FileError, message: str) -> None:
        if error.code not in ("corrupt", "parser_limit"):
            raise error
        self._writer.warn("part_skipped", message)
