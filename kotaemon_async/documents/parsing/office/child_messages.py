"""Messages as parts of a document: the head, the body once, what is attached under its own name."""

import re
from collections.abc import Sequence

from kotaemon_async.documents.parsing.child_html import feed, letters
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_attachments import Attachments, clean_name
from kotaemon_async.documents.parsing.office.child_sheet import header_rows
from kotaemon_async.domain.child_lines import is_point

#: Nobody reads who else got a circular; the first of them tell.
_FIELD_CHARS = 1_000
_LABEL_CHARS = 120
#: A plain body that is so much shorter than the HTML beside it only says that there is one.
_TIMES, _LONGER_CHARS = 3, 120
_HAS_TITLE = re.compile(r"<(?:title|h1)[\s>]", re.IGNORECASE)
#: Mails that a program has encrypted or signed as a whole; some of the signed ones are plain MIME.
_SEALED = (".p7m", ".pgp")
_IS_MIME = re.compile(rb"\s*(?:content-type|mime-version)\s*:", re.IGNORECASE)
_CELLS = re.compile(r"\t|\s\|\s")
_PGP = "-----BEGIN PGP MESSAGE-----"
_NAMED_PICTURES = 5
_MANY = 1_000_000


class MessageWriter:
    """Writes messages, also those within others, as units of the kind "part"."""

    def __init__(self, max_units: int) -> None:
        self.units = UnitWriter(max_units=max_units)
        self._attachments = Attachments(self.units, max_units)
        self._open: list[tuple[str, str]] = []  # label and subject of the message and of those around it
        self._is_current = False
        self._pictures: list[str] = []
        self._has_text = False
        self._locked = 0
        self._unnamed = 0

    @property
    def depth(self) -> int:
        return len(self._open)

    @property
    def has_text(self) -> bool:
        """Return whether any body was written."""
        return self._has_text

    def begin(self, subject: str, fields: Sequence[tuple[str, str]], day: str) -> None:
        """Begin a message with its head; until `end` it lies within the one before."""
        label = f'mail "{subject[:_LABEL_CHARS]}"' if subject else "mail"
        self._open.append((f"{label} of {day}" if day else label, subject))
        self._resume(is_new=True)
        self.units.heading(subject, len(self._open))
        self.units.paragraph("\n".join(f"{name}: {value[:_FIELD_CHARS]}" for name, value in fields if value))

    def end(self) -> None:
        """End the message; what follows belongs to the one around it."""
        self._open.pop()
        self._is_current = False

    def body(self, plain: Sequence[str], markup: str) -> None:
        """Write the body once: its plain paragraphs, or the HTML where they say much less or lose a table."""
        words = sum(map(len, plain))
        markup, full = self._readable(markup)
        if plain and plain[0].lstrip().startswith(_PGP):
            self.lock()
        elif not words or (full > words * _TIMES and full > words + _LONGER_CHARS) or _has_table(markup):
            self._html(markup)
        else:
            self._plain(plain)

    def page(self, markup: str, title: str) -> None:
        """Write a page that was saved as a mail, with its own headings; without any it has the title."""
        self.units.begin("section")
        if not _HAS_TITLE.search(markup):
            self.units.heading(title, 1)
        feed(self.units, markup, is_page=True)
        self._has_text = True

    def rich_body(self, data: bytes) -> None:
        """Write a body in RTF as parts of the message."""
        label = self._open[-1][0]
        self._attachments.write(label, data, "application/rtf", self._headings(len(self._open)))
        self._is_current = False
        self._has_text = True

    def attach(self, name: str, data: bytes, declared: str) -> None:
        """Write an attachment under its own name, or warn that it was not read."""
        if name.lower().endswith(_SEALED) and not _IS_MIME.match(data):
            self.lock()
            return
        self._unnamed += not name
        label = clean_name(name, f"attachment {self._unnamed}")
        self._attachments.read(label, data, declared, self._headings(len(self._open)))
        self._is_current = False

    def picture(self, name: str) -> None:
        """Note a picture, which is not read."""
        self._pictures.append(clean_name(name, "picture"))

    def lock(self) -> None:
        """Note an encrypted body."""
        self._locked += 1
        self.units.warn(
            "part_skipped", "The mail is encrypted; save it decrypted and upload it again.", "part"
        )

    def finish(self) -> Units:
        """Return the parts. Raises: FileError(encrypted), when that is all there is."""
        if self._locked and not self._has_text:
            raise FileError("encrypted", "The mail is encrypted; save it decrypted and upload it again.")
        if self._pictures:
            names = ", ".join(f'"{name}"' for name in self._pictures[:_NAMED_PICTURES])
            more = len(self._pictures) - _NAMED_PICTURES
            also = f" and {more} more" if more > 0 else ""
            self.units.warn("part_skipped", f"Pictures within the mail are not read: {names}{also}.", "part")
        return self.units.finish()

    def _readable(self, markup: str) -> tuple[str, int]:
        """Return the HTML and how much text it shows; nothing, and a warning, where it cannot be read."""
        try:
            return markup, letters(markup) if markup else 0
        except FileError as error:
            self.units.warn("part_skipped", f"The HTML of the mail was not read: {error}", "part")
            return "", 0

    def _headings(self, depth: int) -> tuple[str, ...]:
        return tuple(subject for _, subject in self._open[:depth] if subject)

    def _resume(self, *, is_new: bool = False) -> None:
        """Begin a unit of the message that is open, when another one was written last."""
        if is_new or not self._is_current:
            label = self._open[-1][0] if self._open else ""
            depth = len(self._open) - 1 if is_new else len(self._open)
            self.units.begin("part", label, self._headings(depth))
        self._is_current = True

    def _plain(self, paragraphs: Sequence[str]) -> None:
        self._resume()
        for text in paragraphs:
            if rows := _rows(text):
                self.units.table(rows, header_rows(rows))
            else:
                self.units.add("list" if is_point(text) else "paragraph", text)
        self._has_text = True

    def _html(self, markup: str) -> None:
        if markup:
            self._resume()
            feed(self.units, markup, level=len(self._open))
            self._has_text = True


def _has_table(markup: str) -> bool:
    """Return whether HTML that can be read holds a table with a header; plain text has its cells in lines."""
    if "</td>" not in markup.lower():
        return False
    trial = UnitWriter(max_units=_MANY)
    try:
        feed(trial, markup)
        units = trial.finish()
    except FileError:
        return False
    blocks = (block for number in range(1, len(units) + 1) for block in units.unit(number).blocks)
    return any(block.header for block in blocks)


def _rows(text: str) -> list[list[str]]:
    """Return the cells of a table that was pasted into a plain text; nothing where it is none."""
    rows = [_CELLS.split(line.strip()) for line in text.split("\n")]
    width = len(rows[0])
    return rows if len(rows) > 1 and width > 1 and all(len(row) == width for row in rows) else []
