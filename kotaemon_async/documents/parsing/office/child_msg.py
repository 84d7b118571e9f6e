"""Outlook's mails (MSG): properties in an OLE file, recipients and attachments in folders of it.

Source: MS-OXMSG, MS-OXPROPS.
"""

import datetime
import importlib
import struct
from typing import Any, NamedTuple

from kotaemon_async.documents.parsing.child_html import declared_charset
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, opened
from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_lzfu import rtf_of
from kotaemon_async.documents.parsing.office.child_mail_words import (
    day_name,
    day_of,
    decoded,
    head_text,
    paragraphs,
)
from kotaemon_async.documents.parsing.office.child_messages import MessageWriter
from kotaemon_async.documents.parsing.office.child_mime import Budget, parse

olefile: Any = importlib.import_module("olefile")  # without types, so its calls need none

MAX_MAILS_WITHIN = 8
MAX_ATTACHMENTS = 1_000
_MAX_STREAM_BYTES = 128 * 1024**2
_PROPERTIES = "__properties_version1.0"
#: How long the head of the properties is: of a mail, of one within it, of a recipient or attachment.
_HEAD_BYTES, _HEAD_BYTES_WITHIN, _HEAD_BYTES_OTHER = 32, 24, 8
_ENTRY = struct.Struct("<HHIQ")
_TEXT, _ANSI, _BINARY, _STORAGE = "001F", "001E", "0102", "000D"
_SUBJECT, _BODY, _HTML, _RTF, _HEADERS = "0037", "1000", "1013", "1009", "007D"
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = "0C1A", "0C1F", "5D01"
_SHOWN_TO, _SHOWN_CC = "0E04", "0E03"
_NAME, _SMTP = "3001", "39FE"
_LONG_NAME, _SHORT_NAME, _MIME, _DATA, _CONTENT_ID = "3707", "3704", "370E", "3701", "3712"
_CODEPAGE, _INTERNET_CODEPAGE, _SENT, _DELIVERED, _KIND_OF_RECIPIENT = 0x3FFD, 0x3FDE, 0x0039, 0x0E06, 0x0C15
_TO, _CC = 1, 2
_CODECS = {
    65001: "utf-8",
    936: "gb18030",
    54936: "gb18030",
    950: "big5hkscs",
    20127: "cp1252",
    28591: "cp1252",
}
_WINDOWS_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)
_DAMAGE = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    struct.error,
)
_MAX_SHOWN_RECIPIENTS = 50


def open_document(source: Source, _media_type: str, max_pages: int) -> Units:
    """Return the parts of a mail. Raises: FileError(corrupt | encrypted | no_text | too_large)."""
    try:
        with opened(source) as whole, olefile.OleFileIO(whole) as file:
            messages = _Messages(file, MessageWriter(max_pages))
            messages.read((), _HEAD_BYTES)
    except _DAMAGE as error:
        raise FileError("corrupt", "The mail is damaged: it is no whole OLE file.") from error
    return messages.writer.finish()


class _Folder(NamedTuple):
    """One folder of the file: its streams by property and type ("0037001F"), and its numbers by property."""

    path: tuple[str, ...]
    streams: dict[str, str]
    numbers: dict[int, int]


class _Messages:
    """Reads a message and those attached to it."""

    def __init__(self, file: Any, writer: MessageWriter) -> None:
        self.writer = writer
        self._file = file
        self._children: dict[tuple[str, ...], list[str]] = {}
        for path in file.listdir(streams=True, storages=True):
            self._children.setdefault(tuple(path[:-1]), []).append(path[-1])
        if _PROPERTIES not in self._children.get((), ()):
            raise FileError("corrupt", "The file is no mail: it has no properties.")

    def read(self, path: tuple[str, ...], head_bytes: int) -> None:
        """Read the message that lies in a folder."""
        folder = self._folder(path, head_bytes)
        fields, day = self._head(folder)
        self.writer.begin(head_text(self._text(folder, _SUBJECT)), fields, day)
        self._body(folder)
        for name in self._children.get(path, ())[: 4 * MAX_ATTACHMENTS]:
            if name.startswith("__attach_version1.0_"):
                self._attachment((*path, name))
        self.writer.end()

    def _folder(self, path: tuple[str, ...], head_bytes: int) -> _Folder:
        names = self._children.get(path, [])
        streams = {name[-8:].upper(): name for name in names if name.startswith("__substg1.0_")}
        folder = _Folder(path, streams, {})
        data = self._stream(folder, _PROPERTIES) if _PROPERTIES in names else b""
        whole = len(data) - (len(data) - head_bytes) % _ENTRY.size
        for _, tag, _, value in _ENTRY.iter_unpack(data[head_bytes:whole]):
            folder.numbers.setdefault(tag, value)
        return folder

    def _stream(self, folder: _Folder, name: str) -> bytes:
        if self._file.get_size([*folder.path, name]) > _MAX_STREAM_BYTES:
            return b""
        return bytes(self._file.openstream([*folder.path, name]).read())

    def _binary(self, folder: _Folder, tag: str) -> bytes:
        name = folder.streams.get(tag + _BINARY)
        return self._stream(folder, name) if name else b""

    def _text(self, folder: _Folder, tag: str) -> str:
        """Return a text property, in Unicode or in the mail's codepage."""
        if name := folder.streams.get(tag + _TEXT):
            return self._stream(folder, name).decode("utf-16-le", "replace").rstrip("\0")
        if name := folder.streams.get(tag + _ANSI):
            return decoded(self._stream(folder, name).rstrip(b"\0"), _codec(folder, _CODEPAGE))
        return ""

    def _head(self, folder: _Folder) -> tuple[list[tuple[str, str]], str]:
        """Return the shown fields, as they were sent where that is kept, and the day."""
        sent = parse(self._text(folder, _HEADERS).strip().encode("utf-8", "replace"), Budget())
        to, cc = self._recipients(folder)
        own = {
            "From": self._sender(folder),
            "To": to or self._text(folder, _SHOWN_TO),
            "Cc": cc or self._text(folder, _SHOWN_CC),
            "Date": "",
        }
        time = _time(folder.numbers.get(_SENT) or folder.numbers.get(_DELIVERED) or 0)
        day = day_name(time) if time else ""
        if date := head_text(sent.raw("date")):
            day = day_of(date) or day
            own["Date"] = date
        elif time:
            own["Date"] = f"{day} {time:%H:%M} UTC"
        return [(name, head_text(value)) for name, value in own.items()], day

    def _sender(self, folder: _Folder) -> str:
        name = self._text(folder, _SENDER)
        address = self._text(folder, _SENDER_SMTP) or self._text(folder, _SENDER_ADDRESS)
        return _person(name, address)

    def _recipients(self, folder: _Folder) -> tuple[str, str]:
        people: dict[int, list[str]] = {_TO: [], _CC: []}
        names = [
            name for name in self._children.get(folder.path, ()) if name.startswith("__recip_version1.0_")
        ]
        for name in names[:_MAX_SHOWN_RECIPIENTS]:
            one = self._folder((*folder.path, name), _HEAD_BYTES_OTHER)._replace()
            kind = one.numbers.get(_KIND_OF_RECIPIENT, _TO)
            person = _person(self._text(one, _NAME), self._text(one, _SMTP))
            if person and kind in people:
                people[kind].append(person)
        return ", ".join(people[_TO]), ", ".join(people[_CC])

    def _body(self, folder: _Folder) -> None:
        plain = paragraphs(self._text(folder, _BODY))
        markup = self._text(folder, _HTML)
        if not markup and (data := self._binary(folder, _HTML)):
            markup = decoded(data, declared_charset(data) or _codec(folder, _INTERNET_CODEPAGE))
        if plain or markup:
            self.writer.body(plain, markup)
        elif packed := self._binary(folder, _RTF):
            try:
                self.writer.rich_body(rtf_of(packed))
            except FileError as error:
                self.writer.units.warn("part_skipped", str(error), "part")

    def _attachment(self, path: tuple[str, ...]) -> None:
        folder = self._folder(path, _HEAD_BYTES_OTHER)
        name = head_text(self._text(folder, _LONG_NAME) or self._text(folder, _SHORT_NAME))
        if within := folder.streams.get(_DATA + _STORAGE):
            self._within((*path, within), name)
            return
        kind = self._text(folder, _MIME).lower()
        if not kind.startswith("image/"):
            self.writer.attach(name, self._attached(folder), kind)
        elif not self._text(folder, _CONTENT_ID):
            self.writer.picture(name)

    def _attached(self, folder: _Folder) -> bytes:
        try:
            return self._binary(folder, _DATA)
        except _DAMAGE:
            return b""  # which is named as any empty attachment is

    def _within(self, path: tuple[str, ...], name: str) -> None:
        """Read a mail within the mail; anything else that is embedded is named."""
        warn = self.writer.units.warn
        if _PROPERTIES not in self._children.get(path, ()):
            warn("part_skipped", f'The embedded object "{name}" is not read.', "part", 0, name)
        elif self.writer.depth >= MAX_MAILS_WITHIN:
            warn("truncated", f'The mail "{name}" is nested too deeply.', "part", 0, name)
        else:
            self.read(path, _HEAD_BYTES_WITHIN)


def _codec(folder: _Folder, tag: int) -> str:
    number = folder.numbers.get(tag, 0) & 0xFFFF
    return _CODECS.get(number, f"cp{number}" if number else "")


def _person(name: str, address: str) -> str:
    if "@" not in address or address == name:
        return name or address
    return f"{name} <{address}>" if name else address


def _time(ticks: int) -> datetime.datetime | None:
    """Return the time of a count of 100 ns since 1601."""
    try:
        return _WINDOWS_EPOCH + datetime.timedelta(microseconds=ticks // 10) if ticks else None
    except OverflowError:
        return None
