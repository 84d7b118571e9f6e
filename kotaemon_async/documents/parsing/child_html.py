"""The readable text of an HTML page, by Lexbor; runs inside a parser child.

What nobody sees is left out; what belongs to the frame of the page (menus, footers, cookie bars, lists of
links) is kept as its head and foot, which no passage holds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from kotaemon_async.documents.parsing import child_html_tables as tables
from kotaemon_async.documents.parsing.child_charsets import tidy
from kotaemon_async.documents.parsing.child_html_depth import check_depth
from kotaemon_async.documents.parsing.child_html_visible import Attributes, Styles, part_of
from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_units import UnitWriter

_SKIPPED_TAGS = """
    script style template svg iframe object select button rt rp annotation annotation-xml audio video canvas
    head datalist
"""
_SKIPPED = frozenset(_SKIPPED_TAGS.split())
_BLOCK_TAGS = """
    address article aside blockquote body center dd details dialog div dl dt fieldset figure footer form
    header hr html li main nav noscript ol p section summary ul menu figcaption legend option
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_TABLE_TAGS = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption"})
#: Where a block ends.
_PARTS = _BLOCKS | _TABLE_TAGS | _HEADINGS.keys() | {"pre", "hr"}
#: What a tag says of the text in it.
_KINDS = {**dict.fromkeys(("li", "dd"), "list"), "pre": "code", "figcaption": "caption"}
_LISTS = frozenset({"ul", "ol", "dl", "menu", "div", "p", "section", "td"})
#: No heads, feet and asides in these are those of the page.
_INSIDE = frozenset({"article", "main", "section"})
_PHRASES_OF_LINKS = frozenset({"a", "span", "b", "i", "em", "strong", "html", "body"})
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,30})""", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"""\A\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{2,30})["']""")
_CHARSET_WITHIN_BYTES = 4096
_FILE_NAME = re.compile(r"[\w-]+\.\w{3,4}\Z")
_FEWEST_LINKS: Final = 3
_LINK_PART: Final = 0.75
_LINK_CHARS: Final = 40
#: Which part of a menu, a sidebar or the like is links.
_FRAME_LINK_PART: Final = 0.5
_CONSENT_CHARS: Final = 1_500
_CONSENT_BAR_CHARS: Final = 600
_CONSENT = re.compile(r"cookie|consent|gdpr|privacy|隐私|隱私|同意", re.IGNORECASE)
#: How deep the frame is looked for.
_MAX_JUDGED: Final = 100
_BLANKS = re.compile(r"\s+")
_BREAKS = re.compile(r"\n[ \t]*(?=\n)")
#: A picture with so few letters is a sign among words.
_SIGN_CHARS: Final = 3
_CELL_BLOCKS: Final = 3
#: A cell with more blocks is a part of the page.
_MOST_CELL_BLOCKS: Final = 50


def declared_charset(data: bytes) -> str | None:
    """Return the charset that a meta element or the declaration of XML names."""
    head = data[:_CHARSET_WITHIN_BYTES]
    found = _CHARSET.search(head) or _XML_CHARSET.search(head)
    return found[1].decode("ascii", "replace") if found else None


def feed(writer: UnitWriter, markup: str, *, level: int = 0, is_page: bool = False) -> None:
    """Write the visible blocks of the markup; its headings stand `level` levels deeper.

    A page has a title and a frame; the chapter of a book or the body of a mail has none.

    Raises: FileError(parser_limit) when it is nested too deeply.
    """
    items, title = _items(markup, is_page=is_page)
    if is_page and title and not any(item.kind == "heading" and item.text == title for item in items):
        writer.heading(title, 1 + level)
        level += 1
    for item in items:
        if item.kind == "heading":
            writer.heading(item.text, item.level + level)
        elif item.rows:
            writer.table(item.rows, head=item.level, title=item.text)
            if not item.is_whole:
                writer.warn("truncated", "A table has more cells than are read.")
        else:
            writer.add(item.kind, item.text)


def letters(markup: str) -> int:
    """Return how much text the markup shows, in characters. Raises: FileError(parser_limit)."""
    return sum(
        len(item.text) + sum(len(cell) for row in item.rows for cell in row) for item in _items(markup)[0]
    )


@dataclass(slots=True)
class _Item:
    """A block of the page; of a table the level is how many rows are its head, the text its title."""

    kind: str
    text: str
    level: int = 0
    rows: list[list[str]] = field(default_factory=list)
    is_whole: bool = True


def _items(markup: str, *, is_page: bool = False) -> tuple[list[_Item], str]:
    """Return the blocks of the markup and its title."""
    check_depth(markup)
    tree = _tree(markup)
    root = tree.root
    if root is None:
        return [], ""
    styles = Styles(node.text() or "" for node in tree.css("style")[:100])
    title = tree.css_first("head title")
    has_main = tree.css_first("main, article, [role=main]") is not None
    walk = _Walk(styles, is_page=is_page, has_main=has_main)
    walk.over(root)
    return walk.found(), clean(title.text() or "") if title is not None else ""


def _tree(markup: str) -> LexborHTMLParser:
    """Parse any text as HTML; Lexbor only fails when no memory is left."""
    try:
        return LexborHTMLParser(markup)
    except SelectolaxError as error:
        raise MemoryError from error


@dataclass(slots=True)
class _Table:
    """A table that is being read, and where in the items it began."""

    start: int
    is_layout: bool
    title: str = ""
    rows: list[tables.Row] = field(default_factory=list)
    in_head: bool = False


@dataclass(slots=True)
class _Counts:
    """How much of a page is text, links and buttons, and how many blocks it has."""

    items: int = 0
    chars: int = 0
    link_chars: int = 0
    links: int = 0
    buttons: int = 0

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def __sub__(self, other: "_Counts") -> "_Counts":
        return _Counts(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))


@dataclass(slots=True)
class _Opened:
    """An open element: what it may be of the page's frame, None when it is not judged; what stood before."""

    tag: str
    attributes: Attributes
    before: _Counts
    framed: _Counts
    part: str | None = None


class _Walk:
    """Goes through a page and gathers its blocks."""

    def __init__(self, styles: Styles, *, is_page: bool, has_main: bool) -> None:
        self._styles = styles
        self._is_page = is_page
        self._has_main = has_main
        self._items: list[_Item] = []
        self._frame: set[int] = set()
        self._pieces: list[str] = []
        self._kinds: list[str] = []
        self._open: list[_Opened] = []
        self._tables: list[_Table] = []
        self._inside = self._in_link = self._judged = 0
        self._counts = _Counts()
        self._framed = _Counts()  # what of it is the frame

    def over(self, root: Any) -> None:
        """Walk the tree without recursion: a page may be nested deeper than the stack."""
        node, entering, depth = (
            root,
            True,
            0,
        )  # the depth, because comparing nodes compares their whole markup
        while True:
            goes_in = entering and self._enter(node)
            if goes_in and (child := node.child) is not None:
                node, depth = child, depth + 1
                continue
            if goes_in or not entering:
                self._leave(self._open.pop())
            if depth == 0:
                self._flush()
                return
            following = node.next
            entering = following is not None
            node = following if entering else node.parent
            depth -= not entering

    def found(self) -> list[_Item]:
        """Return all blocks, the frame as heads and feet; a page that is nothing else has no frame."""
        body = [at for at, item in enumerate(self._items) if at not in self._frame]
        if all(self._items[at].kind == "heading" for at in body):
            return self._items
        found: list[_Item] = []
        for at, item in enumerate(self._items):
            if at not in self._frame:
                found.append(item)
                continue
            kind = "page_footer" if at > body[-1] else "page_header"
            text = "\n".join(" | ".join(row) for row in item.rows) or item.text
            if found and found[-1].kind == kind:
                found[-1].text += f"\n{text}"
            else:
                found.append(_Item(kind, text))
        return found

    def _enter(self, node: Any) -> bool:
        """Take a node; return whether its children are to be taken, too."""
        tag = node.tag or "-instruction"  # "<?xml:namespace … ?>", which Word writes, has no name
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag in _SKIPPED or tag[0] in "-!":
            self._counts.buttons += tag == "button"
            return False
        attributes = node.attributes
        if self._styles.hides(tag, attributes) or (tag == "dialog" and "open" not in attributes):
            return False
        if tag == "br":
            self._pieces.append("\n")
        elif tag == "img":
            self._picture(clean(attributes.get("alt") or ""))
        else:
            self._open.append(self._begin(tag, attributes))
            return True
        return False

    def _text(self, text: str) -> None:
        if "pre" in self._kinds[-1:]:
            self._pieces.append(text)
            return
        words = _BLANKS.sub(" ", text)
        self._pieces.append(words)
        self._counts.chars += len(words.strip())
        if self._in_link:
            self._counts.link_chars += len(words.strip())

    def _picture(self, alt: str) -> None:
        """Write what stands for a picture: within words among them, else as a caption."""
        if "".join(self._pieces[-3:]).strip() or len(alt) <= _SIGN_CHARS:
            self._pieces.append(alt)
        elif not self._in_link and not _FILE_NAME.match(alt):
            self._flush()
            self._write(_Item("caption", alt))

    def _begin(self, tag: str, attributes: Attributes) -> _Opened:
        if tag in _PARTS:
            self._flush()
        opened = _Opened(tag, attributes, replace(self._counts), self._framed)
        if tag == "a" and "href" in attributes:
            self._in_link += 1
            self._counts.links += 1
        elif tag in _INSIDE:
            self._inside += 1
        elif tag in _HEADINGS or tag in _KINDS:
            self._kinds.append(tag)
        elif tag == "table":
            is_layout = (attributes.get("role") or "").lower() in ("presentation", "none")
            self._tables.append(_Table(len(self._items), is_layout))
        elif tag in ("tr", "thead") and self._tables:
            self._begin_rows(self._tables[-1], tag)
        if self._is_page and tag not in _PHRASES_OF_LINKS and self._judged < _MAX_JUDGED:
            part = part_of(tag, attributes)
            if part or tag in _LISTS:
                opened.part = part
                self._judged += 1
        return opened

    def _begin_rows(self, table: _Table, tag: str) -> None:
        if tag == "thead":
            table.in_head = True
        else:
            table.rows.append(tables.Row([], table.in_head))

    def _leave(self, opened: _Opened) -> None:
        tag = opened.tag
        if tag in _PARTS:
            self._flush()
        if tag == "a" and "href" in opened.attributes:
            self._in_link -= 1
        elif tag in _INSIDE:
            self._inside -= 1
        elif tag in _HEADINGS or tag in _KINDS:
            self._kinds.pop()
        elif tag == "table":
            self._end_table(self._tables.pop())
        elif self._tables:
            self._end_part(self._tables[-1], opened)
        if opened.part is not None:
            self._judged -= 1
            self._judge(opened)

    def _end_part(self, table: _Table, opened: _Opened) -> None:
        """Take a part of a table that ends here."""
        start = opened.before.items
        if opened.tag == "thead":
            table.in_head = False
        elif opened.tag == "caption":
            table.title = " ".join(item.text for item in self._items[start:])
        elif opened.tag in ("td", "th") and table.rows:
            cast("list[tables.Cell]", table.rows[-1].cells).append(_cell(opened, self._items[start:]))

    def _end_table(self, table: _Table) -> None:
        """Write the table as one block when it holds data; else its cells stay blocks of their own."""
        if table.is_layout or not tables.is_data(table.rows):
            return
        above = tables.title_rows(table.rows)
        title = " ".join(filter(None, [table.title, *above]))
        rows = table.rows[len(above) :]
        lines, is_whole = tables.grid(rows)
        head = tables.head_rows(rows, lines)
        self._frame -= set(range(table.start, len(self._items)))
        del self._items[table.start :]
        self._write(_Item("table", title, head, lines, is_whole))

    def _flush(self) -> None:
        """Write the block that ends here."""
        text, self._pieces = "".join(self._pieces), []
        if not text or text.isspace():
            return
        tag = self._kinds[-1] if self._kinds else ""
        if tag == "pre":
            self._write(_Item("code", "\n".join(map(str.rstrip, tidy(text).strip("\n").split("\n")))))
            return
        kind = "heading" if tag in _HEADINGS else _KINDS.get(tag, "paragraph")
        for part in _BREAKS.split(text) if kind != "heading" else [text.replace("\n", " ")]:
            lines = filter(None, map(clean, part.split("\n")))
            if words := "\n".join(lines):
                self._write(_Item(kind, words, _HEADINGS.get(tag, 0)))

    def _write(self, item: _Item) -> None:
        self._items.append(item)
        self._counts.items = len(self._items)

    def _judge(self, opened: _Opened) -> None:
        """Take the blocks of an element for the frame of the page, if that is what they are."""
        start = opened.before.items
        if start >= len(self._items):
            return
        counts = self._counts - opened.before
        rest = counts - (self._framed - opened.framed)
        if not self._is_frame(opened.part or "", counts if opened.part else rest, start):
            return
        for at in range(start, len(self._items)):
            if opened.part != "header" or self._items[at].kind != "heading":
                self._frame.add(at)
        self._framed += rest

    def _is_frame(self, part: str, counts: _Counts, start: int) -> bool:
        if part in ("menu", "dialog", "noscript"):
            return True
        if part in ("header", "footer"):
            return not self._inside
        link_part = counts.link_chars / max(counts.chars, 1)
        if part == "aside":
            return not self._inside and (self._has_main or link_part >= _FRAME_LINK_PART)
        if part == "links" and counts.links >= _FEWEST_LINKS and link_part >= _FRAME_LINK_PART:
            return True
        if self._is_consent(part, counts, start):
            return True
        is_list = counts.links >= _FEWEST_LINKS and counts.link_chars <= counts.links * _LINK_CHARS
        return is_list and link_part >= _LINK_PART and not self._inside

    def _is_consent(self, part: str, counts: _Counts, start: int) -> bool:
        """Return whether the element asks to accept cookies: it is called so, or it has a button."""
        most = _CONSENT_CHARS if part == "consent" else _CONSENT_BAR_CHARS if counts.buttons else 0
        if counts.chars > most:
            return False
        text = " ".join(item.text for item in self._items[start:])
        return len(text) <= 2 * most and _CONSENT.search(text) is not None


def _cell(opened: _Opened, items: Sequence[_Item]) -> tables.Cell:
    """Return the cell of a table, its blocks in one line."""
    is_rich = len(items) > _CELL_BLOCKS or any(item.rows or item.kind == "heading" for item in items)
    text = " ".join(_one_text(item) for item in items[:_MOST_CELL_BLOCKS])
    columns, rows = (tables.span(opened.attributes.get(name)) for name in ("colspan", "rowspan"))
    is_page = len(items) > _MOST_CELL_BLOCKS
    return tables.Cell(text.strip(), opened.tag == "th", columns, rows, is_rich, is_page)


def _one_text(item: _Item) -> str:
    return "; ".join(", ".join(filter(None, row)) for row in item.rows) or item.text
