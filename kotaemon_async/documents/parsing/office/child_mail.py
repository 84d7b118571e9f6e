"""Mails (EML, mbox) and saved web pages (MHT): each mail with its head, its body once, what is attached."""

import codecs
import re
from collections.abc import Iterator

from kotaemon_async.documents.parsing import child_charsets
from kotaemon_async.documents.parsing.child_html import declared_charset
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, contents, size_of
from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_mail_words import day_of, decoded, head_text, paragraphs
from kotaemon_async.documents.parsing.office.child_messages import MessageWriter
from kotaemon_async.documents.parsing.office.child_mime import MAX_DEPTH, MAX_PARTS, Budget, Part, parse

MAX_BYTES = 256 * 1024**2
MAX_MAILS_WITHIN = 8
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_HEAD_BYTES = 4096
_SHOWN_FIELDS = ("From", "To", "Cc", "Date")
#: Where a mail of an mbox begins: an envelope line, which a head follows.
_ENVELOPE = re.compile(
    rb"(?:\A|\n\r?\n)From [^\r\n]{1,300}\d\d:\d\d[^\r\n]{0,100}\r?\n(?=>?[!-9;-~]{1,80}[ \t]*:)"
)
_MAIL_TYPES = ("message/rfc822", "message/global", "message/news")
_ELSEWHERE = {
    "message/external-body": "kept elsewhere",
    "message/partial": "one piece of a mail that was sent in several",
}
_SIGNATURES = frozenset(
    ["application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"]
)
_ENVELOPED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
#: What a page needs to be drawn, and nobody reads.
_TRIMMINGS = ("text/css", "text/javascript", "application/javascript", "application/x-javascript", "font/")
_CALENDAR = re.compile(
    r"^(SUMMARY|DTSTART|DTEND|LOCATION|ORGANIZER|DESCRIPTION)(?:;[^\r\n]{0,300}?)?:([^\r\n]*)", re.M
)
_CALENDAR_FOLD = re.compile(r"\r?\n[ \t]")
_CALENDAR_ESCAPE = re.compile(r"\\([nN,;\\])")


def open_document(source: Source, _media_type: str, max_pages: int) -> Units:
    """Return the parts of a mail, of all mails of an mbox, or of a saved page.

    Raises: FileError(corrupt | empty | encrypted | no_text | too_large).
    """
    size = size_of(source)
    if size > MAX_BYTES:
        raise FileError("too_large", f"The mail has {size} bytes; at most {MAX_BYTES} are read.")
    data = _plain(contents(source))
    if not data.strip():
        raise FileError("empty", "The file holds no text.")
    reader = _Reader(MessageWriter(max_pages))
    for mail in _mails(data):
        reader.read(mail)
    return reader.finish()


def _plain(data: bytes) -> bytes:
    """Return the file in a charset that holds ASCII, from its first line with words on."""
    if data.startswith(_WIDE_MARKS) or data[:_HEAD_BYTES].count(0) > len(data[:_HEAD_BYTES]) // 4:
        data = child_charsets.decoded(data)[0].encode("utf-8", "replace")
    return data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")


def _mails(data: bytes) -> Iterator[bytes]:
    starts = [found.span() for found in _ENVELOPE.finditer(data)] if data.startswith(b"From ") else []
    if len(starts) < 2:
        yield data
        return
    ends = [start for start, _ in starts[1:]] + [len(data)]
    for (_, start), end in zip(starts, ends, strict=True):
        yield data[start:end]


class _Reader:
    """Reads the parts of mails in their order; bounds how many there are over all mails of a file."""

    def __init__(self, writer: MessageWriter) -> None:
        self._writer = writer
        self._budget = Budget()

    def read(self, data: bytes) -> None:
        """Read a mail, or a saved page, which has no sender."""
        if not self._budget.take():
            return
        part = parse(data, self._budget)
        if not part.fields and self._writer.depth == 0:
            raise FileError("corrupt", "The file does not begin as a mail does.")
        if _is_page(part):
            self._page(part)
            return
        fields = [(name, head_text(part.raw(name.lower()))) for name in _SHOWN_FIELDS]
        self._writer.begin(head_text(part.raw("subject")), fields, day_of(dict(fields)["Date"]))
        self._part(part)
        self._writer.end()

    def finish(self) -> Units:
        if self._budget.exceeded:
            message = f"Parts beyond the first {MAX_PARTS}, deeper than {MAX_DEPTH} or too slow are left out."
            self._writer.units.warn("truncated", message, "part")
        return self._writer.finish()

    def _page(self, part: Part) -> None:
        """Write the texts of a saved page; its pictures belong to it and are no attachments."""
        for leaf in _leaves(part):
            if leaf.content_type in _PAGE_TYPES:
                self._writer.page(_markup(leaf), head_text(part.raw("subject")))
            elif leaf.content_type == "text/plain":
                self._writer.body(_paragraphs(leaf), "")

    def _part(self, part: Part) -> None:
        kind = part.content_type
        if kind == "multipart/alternative":
            self._alternative(part)
        elif kind == "multipart/related":
            self._related(part)
        elif kind == "multipart/encrypted":
            self._writer.lock()
        elif part.parts:
            for one in part.parts:
                is_mail = kind == "multipart/digest" and not one.raw("content-type")
                self._mail(one) if is_mail else self._part(one)
        else:
            self._leaf(part)

    def _leaf(self, part: Part) -> None:
        if not self._budget.has_time():
            return
        kind = part.content_type
        if kind in _MAIL_TYPES:
            self._mail(part)
        elif kind in _ELSEWHERE:
            message = f"A part of the mail was not read: it is {_ELSEWHERE[kind]}."
            self._writer.units.warn("part_skipped", message, "part")
        elif kind in _ENVELOPED and not part.file_name.lower().endswith(".p7s"):
            self._writer.lock()
        elif kind in _SIGNATURES or kind.startswith(_TRIMMINGS):
            return
        elif self._is_attached(part):
            self._attach(part)
        elif kind == "text/html":
            self._writer.body([], _markup(part))
        elif kind == "text/calendar":
            self._writer.body(_appointment(part), "")
        else:
            self._writer.body(_paragraphs(part), "")

    def _is_attached(self, part: Part) -> bool:
        is_text = part.content_type.startswith("text/") or part.content_type == "message/delivery-status"
        is_named = bool(part.file_name) and self._writer.has_text and part.content_type != "text/calendar"
        return part.disposition == "attachment" or is_named or not is_text

    def _mail(self, part: Part) -> None:
        if self._writer.depth >= MAX_MAILS_WITHIN:
            self._budget.exceeded = True
            return
        data = part.data()
        if data.strip():
            self.read(data)

    def _alternative(self, part: Part) -> None:
        """Write the body that says more, and what else lies within the others."""
        if not self._budget.has_time():
            return
        leaves = [leaf for one in part.parts for leaf in _leaves(one)]
        bodies = {id(leaf): leaf for leaf in leaves if leaf.disposition != "attachment"}
        plain = next(
            (leaf for leaf in bodies.values() if leaf.content_type == "text/plain" and leaf.body.strip()),
            None,
        )
        html = next((leaf for leaf in reversed(bodies.values()) if leaf.content_type == "text/html"), None)
        if plain or html:
            self._writer.body(_paragraphs(plain) if plain else [], _markup(html) if html else "")
        chosen = ("text/plain", "text/html") if plain or html else ()
        for leaf in leaves:
            is_body = id(leaf) in bodies and leaf.content_type in chosen
            if not is_body and not (_is_picture(leaf) and leaf.disposition != "attachment"):
                self._leaf(leaf)

    def _related(self, part: Part) -> None:
        """Write the root; pictures that it shows are part of its look."""
        start = part.parameters.get("start", "").encode("utf-8", "surrogateescape")
        root = next((one for one in part.parts if start and one.raw("content-id") == start), part.parts[0])
        self._part(root)
        for one in part.parts:
            if one is not root and not (_is_picture(one) and one.disposition != "attachment"):
                self._part(one)

    def _attach(self, part: Part) -> None:
        name = head_text(part.file_name)
        if _is_picture(part):
            self._writer.picture(name)
        else:
            self._writer.attach(name, _attached(part), part.content_type)


def _is_page(part: Part) -> bool:
    """Return whether this is a web page that a browser saved: nobody sends it to anybody."""
    sender = part.raw("from").lower()
    is_sent = bool(sender or part.raw("to")) and b"saved by" not in sender
    return not is_sent and any(leaf.content_type in _PAGE_TYPES for leaf in _leaves(part))


def _leaves(part: Part) -> Iterator[Part]:
    if part.parts:
        for one in part.parts:
            yield from _leaves(one)
    else:
        yield part


def _is_picture(part: Part) -> bool:
    return part.content_type.startswith("image/")


def _attached(part: Part) -> bytes:
    """Return an attachment; a text that says its charset in UTF-8, as its file does not say it."""
    data = part.data()
    if part.charset and part.content_type.startswith("text/") and part.content_type != "text/html":
        return decoded(data, part.charset).encode("utf-8", "replace")
    return data


def _paragraphs(part: Part) -> list[str]:
    is_flowed = part.parameters.get("format", "").lower() == "flowed"
    drops_blank = part.parameters.get("delsp", "").lower() == "yes"
    return paragraphs(decoded(part.data(), part.charset), is_flowed=is_flowed, drops_blank=drops_blank)


def _markup(part: Part) -> str:
    data = part.data()
    return decoded(data, part.charset or declared_charset(data) or "")


def _appointment(part: Part) -> list[str]:
    """Return what an invitation says: its subject, times, place and text."""
    text = _CALENDAR_FOLD.sub("", decoded(part.data(), part.charset or "utf-8"))
    text = text.partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    found = (
        f"{name.capitalize()}: {_CALENDAR_ESCAPE.sub(_unescaped, value)}"
        for name, value in _CALENDAR.findall(text)
    )
    return ["\n".join(found)] if text else []


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] in "nN" else found[1]
