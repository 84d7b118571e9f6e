"""A parser child: one document at a time, asked over stdin, answered over stdout.

Started as a plain file; imports nothing of the package but its neighbours child_*.py, which it finds
beside itself as the modules of a package `parser_child` (so that they may import each other by dots).
A frame is four bytes of length, big-endian, and JSON. Requests: open, read, picture, close, sketch. A
reply holds the result or {"error": {"code", "message"}}; a child that answered so is thrown away.
"""

import errno
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

#: No reply is longer; a page of more text than this is no page.
REPLY_LIMIT_BYTES = 64 * 1024**2
TEXT_LIMIT_CHARS = 2_000_000
_LENGTH = struct.Struct(">I")
_READERS = {
    "application/pdf": "child_pdf",
    "text/html": "child_text",
    "text/markdown": "child_text",
    "text/plain": "child_text",
}


def neighbour(name: str) -> Any:
    """The module in the file `name`.py beside this one."""
    if "parser_child" not in sys.modules:
        package = types.ModuleType("parser_child")
        package.__path__ = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "resilience")]
        sys.modules["parser_child"] = package
    return importlib.import_module(f"parser_child.{name}")


class Desk:
    """Serves the requests about the one open document."""

    def __init__(self, settings: dict[str, Any], jail: Any, readers: dict[str, Any]) -> None:
        self.settings = settings
        self.jail = jail
        self.problem = neighbour("child_problem").FileError
        self.readers = readers
        self.document: Any = None
        self.failed_pages = 0

    def open(self, path: str, media_type: str) -> dict[str, Any]:
        self.jail.allow_cpu(self.settings["cpu_s"])
        self.failed_pages = 0
        self.document = self.readers[media_type].open_document(path, media_type, self.settings["max_pages"])
        pages = len(self.document)
        if pages < 1:
            raise self.problem("corrupt", "The file claims to have no pages.")
        if pages > self.settings["max_pages"]:
            raise self.problem(
                "too_large", f"The file has {pages} pages; at most {self.settings['max_pages']} are read."
            )
        return {"pages_total": pages}

    def read(self, first: int, count: int) -> dict[str, Any]:
        last = min(first + count - 1, len(self.document))
        pages = []
        for number in range(first, last + 1):
            text = self.document.page_text(number)
            if text is None:
                self.failed_pages += 1
            elif len(text) > TEXT_LIMIT_CHARS:
                raise self.problem("parser_limit", f"Page {number} holds {len(text)} characters.")
            pages.append([number, text or ""])
        if self.failed_pages >= len(self.document):
            raise self.problem("corrupt", "No page of the file could be read.")
        return {"pages": pages}

    def picture(self, number: int, width_px: int, quote: str) -> dict[str, Any]:
        drawing: dict[str, Any] = neighbour("child_pictures").of_page(
            self.document.page(number), width_px, quote
        )
        return drawing

    def sketch(self, text: str, width_px: int, quote: str) -> dict[str, Any]:
        self.jail.allow_cpu(self.settings["cpu_s"])
        drawing: dict[str, Any] = neighbour("child_pictures").of_text(text, width_px, quote)
        return drawing

    def close(self) -> dict[str, Any]:
        if self.document is not None:
            self.document.close()
        self.document = None
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {"resident_bytes": resident}

    def confinement(self) -> dict[str, Any]:
        """How the kernel refuses what this process must not do, for tests and the health check."""
        return {name: _refusal(attempt) for name, attempt in (("socket", socket.socket), ("exec", _run_true))}


def _run_true() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606 - must fail


def _refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "allowed"


def serve(desk: Desk, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers until the parent closes the pipe."""
    while head := requests.read(_LENGTH.size):
        request = json.loads(requests.read(_LENGTH.unpack(head)[0]))
        send(replies, _reply(desk, request))


def _reply(desk: Desk, request: dict[str, Any]) -> dict[str, Any]:
    operation, began_s = request.pop("do"), time.perf_counter()
    try:
        reply = dict(getattr(desk, operation)(**request))
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
    return {"error": {"code": code, "message": message[:300]}}


def send(replies: BinaryIO, reply: dict[str, Any]) -> None:
    """The reply as one frame; one that is too long becomes an error."""
    body = json.dumps(reply, ensure_ascii=False).encode("utf-8", "replace")
    if len(body) > REPLY_LIMIT_BYTES:
        body = json.dumps(_error("parser_limit", "The pages hold too much text.")).encode()
    replies.write(_LENGTH.pack(len(body)) + body)
    replies.flush()


def main() -> None:
    """Locks itself in, says hello, serves."""
    settings = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the frames
    # A service manager tells the whole group to stop; the service ends its children when it needs no more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    jail = neighbour("child_jail")
    jail.die_with(settings["parent_pid"])
    jail.step_back()
    readers = {media_type: neighbour(module) for media_type, module in _READERS.items()}
    jail.limit(settings["memory_bytes"], settings["file_size_bytes"])
    send(replies, {"ready": True, "network_denied": jail.deny_network()})
    serve(Desk(settings, jail, readers), sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
