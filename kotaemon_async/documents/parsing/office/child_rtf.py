"""RTF documents as sections with heading paths; runs inside a parser child."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, contents
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_docx_styles import BODY_LEVEL, named_level
from kotaemon_async.documents.parsing.office.child_edge_tables import OpenTable
from kotaemon_async.documents.parsing.office.child_page_heads import PageHeads
from kotaemon_async.documents.parsing.office.child_rtf_fonts import Fonts

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n\x00]+|([^\\{}\r\n\x00]+)",
    re.DOTALL,
)
#: What a reader that skips a group looks at.
_MARK = re.compile(rb"\\bin(\d{1,10}) ?|\\[^a-zA-Z]|[{}]", re.DOTALL)
_MOST_GROUPS = 5000
_HEADING_CHARS = 200
_BULLET_SIGNS = frozenset("o·§Øü•▪○■●")
#: Groups that hold no text of the document.
_SKIPPED_NAMES = """
colortbl info themedata colorschememapping datastore latentstyles listtable listoverridetable rsidtbl
generator xmlnstbl mmathPr fldinst filetbl revtbl nonshppict blipuid panose falt bkmkstart bkmkend objdata
objclass objname shprslt nonesttables pgptbl userprops docvar atnid atnref atndate atnparent template
mmathPict ftnsep ftnsepc aftnsep aftnsepc bgpict tc tcn xe
"""
_SKIPPED = frozenset(_SKIPPED_NAMES.split())
#: Groups that a reader who does not know them leaves out, and that hold text.
_ENTERED_NAMES = """
shpinst shptxt annotation atnauthor listtext nesttableprops ud moMath moMathPara shppict picprop footnote
shpgrp do dptxbxtext
"""
_ENTERED = frozenset(_ENTERED_NAMES.split())
_FLOWS = {
    "footnote": "note",
    "annotation": "comment",
    "shptxt": "paragraph",
    "dptxbxtext": "paragraph",
    **dict.fromkeys(("header", "headerl", "headerr", "headerf"), "header"),
    **dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "footer"),
}
#: Groups whose words are looked at for themselves, or, of pictures, not at all.
_PICTURE = "pict"
_APART_NAMES = "fonttbl stylesheet listtext pntext sn sv atnauthor pict nesttableprops"
_APART = frozenset(_APART_NAMES.split())
_SIGNS = {
    "tab": "\t", "line": "\n", "softline": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘",
    "rquote": "’", "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\u00a0", b"_": "-"}
#: Properties of drawings that hold words: what a picture shows, and letters drawn as a picture.
_DESCRIPTION, _WORD_ART = "wzDescription", "gtextUNICODE"


def open_document(source: Source, media_type: str, max_pages: int) -> Units:
    """Return the sections of the document. Raises: FileError."""
    del media_type
    writer = UnitWriter(max_units=max_pages)
    feed(writer, contents(source))
    return writer.finish()


def feed(writer: UnitWriter, data: bytes) -> None:
    """Write an RTF text. Raises: FileError."""
    if not data.lstrip().startswith(b"{\\rt"):
        raise FileError("corrupt", "The file does not begin as an RTF document does.")
    _Document(writer, data).read()


@dataclass(slots=True)
class _Flow:
    """A text of its own: the body, a note, a box, a page header."""

    kind: str
    pieces: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    #: What is written behind the paragraph that it hangs on.
    hanging: list[tuple[str, str]] = field(default_factory=list)

    def take(self) -> str:
        text = "".join(self.pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self.pieces.clear()
        return "\n".join(filter(None, map(clean, text.split("\n"))))


@dataclass(slots=True)
class _State:
    """What holds in a group, until it ends."""

    flow: _Flow
    group: str = ""
    font: int | None = None
    fallback_chars: int = 1
    is_hidden: bool = False
    is_deleted: bool = False
    style: int | None = None
    level: int | None = None
    in_table: bool = False

    def copy(self) -> "_State":
        return _State(
            self.flow, self.group, self.font, self.fallback_chars, self.is_hidden, self.is_deleted,
            self.style, self.level, self.in_table,
        )  # fmt: skip


class _Document:
    """One document, read once from its beginning to its end."""

    def __init__(self, writer: UnitWriter, data: bytes) -> None:
        self._writer = writer
        self._data = data
        self._fonts = Fonts()
        self._body = _Flow("body")
        self._state = _State(self._body)
        self._groups: list[_State] = []
        self._bytes = bytearray()
        self._skipped_chars = 0
        self._opens_group = self._is_starred = self._skips_next = False
        self._apart: list[str] = []
        self._label = self._author = self._property = ""
        self._fonttable_font = 0
        self._styles: dict[int, int] = {}
        self._style, self._style_level = 0, BODY_LEVEL
        self._heads = PageHeads(writer)
        self._table = OpenTable()
        self._has_objects = False
        self._words = self._handlers()

    def read(self) -> None:
        """Write all of the document."""
        data, position, end = self._data, 0, len(self._data)
        while position < end:
            found = _TOKEN.match(data, position)
            if found is None:
                position += 1  # a lone backslash at the very end
                continue
            position = found.end()
            word, argument, byte, sign, brace, text = found.groups()
            if text is not None:
                self._write(text)
            elif word is not None:
                position = self._word(word.decode("ascii"), argument, position)
            elif byte is not None:
                self._write(bytes((int(byte, 16),)))
            elif sign is not None:
                self._sign(sign)
            elif brace == b"{":
                position = self._open_group(position)
            elif brace == b"}":
                self._close_group()
                if not self._groups and b"\\" not in data[position : position + 64]:
                    break
        self._finish()

    def _finish(self) -> None:
        is_cut = bool(self._groups)
        while self._groups:
            self._close_group()
        self._end_paragraph()
        self._end_table()
        if is_cut:
            self._writer.warn("truncated", "The text breaks off, because the end of the file is missing.")
        if self._has_objects:
            self._writer.warn("part_skipped", "Objects that are embedded in the document are not read.")

    def _open_group(self, position: int) -> int:
        self._flush()
        self._skipped_chars = 0
        if len(self._groups) >= _MOST_GROUPS:
            raise FileError("corrupt", "The file is nested too deeply.")
        self._groups.append(self._state)
        self._state = self._state.copy()
        self._opens_group, self._is_starred = True, False
        if self._skips_next:
            self._skips_next = False
            return self._end_of_group(position)
        return position

    def _close_group(self) -> None:
        self._flush()
        self._skipped_chars = 0
        if not self._groups:
            return
        ended, self._state = self._state, self._groups.pop()
        if ended.flow is not self._state.flow:
            self._end_flow(ended.flow)
        elif ended.group != self._state.group and ended.group in _APART:
            self._end_apart(ended.group)

    def _end_of_group(self, position: int) -> int:
        """Return where the group ends that is open at the position; its closing brace is still to be read."""
        depth = 1
        while found := _MARK.search(self._data, position):
            position = found.end()
            if found[1] is not None:
                position = self._behind_bytes(int(found[1]), position)
            elif found[0] == b"{":
                depth += 1
            elif found[0] == b"}":
                depth -= 1
                if not depth:
                    return found.start()
        return len(self._data)

    def _behind_bytes(self, count: int, position: int) -> int:
        """Return where binary data end, if their length is true: then a brace or a word comes next."""
        following = self._data[position + count : position + count + 16].lstrip()
        return position + count if following[:1] in (b"{", b"}", b"\\") and following else position

    def _word(self, word: str, argument: bytes | None, position: int) -> int:
        """Obey a control word; return where to read on."""
        opens_group, self._opens_group = self._opens_group, False
        is_starred, self._is_starred = self._is_starred, False
        self._skipped_chars = 0
        if opens_group or is_starred:
            is_unknown = is_starred and word not in _ENTERED and word not in _FLOWS
            if is_unknown or word in _SKIPPED:
                return self._end_of_group(position)
            self._enter(word)
        if word == "bin":
            return self._behind_bytes(int(argument or 0), position)
        if (sign := _SIGNS.get(word)) is not None:
            self._flush()
            self._emit(sign)
        elif (obey := self._words.get(word)) is not None:
            self._flush()
            obey(None if argument is None else int(argument))
        return position

    def _enter(self, word: str) -> None:
        if (kind := _FLOWS.get(word)) is not None:
            self._state.flow, self._state.group = _Flow(kind), ""
            self._state.in_table = False
        elif word in _APART:
            self._state.group = word
            self._apart = []
        elif word == "upr":
            self._skips_next = True  # the same text follows in Unicode
        elif word == "object":
            self._has_objects = True

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._is_starred = self._opens_group
            return
        self._opens_group = False
        if sign in b"\\{}":
            self._write(sign)
        elif sign in b"\r\n":
            self._flush()
            self._end_paragraph()
        elif (text := _SYMBOLS.get(sign)) is not None:
            self._flush()
            self._emit(text)

    def _write(self, text: bytes) -> None:
        if self._skipped_chars:
            count = min(self._skipped_chars, len(text))
            self._skipped_chars -= count
            text = text[count:]
        self._opens_group = False
        if text and self._state.group != _PICTURE:
            self._bytes += text

    def _flush(self) -> None:
        if self._bytes:
            text = self._fonts.text(bytes(self._bytes), self._state.font)
            self._bytes.clear()
            self._emit(text)

    def _emit(self, text: str) -> None:
        state = self._state
        if state.group in _APART:
            self._apart.append(text)
            if ";" in text and state.group in ("fonttbl", "stylesheet"):
                self._end_entry(state.group)
        elif not (state.is_hidden or state.is_deleted):
            state.flow.pieces.append(text)

    def _end_entry(self, group: str) -> None:
        """End an entry of the tables of fonts or styles."""
        name, self._apart = "".join(self._apart).strip(" ;"), []
        if group == "fonttbl":
            self._fonts.name(self._fonttable_font, name)
            return
        level = named_level(name)
        self._styles[self._style] = self._style_level if level is None else level
        self._style, self._style_level = 0, BODY_LEVEL

    def _end_apart(self, group: str) -> None:
        text, self._apart = clean("".join(self._apart)), []
        if group in ("listtext", "pntext"):
            self._label = "•" if text in _BULLET_SIGNS else text
            if self._label and self._state.in_table:
                self._emit(f"{self._label} ")
                self._label = ""
        elif group == "atnauthor":
            self._author = text
        elif group == "sn":
            self._property = text
        elif group == "sv" and text:
            if self._property == _DESCRIPTION:
                self._state.flow.hanging.append(("caption", text))
            elif self._property == _WORD_ART:
                self._state.flow.hanging.append(("paragraph", text))

    def _end_flow(self, flow: _Flow) -> None:
        flow.paragraphs.append(flow.take())
        found = [text for text in flow.paragraphs if text]
        text = " ".join(found)
        hanging = self._state.flow.hanging
        if flow.kind in ("header", "footer"):
            self._heads.write(text)
        elif flow.kind == "paragraph":
            hanging += [("paragraph", one) for one in found]
        elif text:
            author = f"{self._author}: " if flow.kind == "comment" and self._author else ""
            hanging.append((flow.kind, author + text))
        hanging += flow.hanging

    def _end_paragraph(self) -> None:
        flow = self._state.flow
        if flow is not self._body:
            flow.paragraphs.append(flow.take())
        elif self._state.in_table:
            flow.pieces.append("\n")
        else:
            self._end_table()
            self._write_paragraph(flow.take())
            self._write_hanging()

    def _write_paragraph(self, text: str) -> None:
        label, self._label = self._label, ""
        state = self._state
        level = self._styles.get(state.style or 0, BODY_LEVEL) if state.level is None else state.level
        if not text:
            return
        if 0 <= level < BODY_LEVEL and len(text) <= _HEADING_CHARS:
            self._writer.heading(f"{label} {text}", level + 1)
        elif label:
            self._writer.add("list", f"{label} {text}")
        else:
            self._writer.paragraph(text)

    def _write_hanging(self) -> None:
        for kind, text in self._body.hanging:
            self._writer.add(kind, text)
        self._body.hanging.clear()

    def _end_cell(self) -> None:
        flow = self._state.flow
        if flow is self._body:
            self._table.cells.append(" ".join(flow.take().split("\n")))
        else:
            flow.pieces.append(" ")

    def _end_row(self) -> None:
        if self._state.flow is not self._body:
            return
        if rest := self._body.take():
            self._table.cells.append(rest)
        self._table.end_row()

    def _end_table(self) -> None:
        table = self._table
        if table.cells:
            table.end_row()
        table.write(self._writer)

    def _end_nested_cell(self) -> None:
        self._table.nested.append(" ".join(self._state.flow.take().split("\n")))

    def _end_nested_row(self) -> None:
        cells, self._table.nested = self._table.nested, []
        self._state.flow.pieces.append(", ".join(filter(None, cells)) + "; ")

    def _unicode(self, code: int | None) -> None:
        value = (code or 0) + (0x10000 if (code or 0) < 0 else 0)
        is_surrogate = 0xD800 <= value < 0xE000
        self._emit(chr(value) if is_surrogate else self._fonts.sign(value, self._state.font))
        self._skipped_chars = self._state.fallback_chars

    def _plain(self, _argument: int | None) -> None:
        self._state.font, self._state.is_hidden, self._state.is_deleted = None, False, False

    def _paragraph_defaults(self, _argument: int | None) -> None:
        self._state.style, self._state.level, self._state.in_table = None, None, False

    def _font(self, number: int | None) -> None:
        if self._state.group == "fonttbl":
            self._fonttable_font = number or 0
        else:
            self._state.font = number or 0

    def _set_style(self, number: int | None) -> None:
        if self._state.group == "stylesheet":
            self._style = number or 0
        else:
            self._state.style = number or 0

    def _outline(self, number: int | None) -> None:
        level = BODY_LEVEL if number is None else number
        if self._state.group == "stylesheet":
            self._style_level = level
        else:
            self._state.level = level

    def _handlers(self) -> dict[str, Callable[[int | None], None]]:
        table = self._table

        def on_row(change: Callable[[int | None], None]) -> Callable[[int | None], None]:
            return lambda argument: change(argument) if self._state.group != "nesttableprops" else None

        def switch(name: str) -> Callable[[int | None], None]:
            return lambda argument: setattr(self._state, name, argument != 0)

        def always(act: Callable[[], None]) -> Callable[[int | None], None]:
            return lambda _argument: act()

        fonts = self._fonts
        return {
            "par": always(self._end_paragraph),
            "sect": always(self._end_paragraph),
            "page": always(self._end_paragraph),
            "pard": self._paragraph_defaults,
            "plain": self._plain,
            "intbl": lambda _argument: setattr(self._state, "in_table", True),
            "cell": always(self._end_cell),
            "row": always(self._end_row),
            "nestcell": always(self._end_nested_cell),
            "nestrow": always(self._end_nested_row),
            "trowd": on_row(lambda _argument: table.begin_row()),
            "trhdr": on_row(lambda _argument: table.mark_header()),
            "cellx": on_row(lambda right: table.end_definition(right or 0)),
            "clmrg": on_row(lambda _argument: table.goes_on(right=True)),
            "clvmrg": on_row(lambda _argument: table.goes_on(right=False)),
            "u": self._unicode,
            "uc": lambda count: setattr(self._state, "fallback_chars", min(max(count or 0, 0), 16)),
            "f": self._font,
            "v": switch("is_hidden"),
            "deleted": switch("is_deleted"),
            "s": self._set_style,
            "outlinelevel": self._outline,
            "ansicpg": lambda page: fonts.use_page(page or 0),
            "mac": lambda _argument: fonts.use_page(10000),
            "pc": lambda _argument: fonts.use_page(437),
            "pca": lambda _argument: fonts.use_page(850),
            "deff": lambda number: setattr(fonts, "default", number or 0),
            "fcharset": lambda charset: fonts.set_charset(self._fonttable_font, charset or 0),
            "cpg": lambda page: fonts.set_page(self._fonttable_font, page or 0),
        }
