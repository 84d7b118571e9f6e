"""How much of a connection's bytes are no body: heads, trailers and what stands around chunks."""

from dataclasses import dataclass
from typing import Final

from kotaemon_async.domain.errors import Refused

#: What "HTTP/1.1", its spaces and line ends, and those of each field take of a head.
_LINE_BYTES: Final = 14
_FIELD_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one connection may take; sizes in bytes, times in seconds."""

    head_bytes: int = 32 * 1024
    fields: int = 100
    #: Until the first byte of a new connection.
    silent_s: float = 10.0
    #: From the first byte of a head to its last.
    head_s: float = 15.0
    #: For both of these where a connection is one too many, and only a question for the health is answered.
    spare_s: float = 2.0
    #: Without one byte that the reader takes.
    unread_s: float = 60.0
    #: How long a client that was refused has to read why, and how much of what it goes on sending is taken.
    refused_s: float = 2.0
    refused_bytes: int = 256 * 1024


class RequestMeter:
    """Counts what was read of the requests of one connection, and refuses what is out of proportion.

    The parser joins what it has of a field with all that comes after it, and keeps it; so a bound has to be
    kept while a head comes, and for what a body may carry beside itself.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self.reads_head = True
        self._begun = False
        self._head_bytes = 0
        self._bare_bytes = 0
        self._turned = self._had_body = False

    @property
    def has_begun(self) -> bool:
        """Return whether a part of a head is here."""
        return self.reads_head and (self._begun or self._head_bytes > 0)

    @property
    def has_line(self) -> bool:
        """Return whether more of a head is here than the empty lines that may stand before one."""
        return self.reads_head and self._begun

    def begin(self) -> None:
        """Note the first byte of a head."""
        self._begun = True

    def check_fields(self, count: int) -> None:
        """Check how many fields a head has. Raises: Refused `head_too_large`."""
        if count > self._limits.fields:
            raise Refused(
                f"The request has more than {self._limits.fields} header fields.", code="head_too_large"
            )

    def end_head(self, method: bytes, url: bytes, fields: list[tuple[bytes, bytes]]) -> None:
        """Note the end of a head. Raises: Refused `head_too_large`, however the network has cut it."""
        size_bytes = _LINE_BYTES + len(method) + len(url)
        size_bytes += sum(_FIELD_BYTES + len(name) + len(value) for name, value in fields)
        self._check_head(size_bytes)
        self.reads_head, self._turned = False, True

    def body(self) -> None:
        """Note that a part of a body came."""
        self._had_body = True

    def end(self) -> None:
        """Note the end of a request."""
        self.reads_head, self._begun, self._head_bytes, self._turned = True, False, 0, True

    def count(self, size_bytes: int) -> None:
        """Count what the parser was given. Raises: Refused for too much that is no body."""
        turned, self._turned = self._turned, False
        had_body, self._had_body = self._had_body, False
        if turned or had_body:
            # Nobody knows how much of this belongs where, but it is no more than one buffer.
            self._bare_bytes = 0
        elif self.reads_head:
            self._head_bytes += size_bytes
            self._check_head(self._head_bytes)
        else:
            self._bare_bytes += size_bytes
            if self._bare_bytes > self._limits.head_bytes:
                raise Refused("The request's body has too much beside its bytes.")

    def _check_head(self, size_bytes: int) -> None:
        if size_bytes > self._limits.head_bytes:
            raise Refused(
                f"The head of the request has more than {self._limits.head_bytes} bytes.",
                code="head_too_large",
            )
