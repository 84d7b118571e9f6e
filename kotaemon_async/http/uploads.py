"""Reads a multipart upload piece by piece: the file goes straight to its writer, never whole into memory."""

import time
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from litestar.datastructures import Headers
from litestar.types import Receive
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.file_names import file_name
from kotaemon_async.http.limits import limited
from kotaemon_async.http.settings import HttpSettings
from kotaemon_async.resilience.admission import Slot

#: Small pieces are gathered up to this before they are written.
WRITE_BYTES = 256 * 1024
#: Room for boundaries, part headers and the other fields around a file of the full size.
OVERHEAD_BYTES = 64 * 1024
MAX_KEY_LENGTH = 255
#: A path of 1,000 characters fits in, in any script.
_FIELD_BYTES = 4096
_MAX_PARTS = 8
_HTTP: Final = HttpSettings()
# These turn the direction of text round and make a name look like another one.
_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


class Writer(Protocol):
    """Where the file's bytes go."""

    async def write(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How slowly an upload may come: seconds without a byte, bytes a second over some, seconds in all."""

    silent_s: float = 60.0
    least_bytes_per_s: int = 1024
    least_over_s: float = 60.0
    whole_s: float = _HTTP.max_upload_s


def clean_name(raw: str, max_length: int) -> str:
    """Return the file's own name as plain data: no folders, no control characters, no direction marks.

    Raises: Refused when nothing is left or it is too long.
    """
    base = raw.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(ch for ch in base if unicodedata.category(ch) not in ("Cc", "Cs") and ord(ch) not in _BIDI)
    name = unicodedata.normalize("NFC", kept).strip()
    if name in ("", ".", ".."):
        raise Refused("The file has no name.", hint="Send the field 'file' with a filename.")
    if len(name) > max_length:
        raise Refused(
            f"The file's name has {len(name)} characters; {max_length} are allowed.",
            hint="Give it a shorter name.",
        )
    return name


def boundary_of(content_type: str) -> str:
    """Return the boundary of a multipart form; raises Refused for any other type."""
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Refused(
            "The body has to be multipart/form-data.",
            code="unsupported_media_type",
            hint="Send the file as the form field 'file'.",
        )
    return str(options["boundary"])


def announced_bytes(content_length: str | None, max_upload_bytes: int) -> int:
    """Return how long the body will be, 0 when it does not say.

    Raises: Refused `too_large` when an allowed file cannot be that long.
    """
    announced = int(content_length) if content_length and content_length.isdecimal() else 0
    if announced > max_upload_bytes + OVERHEAD_BYTES:
        raise Refused(
            f"The upload has {announced} bytes; a file may have {max_upload_bytes}.", code="too_large"
        )
    return announced


def key_of(headers: Headers) -> str | None:
    """Return the Idempotency-Key, if there is one, without the quotes that the header's draft asks for.

    Raises: Refused when it is empty or too long, or there are several.
    """
    given = headers.getall("idempotency-key", [])
    if not given:
        return None
    key = given[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if len(given) > 1 or not 0 < len(key) <= MAX_KEY_LENGTH:
        raise Refused(
            f"The Idempotency-Key has to be one text of 1 to {MAX_KEY_LENGTH} characters.",
            hint="Send a random one, such as a UUID, anew for each upload and again for each retry of it.",
        )
    return key


class Pace:
    """How long an upload's sender was waited for, and how much came meanwhile.

    Only the waiting counts: what the service takes for its own work is not the sender's fault.
    """

    def __init__(self, limits: UploadLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._began_s = 0.0
        self._waited_s = self._window_s = 0.0
        self._window_bytes = 0

    def begin(self) -> float:
        """Begin to wait, and return for how long at most."""
        self._began_s = self._clock()
        limits = self._limits
        return min(limits.silent_s, limits.whole_s - self._waited_s, limits.least_over_s - self._window_s)

    def end(self, size_bytes: int) -> None:
        """Note that so many bytes came, 0 when the wait was in vain. Raises: Refused `too_slow`."""
        waited_s = self._clock() - self._began_s
        self._waited_s += waited_s
        self._window_s += waited_s
        self._window_bytes += size_bytes
        limits = self._limits
        if self._waited_s >= limits.whole_s:
            raise limited("too_slow", f"The upload did not arrive within {limits.whole_s:g} s.")
        if not size_bytes and waited_s >= limits.silent_s:
            raise limited("too_slow", f"Nothing of the upload arrived for {limits.silent_s:g} s.")
        if self._window_s >= limits.least_over_s:
            least_bytes = limits.least_bytes_per_s * self._window_s
            if self._window_bytes < least_bytes:
                raise limited("too_slow", f"Less than {limits.least_bytes_per_s} bytes a second arrived.")
            self._window_s, self._window_bytes = 0.0, 0


async def body_pieces(receive: Receive, place: Slot, pace: Pace) -> AsyncIterator[bytes]:
    """Yield the body as it arrives, each piece after the place counted it.

    Raises: Refused when the sender is gone, too slow, or has to give way, or what the place raises.
    """
    more = True
    while more:
        message = None
        with place.waiting(pace.begin()):
            message = await receive()
        if place.gave_way:
            raise limited("too_slow", "Others waited for the place of this upload, which hardly went on.")
        pace.end(len(message["body"]) if message and message["type"] == "http.request" else 0)
        if message is None:
            continue
        if message["type"] != "http.request":
            raise Refused("The client left before the end of the upload.", code="client_gone")
        more = message["more_body"]
        if message["body"]:
            await place.took(len(message["body"]))
            yield message["body"]


async def _anything(_: Mapping[str, str]) -> None:
    """Refuse nothing."""


class Upload:
    """The fields of one form; its file is passed on to `writer`, its name cleaned or refused by `name_of`.

    `check` may refuse the file, by the fields that stand before it.
    """

    def __init__(
        self,
        boundary: str,
        writer: Writer,
        name_of: Callable[[str], str],
        check: Callable[[Mapping[str, str]], Awaitable[None]] = _anything,
    ) -> None:
        self.file_name = ""
        self.fields: dict[str, str] = {}
        # Latin-1 keeps the bytes of a name that is in no charset the sender told.
        self._parser = PushMultipartParser(boundary, max_segment_count=_MAX_PARTS, header_charset="latin-1")
        self._writer = writer
        self._name_of = name_of
        self._check = check
        self._part: MultipartSegment | None = None
        self._is_file = False
        self._gathered = bytearray()

    async def read(self, pieces: AsyncIterator[bytes]) -> None:
        """Read all of the form; raises Refused when it is not a form with one file."""
        async for piece in pieces:
            try:
                events = list(self._parser.parse(piece))
            except MultipartError as error:
                raise Refused("The form is malformed.") from error
            for event in events:
                await self._take(event)
        try:
            self._parser.close()
        except MultipartError as error:
            raise Refused("The form ends in the middle.") from error
        if not self.file_name:
            raise Refused("The form has no file.", hint="Send the file as the form field 'file'.")

    async def _take(self, event: MultipartSegment | bytes | None) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(event)
            if self._is_file:
                await self._check(self.fields)
        elif event is None:
            await self._end()
        else:
            await self._add(event)

    def _begin(self, part: MultipartSegment) -> None:
        self._part = part
        sent_name = file_name(part.header("Content-Disposition") or "") if part.name == "file" else None
        self._is_file = sent_name is not None
        if sent_name is None:
            return
        if self.file_name:
            raise Refused("The form has more than one file.", hint="Send one file per request.")
        # A name that is refused is refused here, before the file has been sent.
        self.file_name = self._name_of(sent_name)

    async def _add(self, data: bytes | bytearray) -> None:
        self._gathered += data
        if self._is_file:
            if len(self._gathered) >= WRITE_BYTES:
                await self._flush()
        elif len(self._gathered) > _FIELD_BYTES:
            raise Refused(f"A form field has more than {_FIELD_BYTES} bytes.")

    async def _end(self) -> None:
        if self._is_file:
            await self._flush()
        elif self._part is not None:
            try:
                self.fields[self._part.name or ""] = self._gathered.decode()
            except UnicodeDecodeError:
                raise Refused("A form field is not UTF-8 text.") from None
        self._gathered = bytearray()
        self._part, self._is_file = None, False

    async def _flush(self) -> None:
        data, self._gathered = bytes(self._gathered), bytearray()
        if data:
            await self._writer.write(data)
