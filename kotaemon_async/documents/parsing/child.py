"""A parser child: one document at a time (child_service.py says how it is asked).

Started as a plain file; imports nothing of the package but modules made for children (child_*.py).
Requests: open, read, scan, members, piece, outline, find_page, draw_page, layer_of_page, draw_text,
layer_of_text, close.
"""

import os
from typing import Any

from kotaemon_async.documents.parsing import child_readers, child_service
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import as_frame
from kotaemon_async.resilience import child_jail

TEXT_LIMIT_CHARS = 2_000_000


class OpenDocument(child_service.Requests):
    """Serves the requests about the one open document."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        child_readers.reader_of("application/pdf")  # the others are light, and wait for their first file
        self.document: Any = None
        self.failed_pages = 0
        self._file: int | None = None

    def open(self, descriptor: int, media_type: str) -> dict[str, Any]:
        """Return how many pages there are, the charset, and what of the whole document is lost."""
        child_jail.allow_cpu(self.settings["cpu_s"])
        self.failed_pages, self._file = 0, descriptor
        reader = child_readers.reader_of(media_type)
        self.document = reader.open_document(descriptor, media_type, self.settings["max_pages"])
        pages = len(self.document)
        if pages < 1:
            raise FileError("corrupt", "The file claims to have no pages.")
        if pages > self.settings["max_pages"]:
            raise FileError(
                "too_large", f"The file has {pages} pages; at most {self.settings['max_pages']} are read."
            )
        losses = [loss._asdict() for loss in self.document.warnings]
        return {"pages_total": pages, "charset": self.document.charset, "losses": losses}

    def read(self, first: int, count: int) -> dict[str, Any]:
        last = min(first + count - 1, len(self.document))
        pages: list[dict[str, Any]] = []
        for number in range(first, last + 1):
            unit = self.document.unit(number)
            self.failed_pages += unit.problem == "unreadable" and not unit.text
            if len(unit.text) > TEXT_LIMIT_CHARS:
                raise FileError("parser_limit", f"Page {number} holds {len(unit.text)} characters.")
            pages.append(as_frame(number, unit))
        if self.failed_pages >= len(self.document):
            raise FileError("corrupt", "No page of the file could be read.")
        return {"pages": pages}

    def scan(self, number: int) -> dict[str, Any]:
        """Return the page as a gray picture, or the problem why there is none."""
        child_jail.allow_cpu(self.settings["cpu_s"])  # for each page: what is read from pictures may be long
        try:
            return dict(self.document.scan(number))
        except (FileError, MemoryError):
            return {"problem": "unreadable"}

    def members(self, number: int) -> dict[str, Any]:
        """Return the members of an archive that a unit lists."""
        child_jail.allow_cpu(self.settings["cpu_s"])  # for each unit: what is handed out is bounded
        return {"members": self.document.listed(number)}

    def piece(self, member: int, size: int) -> dict[str, Any]:
        """Return the next bytes of an archive's member, none at its end, or the problem with it."""
        data, problem = self.document.piece(member, size)
        return {"data": data, "problem": problem}

    def draw_page(self, number: int, width_px: int, quote: str, words: str) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        return child_images.of_page(self.document.page(number), width_px, quote, words)

    def layer_of_page(self, number: int, quote: str, words: str) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        return child_images.layer_of_page(self.document.page(number), quote, words)

    def outline(self) -> dict[str, Any]:
        """Return the bookmarks of a PDF: level, title and page of each."""
        return {"items": self.document.outline()}

    def find_page(self, words: str) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        return {"page": child_images.page_with(self.document, words)}

    def draw_text(
        self, text: str, blocks: list[dict[str, Any]], title: str, width_px: int, quote: str
    ) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        child_jail.allow_cpu(self.settings["cpu_s"])
        return child_images.of_text(text, blocks, title, width_px, quote)

    def layer_of_text(
        self, text: str, blocks: list[dict[str, Any]], title: str, quote: str
    ) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        child_jail.allow_cpu(self.settings["cpu_s"])
        return child_images.layer_of_text(text, blocks, title, quote)

    def close(self) -> dict[str, Any]:
        if self.document is not None:
            self.document.close()
        if self._file is not None:
            os.close(self._file)
        self.document = self._file = None
        return super().close()


def main() -> None:
    """Serve documents."""
    child_service.run(OpenDocument)


if __name__ == "__main__":
    main()
