"""Frames between the service and its children: four bytes of length, big-endian, and a MessagePack map.

`Frames` is the child's end of the stream; nothing of the package is imported here.
"""

import os
import struct
from typing import Any, BinaryIO, Final

import msgspec

LENGTH: Final = struct.Struct(">I")
#: No reply is longer; a page of more text than this is no page.
LIMIT_BYTES: Final = 64 * 1024**2


def encoded(message: object) -> bytes:
    """Return the message as one frame."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


class Frames:
    """The requests of the parent and the replies to it."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    @classmethod
    def from_standard_streams(cls) -> "Frames":
        """Take over standard input and output; what libraries print goes to standard error from now on."""
        source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(source, sink)

    def read(self) -> dict[str, Any] | None:
        """Return the next request, or None when the parent has gone or has closed."""
        head = self._source.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        request: dict[str, Any] = msgspec.msgpack.decode(self._source.read(*LENGTH.unpack(head)))
        return request

    def write(self, reply: dict[str, Any], *, instead: dict[str, Any] | None = None) -> None:
        """Send the reply, or `instead` when it is longer than a frame may be."""
        frame = encoded(reply)
        if instead is not None and len(frame) > LIMIT_BYTES:
            frame = encoded(instead)
        self._sink.write(frame)
        self._sink.flush()
