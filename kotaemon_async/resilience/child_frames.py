"""Frames between the service and its children: four bytes of length, big-endian, and a MessagePack map.

`Frames` is the child's end of the stream; nothing of the package is imported here.
"""

import os
import socket
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

    def __init__(self, source: socket.socket, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        #: An open file that came with the last request; whoever takes it closes it.
        self.handed: int | None = None

    @classmethod
    def from_standard_streams(cls) -> "Frames":
        """Take over standard input and output; what libraries print goes to standard error from now on."""
        source, sink = socket.socket(fileno=os.dup(0)), os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        return cls(source, sink)

    def read(self) -> dict[str, Any] | None:
        """Return the next request, or None when the parent has gone or has closed."""
        head, descriptors, _, _ = socket.recv_fds(self._source, LENGTH.size, 1)
        self.handed = descriptors[0] if descriptors else None
        head += self._rest(LENGTH.size - len(head)) if head else b""
        if len(head) < LENGTH.size:
            return None
        request: dict[str, Any] = msgspec.msgpack.decode(self._rest(*LENGTH.unpack(head)))
        return request

    def _rest(self, length: int) -> bytes:
        """Return the next bytes, fewer only at the end of the stream."""
        data, have = bytearray(length), 0
        while have < length and (count := self._source.recv_into(memoryview(data)[have:])):
            have += count
        return bytes(data[:have])

    def write(self, reply: dict[str, Any], *, instead: dict[str, Any] | None = None) -> None:
        """Send the reply, or `instead` when it is longer than a frame may be."""
        frame = encoded(reply)
        if instead is not None and len(frame) > LIMIT_BYTES:
            frame = encoded(instead)
        self._sink.write(frame)
        self._sink.flush()
