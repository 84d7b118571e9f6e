"""What documents, pages and chunks keep as compact JSON: warnings, blocks, places, sentences."""

from typing import Literal, NamedTuple, cast

import msgspec

from kotaemon_async.domain.model import (
    Block,
    BlockKind,
    Chunk,
    DocumentWarning,
    Locator,
    Page,
    PassageSentences,
    Place,
    PlaceFlag,
    PlaceKind,
    Sentence,
)
from kotaemon_async.domain.sentences import carried_over
from kotaemon_async.domain.text import one_line

_Warnings = tuple[DocumentWarning, ...]
#: What had pages before places were kept.
_PAGED = "application/pdf"


class _Block(msgspec.Struct, array_like=True, frozen=True, omit_defaults=True):
    kind: str
    start: int
    end: int
    level: int
    boxes: tuple[tuple[float, float, float, float], ...]
    header: str = ""
    head_lines: int = 0
    rows: tuple[int, ...] = ()


class _Place(msgspec.Struct, array_like=True, frozen=True):
    kind: PlaceKind
    number: int
    label: str = ""
    headings: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None
    flags: tuple[PlaceFlag, ...] = ()
    confidence: float | None = None


_PLACE = _Place.__struct_fields__


class _Context(msgspec.Struct, array_like=True, frozen=True):
    """Places are `start, stop, heading, is_row`; the heading is an index into `headings`.

    The last sentence goes on at the chunk's place on the next page, where it has one. `rows` are the numbers
    of the sentences' rows, for all of them or for none.
    """

    title: str
    headings: list[str]
    places: list[tuple[int, int, int, bool]]
    rows: list[int] = []


def encoded(chunk: Chunk) -> str:
    """Return the column for a chunk; empty for one without sentences."""
    if not chunk.sentences:
        return ""
    headings = list(dict.fromkeys(sentence.heading for sentence in chunk.sentences))
    places = [
        (one.places[0].start, one.places[0].stop, headings.index(one.heading), one.kind == "row")
        for one in chunk.sentences
    ]
    rows = [one.row for one in chunk.sentences]
    return msgspec.json.encode(_Context(chunk.title, headings, places, rows if any(rows) else [])).decode()


class ChunkRow(NamedTuple):
    """What is selected of a chunk to read its sentences, with the texts of its page and of the next one."""

    page: int
    over_start: int | None
    over_stop: int | None
    context: str
    head: str
    text: str
    next_text: str | None


def decoded(row: ChunkRow) -> PassageSentences:
    """Return the sentences of a chunk."""
    context = msgspec.json.decode(row.context, type=_Context)
    found: list[Sentence] = []
    for number, (start, stop, heading, is_row) in enumerate(context.places, 1):
        places, words = [Place(row.page, start, stop)], row.text[start:stop]
        if number == len(context.places) and (over := _over(row)):
            place, rest = over
            places.append(place)
            words = carried_over(words, rest)
        kept, of_sheet = context.headings[heading], context.rows[number - 1] if context.rows else 0
        kind: Literal["sentence", "row"] = "row" if is_row else "sentence"
        found.append(Sentence(one_line(words), tuple(places), kept, kind, of_sheet))
    return PassageSentences(context.title, tuple(found), row.head)


def _over(row: ChunkRow) -> tuple[Place, str] | None:
    """Return where the last sentence goes on, and the words that stand there."""
    if row.over_start is None or row.over_stop is None or not row.next_text:
        return None
    place = Place(row.page + 1, row.over_start, row.over_stop)
    return place, row.next_text[place.start : place.stop]


def encoded_blocks(page: Page) -> str:
    """Return the column `blocks` for a page; empty for one without blocks."""
    blocks = [
        _Block(one.kind, one.start, one.end, one.level, one.boxes, one.header, one.head_lines, one.rows)
        for one in page.blocks
    ]
    return msgspec.json.encode(blocks).decode() if blocks else ""


def page_of(number: int, text: str, blocks: str, place: str, media_type: str = _PAGED) -> Page:
    """Return the page with these columns, of a document of that type."""
    found = msgspec.json.decode(blocks, type=list[_Block]) if blocks else []
    return Page(number, text, tuple(map(_block, found)), place_of(place, number, media_type))


def _block(one: _Block) -> Block:
    kind = cast("BlockKind", one.kind)
    return Block(kind, one.start, one.end, one.level, one.boxes, one.header, one.head_lines, one.rows)


def encoded_place(place: Locator) -> str:
    """Return the column `place`; empty for a page that is called by its number alone."""
    if place == Locator("page", place.number):
        return ""
    return msgspec.json.encode(_Place(*(getattr(place, name) for name in _PLACE))).decode()


def place_of(column: str, number: int, media_type: str) -> Locator:
    """Return the place; an empty column is page `number`, or a part of a text that has no pages."""
    if not column:
        return Locator("page" if media_type == _PAGED else "section", number)
    place = msgspec.json.decode(column, type=_Place)
    return Locator(*(getattr(place, name) for name in _PLACE))


def encoded_warnings(warnings: _Warnings) -> str:
    """Return the column `warnings`; empty without any."""
    return msgspec.json.encode(warnings).decode() if warnings else ""


def warnings_of(column: str) -> _Warnings:
    """Return the warnings of the column."""
    return msgspec.json.decode(column, type=_Warnings) if column else ()
