"""A parser child: one document at a time, asked over stdin, answered over stdout.

Started as a plain file; imports nothing of the package but modules made for children (child_*.py).
Requests: open, read, draw_page, close, draw_text. A reply holds the result or
{"error": {"code", "message"}}; a child that answered so is thrown away.
"""

import errno
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kotaemon_async.documents.parsing import child_readers
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import as_frame
from kotaemon_async.resilience import child_jail
from kotaemon_async.resilience.child_frames import Frames

TEXT_LIMIT_CHARS = 2_000_000


class OpenDocument:
    """Serves the requests about the one open document."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.document: Any = None
        self.failed_pages = 0

    def open(self, path: bytes, media_type: str) -> dict[str, Any]:
        child_jail.allow_cpu(self.settings["cpu_s"])
        self.failed_pages = 0
        reader = child_readers.reader_of(media_type)
        self.document = reader.open_document(os.fsdecode(path), media_type, self.settings["max_pages"])
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
            self.failed_pages += unit.problem == "unreadable"
            if len(unit.text) > TEXT_LIMIT_CHARS:
                raise FileError("parser_limit", f"Page {number} holds {len(unit.text)} characters.")
            pages.append(as_frame(number, unit))
        if self.failed_pages >= len(self.document):
            raise FileError("corrupt", "No page of the file could be read.")
        return {"pages": pages}

    def draw_page(self, number: int, width_px: int, quote: str) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        return child_images.of_page(self.document.page(number), width_px, quote)

    def draw_text(
        self, text: str, blocks: list[dict[str, Any]], title: str, width_px: int, quote: str
    ) -> dict[str, Any]:
        from kotaemon_async.documents.parsing import child_images

        child_jail.allow_cpu(self.settings["cpu_s"])
        return child_images.of_text(text, blocks, title, width_px, quote)

    def close(self) -> dict[str, Any]:
        if self.document is not None:
            self.document.close()
        self.document = None
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {"resident_bytes": resident}

    def confinement(self) -> dict[str, Any]:
        """Return how the kernel refuses what this process must not do, for tests and the health check."""
        return {name: _refusal(attempt) for name, attempt in (("socket", socket.socket), ("exec", _run_true))}


def _run_true() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606 - must fail


def _refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "allowed"


def serve(document: OpenDocument, frames: Frames) -> None:
    """Answer until the parent closes the stream."""
    too_long = _error("parser_limit", "The pages hold too much text.")
    while request := frames.read():
        frames.write(_reply(document, request), instead=too_long)


def _reply(document: OpenDocument, request: dict[str, Any]) -> dict[str, Any]:
    operation, began_s = request.pop("do"), time.perf_counter()
    try:
        reply = dict(getattr(document, operation)(**request))
        return reply | {"took_s": round(time.perf_counter() - began_s, 6)}
    except MemoryError:
        return _error("parser_limit", "Reading the file takes more memory than is allowed.")
    except RecursionError:
        return _error("corrupt", "The file is nested too deeply.")
    except Exception as error:
        code = getattr(error, "code", "corrupt")
        code = code if isinstance(code, str) else "corrupt"
        return _error(code, str(error) or type(error).__name__)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message[:300].encode("utf-8", "replace").decode()}}


def main() -> None:
    """Lock this process in, report that it is ready, serve."""
    settings = json.loads(sys.argv[1])
    frames = Frames.from_standard_streams()
    # A service manager tells the whole group to stop; the service ends its children when it needs no more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child_jail.die_with(settings["parent_pid"])
    child_jail.step_back()
    child_readers.reader_of("application/pdf")  # the others are light, and wait for their first file
    child_jail.limit(settings["memory_bytes"], settings["file_size_bytes"])
    frames.write({"ready": True, "network_denied": child_jail.deny_network()})
    serve(OpenDocument(settings), frames)


if __name__ == "__main__":
    main()
