"""What a parser child replies, as types: who has taken one over can lie in them, but not about their form.

Numbers are bounded, places of blocks lie in their text and boxes on their page.
"""

import struct
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from kotaemon_async.domain.model import (
    Block,
    BlockKind,
    Locator,
    Page,
    PageProblem,
    PlaceFlag,
    PlaceKind,
    WarningCode,
)

_PNG: Final = b"\x89PNG\r\n\x1a\n"
#: A picture of more points is no page's; child_scans and child_images make smaller ones.
_MOST_POINTS: Final = 16_000_000
#: How `child_text_layer` packs a side that is the whole width.
_WHOLE: Final = 65_535
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Pixels = Annotated[int, Meta(ge=0, le=100_000)]
_Level = Annotated[int, Meta(ge=0, le=100)]
_Text = Annotated[str, Meta(max_length=2_000_000)]
_Words = Annotated[str, Meta(max_length=10_000)]
_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: its text, its box as parts of the page's sides, and its characters' sides, packed."""

    text: str
    box: _Box
    edges: bytes = b""

    def box_of(self, start: int, stop: int) -> _Box:
        """Return the box of the characters `text[start:stop]`; the line's where theirs are not known."""
        left, top, right, bottom = self.box
        if self.edges:
            sides = [side / _WHOLE for side in struct.unpack(f"<{len(self.edges) // 2}H", self.edges)]
            part = sides[2 * start : 2 * stop]
            left, right = min(part), max(part)
        return left, top, right, bottom


@dataclass(frozen=True, slots=True)
class PageLayer:
    """The lines of a page as it is drawn, its width and height in points, and where a quote stands."""

    width: float
    height: float
    lines: tuple[Line, ...]
    marks: tuple[_Box, ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What every reply may have; `took_s` is what the child measured."""

    took_s: float = 0.0

    def problem(self) -> str:
        """Return what is odd about it, "" if nothing is."""
        return ""


class Refusal(msgspec.Struct, frozen=True):
    """What a child says of a file that it does not read."""

    code: Annotated[str, Meta(max_length=100)]
    message: Annotated[str, Meta(max_length=300)]


class RefusalReply(msgspec.Struct, frozen=True):
    """The reply instead of one."""

    error: Refusal


class Ready(msgspec.Struct, frozen=True):
    """The first frame: which version of the rules for files holds, and whether calls are filtered."""

    paths: _Count = 0
    calls: bool = False


class Loss(msgspec.Struct, frozen=True):
    """A part of a document that was not or badly read, as its reader says it; place fields may be empty."""

    code: WarningCode
    message: _Words
    kind: PlaceKind | Literal[""] = ""
    number: _Count = 0
    label: _Words = ""


class Opened(Reply, frozen=True, kw_only=True):
    """An open document."""

    pages_total: Annotated[int, Meta(ge=1, le=10_000_000)]
    charset: Annotated[str, Meta(max_length=100)] | None
    losses: tuple[Loss, ...]


class BlockReply(msgspec.Struct, frozen=True, array_like=True):
    """`domain.model.Block`."""

    kind: BlockKind
    start: _Count
    end: _Count
    level: _Level
    boxes: tuple[_Box, ...]
    header: _Text
    head_lines: _Count
    rows: tuple[_Count, ...]


class PlaceReply(msgspec.Struct, frozen=True):
    """What `domain.model.Locator` holds beside the number."""

    kind: PlaceKind
    label: _Words
    headings: tuple[_Words, ...]
    flags: tuple[PlaceFlag, ...]
    confidence: Annotated[float, Meta(ge=0, le=1)] | None


class PageReply(Reply, frozen=True, kw_only=True):
    """A page with its text."""

    number: _Count
    text: _Text
    blocks: tuple[BlockReply, ...]
    place: PlaceReply
    problem_: PageProblem = msgspec.field(name="problem")
    words: str = ""

    def problem(self) -> str:
        length = len(self.text)
        is_whole = all(one.start <= one.end <= length for one in self.blocks)
        return "" if is_whole else f"a block of page {self.number} lies outside of its text"

    def page(self) -> Page:
        """Return the page, with its boxes on it."""
        place = self.place
        locator = Locator(
            place.kind, self.number, place.label, place.headings, None, place.flags, place.confidence
        )
        blocks = tuple(
            Block(one.kind, one.start, one.end, one.level, tuple(map(_on_page, one.boxes)), one.header,
                  one.head_lines, one.rows)
            for one in self.blocks
        )  # fmt: skip
        return Page(self.number, self.text, blocks, locator, self.problem_, self.words)


class Pages(Reply, frozen=True, kw_only=True):
    """The pages that were asked for."""

    pages: tuple[PageReply, ...]

    def problem(self) -> str:
        return next(filter(None, (page.problem() for page in self.pages)), "")


class Scan(Reply, frozen=True, kw_only=True):
    """A page as a gray picture, packed, or the problem why there is none."""

    gray: bytes = b""
    width: _Pixels = 0
    height: _Pixels = 0
    problem_: PageProblem = msgspec.field(name="problem", default="")

    def problem(self) -> str:
        return "the picture is too large" if self.width * self.height > _MOST_POINTS else ""


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A file in an archive, as the archive says it; `problem` is why it is not handed out, or ""."""

    index: _Count
    path: Annotated[str, Meta(max_length=70_000)]
    size_bytes: Annotated[int, Meta(ge=0, le=2**53)]
    problem: str


class Members(Reply, frozen=True, kw_only=True):
    """The members that a unit lists."""

    members: tuple[Member, ...]


class Piece(Reply, frozen=True, kw_only=True):
    """The next bytes of a member, none at its end."""

    data: bytes
    problem_: str = msgspec.field(name="problem")


class Image(Reply, frozen=True, kw_only=True):
    """A PNG with its size in pixels; marks are left, top, right, bottom as parts of its sides."""

    png: bytes
    width_px: _Pixels
    height_px: _Pixels
    marks: tuple[_Box, ...]

    def problem(self) -> str:
        return "" if self.png.startswith(_PNG) else "the picture is no PNG"

    @property
    def boxes(self) -> tuple[_Box, ...]:
        """Return the marks, which lie on the picture."""
        return tuple(map(_on_page, self.marks))


class LineReply(msgspec.Struct, frozen=True, array_like=True):
    """A line of a page, its box, and left and right of every character, as `child_text_layer` packs them."""

    text: _Words
    box: _Box
    edges: bytes


class Layer(Reply, frozen=True, kw_only=True):
    """What is laid over the image of a page: its lines, its size in points, where a quote stands."""

    width: Annotated[float, Meta(gt=0, le=1e7)]
    height: Annotated[float, Meta(gt=0, le=1e7)]
    lines: Annotated[tuple[LineReply, ...], Meta(max_length=5_000)]
    marks: tuple[_Box, ...]

    def problem(self) -> str:
        is_whole = all(len(line.edges) in (0, 4 * len(line.text)) for line in self.lines)
        return "" if is_whole else "a line has other edges than characters"

    def layer(self) -> PageLayer:
        """Return the lines with their boxes, which lie on the page."""
        lines = tuple(Line(one.text, _on_page(one.box), one.edges) for one in self.lines)
        return PageLayer(self.width, self.height, lines, tuple(map(_on_page, self.marks)))


class BookmarkReply(msgspec.Struct, frozen=True, array_like=True):
    """A bookmark of a PDF, that leads to one of its pages."""

    level: _Level
    title: _Words
    page: _Count


class Outline(Reply, frozen=True, kw_only=True):
    """The bookmarks, in order."""

    items: Annotated[tuple[BookmarkReply, ...], Meta(max_length=5_000)]


class Found(Reply, frozen=True, kw_only=True):
    """The page that holds some words."""

    page: _Count | None


class Closed(Reply, frozen=True, kw_only=True):
    """What the process takes when nothing is open."""

    resident_bytes: Annotated[int, Meta(ge=0, le=2**53)]


def _on_page(box: _Box) -> _Box:
    """Return the box, cut at the page's edges; no number at all is 0."""
    left, top, right, bottom = (min(max(0.0, side), 1.0) for side in box)
    return left, top, right, bottom
