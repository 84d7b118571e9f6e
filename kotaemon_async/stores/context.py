"""What chunks and pages keep as compact JSON: title, headings and places of sentences; blocks."""

import msgspec

from kotaemon_async.domain.model import Block, Chunk, Page, PassageSentences, Place, Sentence
from kotaemon_async.domain.sentences import carried_over
from kotaemon_async.domain.text import one_line

#: Kind, start, end, level and boxes of each block.
_Blocks = list[tuple[str, int, int, int, list[tuple[float, float, float, float]]]]


class _Context(msgspec.Struct, array_like=True, frozen=True):
    """Places are `start, stop, heading, is_row`; the heading is an index into `headings`.

    The last sentence goes on at the chunk's place on the next page, where it has one.
    """

    title: str
    headings: list[str]
    places: list[tuple[int, int, int, bool]]


def encoded(chunk: Chunk) -> str:
    """Return the column for a chunk; empty for one without sentences."""
    if not chunk.sentences:
        return ""
    headings = list(dict.fromkeys(sentence.heading for sentence in chunk.sentences))
    places = [
        (one.places[0].start, one.places[0].stop, headings.index(one.heading), one.kind == "row")
        for one in chunk.sentences
    ]
    return msgspec.json.encode(_Context(chunk.title, headings, places)).decode()


def decoded(
    page: int, over_start: int | None, over_stop: int | None, column: str, text: str, next_text: str | None
) -> PassageSentences:
    """Return the sentences of a chunk on `page`, from the texts of that page and of the next one."""
    context = msgspec.json.decode(column, type=_Context)
    found: list[Sentence] = []
    for number, (start, stop, heading, is_row) in enumerate(context.places, 1):
        places, words = [Place(page, start, stop)], text[start:stop]
        if number == len(context.places) and over_start is not None and over_stop is not None and next_text:
            places.append(Place(page + 1, over_start, over_stop))
            words = carried_over(words, next_text[over_start:over_stop])
        kept = context.headings[heading]
        found.append(Sentence(one_line(words), tuple(places), kept, "row" if is_row else "sentence"))
    return PassageSentences(context.title, tuple(found))


def encoded_blocks(page: Page) -> str:
    """Return the column `blocks` for a page; empty for one without blocks."""
    blocks = [(one.kind, one.start, one.end, one.level, one.boxes) for one in page.blocks]
    return msgspec.json.encode(blocks).decode() if blocks else ""


def page_of(number: int, text: str, column: str, label: str) -> Page:
    """Return the page whose column `blocks` this is."""
    blocks = msgspec.json.decode(column, type=_Blocks) if column else []
    return Page(number, text, tuple(Block(*one[:4], tuple(one[4])) for one in blocks), label)  # type: ignore[arg-type]
