"""The parts of a mail: heads and bodies as MIME nests them, read leniently; runs inside a parser child.

The standard library's parser takes a broken Content-Type at its word, walks by recursion and reads every line
against every boundary around it. Here a head is mended before it is believed, parts are found by their
boundaries alone, and their number, depth and the length of heads are bounded.
Source: RFC 2045, 2046, 2047, 2231, 5322.
"""

import base64
import binascii
import quopri
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

MAX_PARTS = 5_000
MAX_DEPTH = 24
#: Texts of many charsets take a hundredth of a second each.
_MAX_CPU_S = 15.0
_MAX_HEAD_BYTES = 256 * 1024
_MAX_VALUE_BYTES = 32 * 1024
_MAX_PARAMETERS_CHARS = 4_000
_MAX_PARAMETERS = 100
_LOOK_AHEAD_BYTES = 4_096
_MAX_RUNS = 1_000
_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:[ \t]*(.*)", re.DOTALL)
_END_OF_HEAD = re.compile(rb"(?:\r\n|\n|\r(?!\n))[ \t]*(?:\r\n|\n|\r(?!\n))")
_EMPTY_LINE = re.compile(rb"[ \t]*(?:\r\n|\n|\r)")
_LINE = re.compile(rb"([^\r\n]+)(?:\r\n|\n|\r|\Z)")
#: Fields that tell, after a line that is none, that the head goes on: the line belongs to the field before.
_WELL_KNOWN = re.compile(
    rb"(?:\r|\n)(?:content-[a-z-]+|mime-version|from|to|subject|date|message-id|received)[ \t]*:", re.I
)
#: An envelope line of an mbox, also where a quoting program has marked it.
_ENVELOPE = re.compile(rb">?From [^\r\n]*(?:\r\n|\n|\r)")
#: A line that can only be a boundary: fields of a part's head follow.
_LIKELY_BOUNDARY = re.compile(rb"^--([^\r\n]{3,70}?)[ \t]*\r?\n(?=content-[a-z-]+[ \t]*:)", re.I | re.M)
#: Parameters that were glued to what stands before: `text/plain charset=x`, `charset=gb2312format=flowed`.
_GLUED = re.compile(
    r"""(?:(?<![;\s])\s+|(?<![\w*;\s-]))(?=(?:charset|boundary|name|filename|format|delsp|type)\*?=)
    |(?<=\w)(?=(?:format=(?:flowed|fixed)|boundary=|delsp=|charset=))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")')
_PARAMETER = re.compile(r"""\s*([\w*-]{1,60})\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)""")
_EXTENDED = re.compile(r"([\w-]+)\*(?:(\d{1,3})(\*)?)?\Z")
_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]*)\r?\n", re.M)


@dataclass(eq=False)
class Part:
    """One part: its fields (names in small letters, raw unfolded values), and its body or its own parts."""

    fields: list[tuple[str, bytes]]
    content_type: str
    parameters: dict[str, str]
    disposition: str
    body: bytes = b""
    parts: list["Part"] = field(default_factory=list)

    def raw(self, name: str) -> bytes:
        """Return the raw value of the first field of that name, or nothing."""
        return next((value for key, value in self.fields if key == name), b"")

    @property
    def charset(self) -> str:
        return self.parameters.get("charset", "")

    @property
    def file_name(self) -> str:
        """Return the raw name of an attachment, in which encoded words may stand."""
        return self.parameters.get("filename") or self.parameters.get("name", "")

    def data(self) -> bytes:
        """Return the body without its transfer encoding."""
        return decoded_body(self.body, _text(self.raw("content-transfer-encoding")).strip().lower())


class Budget:
    """How many parts may still be read, and how long; `exceeded` tells that some were left out."""

    def __init__(self, parts: int = MAX_PARTS) -> None:
        self._left = parts
        self._until_s = time.process_time() + _MAX_CPU_S
        self.exceeded = False

    def take(self) -> bool:
        """Take a part, if there may be one more."""
        self._left -= 1
        return self._left >= 0 or self._leave_out()

    def has_time(self) -> bool:
        """Return whether another part may be decoded."""
        return time.process_time() < self._until_s or self._leave_out()

    def _leave_out(self) -> bool:
        self.exceeded = True
        return False


def parse(data: bytes, budget: Budget) -> Part:
    """Return the mail that the bytes are. Parts beyond the budget and `MAX_DEPTH` are left out."""
    return _parsed(data, 0, len(data), budget, 0)


def _parsed(data: bytes, start: int, end: int, budget: Budget, depth: int) -> Part:
    fields, start = _head(data, start, end)
    content_type, parameters = _content_type(_first(fields, "content-type"))
    disposition, more = _parameters(_mended(_first(fields, "content-disposition")))
    part = Part(fields, content_type, {**parameters, **more}, disposition.strip().lower())
    boundary = parameters.get("boundary", "")
    pieces = list(_pieces(data, start, end, content_type, boundary))
    if not pieces:
        part.content_type = "text/plain" if content_type.startswith("multipart/") else content_type
        part.body = data[start:end]
    elif depth >= MAX_DEPTH:
        budget.exceeded = True
    else:
        _add_parts(part, (_parsed(data, *place, budget, depth + 1) for place in pieces if budget.take()))
    return part


def _add_parts(part: Part, parts: Iterable[Part]) -> None:
    """Add the parts of a part; one that only announces those between the same boundaries says their kind."""
    boundary = part.parameters.get("boundary")
    for one in parts:
        if not one.parts and not one.body.strip() and boundary and one.parameters.get("boundary") == boundary:
            part.content_type = _content_type(_first(one.fields, "content-type"))[0]
        else:
            part.parts.append(one)
    if not part.content_type.startswith("multipart/"):
        part.content_type = "multipart/mixed"


def _first(fields: list[tuple[str, bytes]], name: str) -> str:
    return _text(next((value for key, value in fields if key == name), b""))[:_MAX_PARAMETERS_CHARS]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _head(data: bytes, start: int, end: int) -> tuple[list[tuple[str, bytes]], int]:
    """Return the fields of the head, and where the body begins."""
    if envelope := _ENVELOPE.match(data, start, end):
        start = envelope.end()
    if empty := _EMPTY_LINE.match(data, start, end):
        return [], empty.end()
    blank = _END_OF_HEAD.search(data, start, end)
    stop, body = (blank.start(), blank.end()) if blank else (end, end)
    fields: list[tuple[str, list[bytes]]] = []
    for line in _LINE.finditer(data, start, min(stop, start + _MAX_HEAD_BYTES)):
        found = _FIELD.match(line[1])
        if found and line[1][:1] not in b" \t":
            fields.append((found[1].decode("ascii").lower(), [found[2]]))
        elif fields and (line[1][:1] in b" \t" or _goes_on(data, line.start(), stop)):
            fields[-1][1].append(line[1].strip())
        else:
            # The empty line after the head is missing: this is text already.
            body = line.start()
            break
    return [(name, b" ".join(pieces)[:_MAX_VALUE_BYTES].strip()) for name, pieces in fields], body


def _goes_on(data: bytes, start: int, stop: int) -> bool:
    """Return whether the head goes on after a line that is no field."""
    return _WELL_KNOWN.search(data, start, min(stop, start + _LOOK_AHEAD_BYTES)) is not None


def _content_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the type and the parameters of a Content-Type, mended first."""
    found = _TYPE.match(value)
    if found is None:
        return "text/plain", _parameters(f";{_mended(value)}")[1]
    return found[1].lower(), _parameters(f";{_mended(value[found.end() :])}")[1]


def _mended(value: str) -> str:
    """Return the value with a semicolon before each parameter that lacks one; quoted strings stay."""
    pieces = _QUOTED.split(value)
    return "".join(piece if place % 2 else _GLUED.sub("; ", piece) for place, piece in enumerate(pieces))


def _parameters(value: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first semicolon, and the parameters, continued ones joined (RFC 2231)."""
    kind, _, rest = value.partition(";")
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, str, bool]]] = {}
    place = 0
    for _ in range(_MAX_PARAMETERS):
        found = _PARAMETER.match(rest, place)
        if found:
            _keep(found[1].lower(), _unquoted(found[2]), plain, pieces)
            place = found.end()
        following = rest.find(";", place)
        if following < 0:
            break
        place = following + 1
    for name, parts in pieces.items():
        plain[name] = _joined(sorted(parts))
    return kind, plain


def _keep(
    name: str, value: str, plain: dict[str, str], pieces: dict[str, list[tuple[int, str, bool]]]
) -> None:
    extended = _EXTENDED.match(name)
    if extended is None:
        plain.setdefault(name, value)
    else:
        is_encoded = extended[2] is None or extended[3] is not None
        pieces.setdefault(extended[1], []).append((int(extended[2] or 0), value, is_encoded))


def _unquoted(value: str) -> str:
    value = value.strip()
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
    return value.strip("'")


def _joined(pieces: list[tuple[int, str, bool]]) -> str:
    """Return a value of pieces, of which some are percent-encoded in the charset that the first names."""
    charset = "utf-8"
    data = b""
    for place, (_, piece, is_encoded) in enumerate(pieces):
        value = piece
        if is_encoded and place == 0 and piece.count("'") >= 2:
            charset, _, value = piece.split("'", 2)
        data += unquote_to_bytes(value) if is_encoded else value.encode("utf-8", "surrogateescape")
    try:
        return data.decode(charset or "utf-8")
    except (LookupError, ValueError):
        return data.decode("utf-8", "surrogateescape")


def _pieces(data: bytes, start: int, end: int, kind: str, boundary: str) -> Iterator[tuple[int, int]]:
    """Yield the places of the parts between boundary lines; where the named one never comes, a likely one.

    Some programs call a mail of several parts by the type of one of them.
    """
    is_multipart = kind.startswith("multipart/")
    if not is_multipart and not (boundary and kind.startswith("text/")):
        return
    line = boundary.strip().encode("utf-8", "surrogateescape")
    borders = _borders(data, start, end, line) if line else []
    if is_multipart and not borders and (likely := _LIKELY_BOUNDARY.search(data, start, end)):
        borders = _borders(data, start, end, likely[1])
    for place, (_, first, is_last) in enumerate(borders):
        following = borders[place + 1][0] if place + 1 < len(borders) else end
        if not is_last and following > first:
            yield first, following


def _borders(data: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int, bool]]:
    """Return for each boundary line where the part before ends, the next begins, and whether it closes."""
    found: list[tuple[int, int, bool]] = []
    pattern = re.compile(rb"--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\n|\r|\Z)")
    for border in pattern.finditer(data, start, end):
        before = border.start()
        if before > start and data[before - 1] not in b"\r\n":
            continue
        # The line break before a boundary belongs to it.
        before -= data[max(start, before - 1) : before] == b"\n"
        before -= data[max(start, before - 1) : before] == b"\r"
        found.append((before, border.end(), border[1] is not None))
        if len(found) > 2 * MAX_PARTS:
            break
    return found


def decoded_body(body: bytes, encoding: str) -> bytes:
    """Return the bytes that a transfer encoding stands for."""
    if encoding == "base64":
        return from_base64(body)
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _from_uuencode(body)
    return body


def from_base64(data: bytes) -> bytes:
    """Return what base64 holds, whatever stands between its letters; a cut end loses its last byte alone."""
    whole = bytearray()
    for run in data.split(b"=", _MAX_RUNS):  # padding inside: several encodings in a row
        letters = _NOT_BASE64.sub(b"", run)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        whole += base64.b64decode(letters + b"=" * (-len(letters) % 4))
    return bytes(whole)


def _from_uuencode(body: bytes) -> bytes:
    begin = _UU_BEGIN.search(body)
    if begin is None:
        return body
    whole = bytearray()
    for line in body[begin.end() :].splitlines():
        if line.strip() == b"end":
            break
        try:
            whole += binascii.a2b_uu(line)
        except binascii.Error:
            # Some programs pad a line too long.
            count = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                whole += binascii.a2b_uu(line[:count])
            except binascii.Error:
                continue
    return bytes(whole)
