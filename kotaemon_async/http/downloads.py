"""Sends a stored file, whole or one range of it, so that a browser shows it and runs nothing of it."""

import re
from pathlib import Path
from urllib.parse import quote

import anyio
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Document

_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
#: Shown in the browser's own viewer; everything else is offered for saving.
_INLINE = frozenset({"application/pdf", "text/plain"})
# A sandbox would also switch off the browser's PDF viewer, and a PDF cannot reach the page around it.
_POLICY_PDF = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_POLICY = "sandbox; default-src 'none'; frame-ancestors 'self'"


def disposition(name: str, media_type: str) -> str:
    """Return Content-Disposition with the name as RFC 5987 has it, and an ASCII form for old clients."""
    how = "inline" if media_type in _INLINE else "attachment"
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last, or None for the whole file.

    Several ranges, and what cannot be satisfied, are answered with the whole file, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (start, end) if start < end else None


class FileReply(ASGIResponse):
    """The file of a document, read in pieces."""

    def __init__(self, document: Document, path: Path, range_header: str | None) -> None:
        super().__init__(media_type=document.media_type)
        self._document = document
        self._path = path
        self._range = range_of(range_header, document.size_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send headers and, unless it is HEAD, the bytes. Raises: Refused `not_found` for a missing file."""
        start, end = self._range or (0, self._document.size_bytes)
        try:
            source = await anyio.open_file(self._path, "rb")
        except FileNotFoundError:
            raise Refused("The document's file is gone.", code="not_found") from None
        async with source:
            await send(
                {
                    "type": "http.response.start",
                    "status": 206 if self._range else 200,
                    "headers": self._head(),
                }
            )
            await source.seek(start)
            left = 0 if scope.get("method") == "HEAD" else end - start
            while left > 0 and (piece := await source.read(min(_PIECE_BYTES, left))):
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _head(self) -> list[tuple[bytes, bytes]]:
        document = self._document
        start, end = self._range or (0, document.size_bytes)
        text = document.media_type.startswith("text/")
        fields = {
            "content-type": document.media_type + ("; charset=utf-8" if text else ""),
            "content-length": str(end - start),
            "content-disposition": disposition(document.name, document.media_type),
            "content-security-policy": _POLICY_PDF if document.media_type == "application/pdf" else _POLICY,
            "accept-ranges": "bytes",
            "cache-control": "private, no-cache",
            "etag": f'"{document.sha256}"',
        }
        if self._range:
            fields["content-range"] = f"bytes {start}-{end - 1}/{document.size_bytes}"
        return [(name.encode(), value.encode()) for name, value in fields.items()]
