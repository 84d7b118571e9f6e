"""A document's sentences, cut on its pages in order: over page breaks, with headings and title as context."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, cast

from kotaemon_async.documents.parsing import child_blocks
from kotaemon_async.domain.child_lines import goes_on, is_mostly_cjk, is_point, width
from kotaemon_async.domain.model import Block, BlockKind, Locator, Page, Place, Sentence
from kotaemon_async.domain.sentences import (
    carried_over,
    clauses,
    is_complete,
    is_row,
    spans,
)
from kotaemon_async.domain.text import one_line
from kotaemon_async.domain.tokens import estimated_tokens

#: What stands in front of an abstract and of its parts.
_LABEL: Final = re.compile(
    r"(?:Abstract|Text|Background|Methods?|Results?|Conclusions?|Objectives?|Summary|摘要|正文)\s*[:：]\s*(?=.{10})",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+")
_LINE: Final = re.compile(r"[^\n]*\S[^\n]*")
_OUTSIDE: Final = frozenset({"page_header", "page_footer"})
_BY_LINES: Final = frozenset({"table", "code"})
#: Where sections go on from page to page; slides, sheets and parts of a mail begin anew.
_CONTINUOUS: Final = frozenset({"page", "section"})
#: A paragraph that is as wide as this goes on where its last sentence has no end.
_WIDE: Final = 60
_WIDE_CJK: Final = 40
_BEGUN: Final = 20
_TITLE_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """A heading, a sentence, or a scrap that is neither, and where it stands on its page.

    It `opens` a paragraph when none of the same block stands in front of it. `header` names the columns of a
    row, for a chunk that does not begin with them; `headings` are the titles above. What a speaker has noted
    below a slide `is_note`.
    """

    start: int
    stop: int
    opens: bool
    sentence: Sentence | None = None
    is_heading: bool = False
    tokens: int = 0
    header: str = ""
    headings: tuple[str, ...] = ()
    is_note: bool = False


class SentenceCutter:
    """Cuts one document; what a page leaves to the next is kept from call to call."""

    def __init__(self, longest: int, most_tokens: int) -> None:
        """Cut sentences of more characters or estimated tokens into parts."""
        self._longest = longest
        self._most_tokens = most_tokens
        self._path: list[tuple[int, str]] = []
        self._taken = 0
        self._is_begun = False
        self.title = ""

    def pieces(self, page: Page, following: Page | None) -> list[Piece]:
        """Return the headings and sentences that begin on the page, in order."""
        body = _body(page)
        found: list[Piece] = []
        self._turn_to(page.place)
        for block in body:
            if block.kind == "heading" and block.start >= self._taken:
                above = self._headings()
                self._enter(_heading(page, block), block.level)
                found.append(Piece(block.start, block.end, opens=True, is_heading=True, headings=above))
            elif block.kind != "heading":
                is_note = block.kind == "note" and page.place.kind == "slide"
                found += [replace(piece, is_note=is_note) for piece in self._sentences(page, block)]
            self._is_begun = True
        self._taken = 0
        last = found[-1].sentence if found else None
        if following and last and (over := _over(page, last, body[-1], following)):
            whole = _carried(last, page, over, following)
            found[-1] = replace(found[-1], sentence=whole, tokens=estimated_tokens(whole.text))
            self._taken = over.stop
        return found

    def _turn_to(self, place: Locator) -> None:
        """Take over what the reader says stands above a page's first word; those known keep their levels."""
        if place.headings or place.kind not in _CONTINUOUS:
            levels = {title: level for level, title in self._path}
            count = len(place.headings)
            self._path = [
                (levels.get(title, level), title) for level, title in enumerate(place.headings, -count)
            ]

    def _enter(self, heading: str, level: int) -> None:
        if not self._is_begun:
            self.title = heading[:_TITLE_CHARS]
        self._path = [one for one in self._path if one[0] < level]
        self._path.append((level, heading[:_TITLE_CHARS]))

    def _headings(self) -> tuple[str, ...]:
        return tuple(title for _, title in self._path)

    def _sentences(self, page: Page, block: Block) -> Iterator[Piece]:
        if block.kind == "table" and block.header:
            yield from self._rows(page, block)
            return
        opens = True
        for start, stop in _spans(page.text, max(block.start, self._taken), block.end, block.kind):
            for low, high in clauses(page.text[start:stop], self._longest_of(page.text[start:stop])):
                piece = self._piece(page, block, start + low, start + high)
                yield replace(piece, opens=opens)
                opens = False

    def _rows(self, page: Page, block: Block) -> Iterator[Piece]:
        """Yield a piece for each row, whole; the names of the columns are no sentence."""
        lines = _LINE.finditer(page.text, block.start, block.end)
        for place, line in enumerate(lines):
            start, stop = line.span()
            if stop <= self._taken:
                continue
            text, opens = one_line(line[0]), place == 0
            if place < block.head_lines:
                yield Piece(start, stop, opens, tokens=estimated_tokens(text), headings=self._headings())
                continue
            row = block.rows[place] if place < len(block.rows) else 0
            sentence = Sentence(text, (Place(page.number, start, stop),), self._heading, "row", row)
            tokens = estimated_tokens(text)
            yield Piece(start, stop, opens, sentence, False, tokens, block.header, self._headings())

    @property
    def _heading(self) -> str:
        return self._path[-1][1] if self._path else ""

    def _longest_of(self, words: str) -> int:
        if len(words) <= self._most_tokens:  # no text has more tokens than characters
            return self._longest
        tokens = estimated_tokens(words)
        return (
            min(self._longest, max(1, len(words) * self._most_tokens // tokens)) if tokens else self._longest
        )

    def _piece(self, page: Page, block: Block, start: int, stop: int) -> Piece:
        label = _LABEL.match(page.text, start, stop)
        place = Place(page.number, label.end() if label else start, stop)
        text = page.text[place.start : stop]
        is_line = block.kind == "table" or (block.kind != "code" and is_row(text))
        if not is_line and (not any(map(str.isalpha, text)) or _ADDRESS.fullmatch(text)):
            return Piece(start, stop, opens=True, headings=self._headings())
        sentence = Sentence(one_line(text), (place,), self._heading, "row" if is_line else "sentence")
        tokens = estimated_tokens(sentence.text)
        return Piece(start, stop, True, sentence, tokens=tokens, headings=self._headings())


def _body(page: Page) -> list[Block]:
    """Return the blocks without running heads and feet; a page that has none has them cut from its text."""
    blocks = page.blocks or _from_text(page.text)
    return [block for block in blocks if block.kind not in _OUTSIDE]


def _from_text(text: str) -> list[Block]:
    found = child_blocks.settled(text, child_blocks.text_blocks(text))
    return [Block(cast("BlockKind", one.kind), one.start, one.end, one.level) for one in found]


def _heading(page: Page, block: Block) -> str:
    return one_line(page.text[block.start : block.end]).strip("#*_ \u3000")


def _spans(text: str, start: int, end: int, kind: str) -> Iterator[tuple[int, int]]:
    part = text[start:end]
    if kind in _BY_LINES:
        found = [(line.start(), line.end()) for line in _LINE.finditer(part)]
    else:
        found = spans(part)
    yield from ((start + low, start + high) for low, high in found)


def _carried(sentence: Sentence, page: Page, over: Place, following: Page) -> Sentence:
    """Return the last sentence of a page with what of it stands on the next one."""
    place = sentence.places[0]
    words = carried_over(page.text[place.start : place.stop], following.text[over.start : over.stop])
    return replace(sentence, text=one_line(words), places=(place, over))


def _over(page: Page, last: Sentence, block: Block, following: Page) -> Place | None:
    """Return what of the next page belongs to the last sentence of this one, which is in its last block."""
    first = next(iter(_body(following)), None)
    if first is None or last.kind == "row" or block.start > last.places[0].start:
        return None
    if {block.kind, first.kind} & _BY_LINES or first.kind == "heading":
        return None
    ahead = following.text[first.start : first.end]
    if not _joins(page.text[last.places[0].start : block.end], page.text[block.start : block.end], ahead):
        return None
    (start, stop), *_ = spans(ahead) or [(0, 0)]
    return Place(following.number, first.start, first.start + stop) if stop > start else None


def _joins(sentence: str, paragraph: str, ahead: str) -> bool:
    """Return whether a sentence at a page's end goes on with what the next page begins with."""
    if is_complete(sentence) or sentence[-1] in ":：" or is_point(ahead):
        return False
    if goes_on(sentence) or ahead[0] in "，。、；：）」』”,;:)":
        return True
    if ahead[0].islower():
        return len(paragraph) >= _BEGUN
    if is_mostly_cjk(sentence):
        return width(paragraph) >= _WIDE_CJK
    return len(paragraph) >= _WIDE and not sentence[-1].isdigit()
