"""Where words stand on the pages of a document and over the breaks between them; pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from kotaemon_async.documents.parsing.replies import PageLayer
from kotaemon_async.domain.finding import Sought, Span, excerpt, phrase
from kotaemon_async.domain.model import Locator
from kotaemon_async.stores.reading import PageText

Box = tuple[float, float, float, float]
#: With so many characters before or behind them a few words are found again among others of the page.
_TELLING: Final = 60
_LONGEST_HEAD: Final = 150
_DIGITS: Final = re.compile(r"\d+")


class Hit(NamedTuple):
    """Words that were found, in one line with those around them; `marks` are places in `text`.

    `order` counts the marks before it on its page; what goes on over the page break ends on the `last_page`.
    """

    place: Locator
    text: str
    marks: tuple[Span, ...]
    order: int
    last_page: int


class Hits(NamedTuple):
    """Hits in the order of reading, with `offset` of `total` before them; `is_cut` when there may be more."""

    total: int
    is_cut: bool
    offset: int
    hits: tuple[Hit, ...]


class Found(NamedTuple):
    """Words on a page; with `over` they go on from there to there on the next one."""

    page: PageText
    spans: Sequence[Span]
    order: int
    over: tuple[PageText, Span] | None = None

    def hit(self) -> Hit:
        """Return it with the words around it."""
        page, spans, last_page, source = self.page, self.spans, self.page.number, self.page.text
        if self.over is not None:
            following, (begins, ends) = self.over
            whole = source[: spans[-1][1]] + "\n"
            spans = [(spans[0][0], len(whole) + ends - begins)]
            source, last_page = whole + following.text[begins:], following.number
        text, start = excerpt(source, spans[0])
        stop = start + len(text)
        inside = [(first - start, last - start) for first, last in spans if first >= start and last <= stop]
        return Hit(page.place, text, tuple(inside), self.order, last_page)


@dataclass(frozen=True, slots=True)
class Marks:
    """Where words stand on a page; `goes_on` is the part before the page break, `begun` the one behind it."""

    inside: Sequence[Span] = ()
    goes_on: Span | None = None
    begun: Span | None = None

    @property
    def own(self) -> list[Span]:
        """Return the marks of what begins on this page, in order."""
        return [*self.inside, *([self.goes_on] if self.goes_on else ())]


def found_on(pages: Sequence[PageText], wanted: Sought, *, by_words: bool) -> list[Found]:
    """Return where the whole stands, over page breaks too, or its words; the last page is only gone on to."""
    found: list[Found] = []
    for at, page in enumerate(pages[:-1]):
        groups = wanted.word_groups(page.text) if by_words else [[one] for one in wanted.spans(page.text)]
        orders = accumulate(map(len, groups), initial=0)
        found += [Found(page, group, order) for group, order in zip(groups, orders, strict=False)]
        if not by_words and (crossing := _over_break(page, pages[at + 1], wanted)):
            here, there = crossing
            found.append(Found(page, [here], sum(map(len, groups)), (pages[at + 1], there)))
    return found


def marks_on(text: str, number: int, pages: Sequence[PageText], wanted: Sought) -> Marks:
    """Return the marks of a page with this text; `pages` are it and those beside it."""
    goes_on, begun = None, None
    for page, following in pairwise(pages):
        if (crossing := _over_break(page, following, wanted)) is None:
            continue
        if page.number == number:
            goes_on = crossing[0]
        elif following.number == number:
            begun = crossing[1]
    inside = wanted.spans(text)
    return Marks(inside if inside or goes_on or begun else wanted.marks(text), goes_on, begun)


def boxes_of(layer: PageLayer, text: str, marks: Marks, wanted: Sought) -> tuple[list[Box], list[int]]:
    """Return the boxes of the marks of a text on the lines of its page as it is drawn, a part for each line.

    With each comes the order of its mark on the page, -1 where it began on the page before.
    """
    drawn = "\n".join(line.text for line in layer.lines)
    is_over = marks.goes_on or marks.begun
    spans = wanted.spans(drawn) if is_over else wanted.marks(drawn)
    placed = list(enumerate(spans))
    if marks.goes_on and (place := _again(drawn, text, marks.goes_on, is_last=True)):
        placed.append((len(spans), place))
    if marks.begun and (place := _again(drawn, text, marks.begun, is_last=False)):
        placed.append((-1, place))
    starts = list(accumulate((len(line.text) + 1 for line in layer.lines), initial=0))
    found = [(box, order) for order, span in placed for box in _boxes(layer, starts, span)]
    return [box for box, _ in found], [order for _, order in found]


def _again(drawn: str, text: str, part: Span, *, is_last: bool) -> Span | None:
    """Return where the last or the first words of a page's text stand in the text of its lines."""
    start, stop = part
    around = text[max(0, start - _TELLING) : stop] if is_last else text[start : stop + _TELLING]
    at = -1 if is_last else 0
    inside = (phrase(around).spans(drawn) or [(0, len(drawn))])[at]
    found = phrase(text[start:stop]).spans(drawn[slice(*inside)])
    return (inside[0] + found[at][0], inside[0] + found[at][1]) if found else None


def _boxes(layer: PageLayer, starts: Sequence[int], span: Span) -> Iterator[Box]:
    start, stop = span
    for number in range(bisect_right(starts, start) - 1, bisect_left(starts, stop)):
        line, first = layer.lines[number], starts[number]
        low, high = max(start - first, 0), min(stop - first, len(line.text))
        if low < high:
            yield line.box_of(low, high)


def _over_break(page: PageText, following: PageText, wanted: Sought) -> tuple[Span, Span] | None:
    """Return where words stand that go on over the break: from there to the end, and on the next page."""
    if following.number != page.number + 1:
        return None
    ends, begins = page.stop, page.over
    if ends is None or begins is None:
        ends, begins = _between_feet_and_heads(page.text, following.text)
    if (found := wanted.over_break(page.text[:ends], following.text[begins:])) is None:
        return None
    return (found[0], ends), (begins, begins + found[1])


def _between_feet_and_heads(text: str, following: str) -> Span:
    """Return where a page ends and the next one begins, without a foot and a head that both have."""
    ends, begins = len(text.rstrip()), 0
    last, next_last = text[:ends].rpartition("\n")[2], following.rstrip().rpartition("\n")[2]
    if _is_same(last, next_last):
        ends = len(text[: ends - len(last)].rstrip())
    first, next_first = text.partition("\n")[0], following.partition("\n")[0]
    if _is_same(first, next_first):
        begins = len(following) - len(following[len(next_first) :].lstrip())
    return ends, begins


def _is_same(line: str, other: str) -> bool:
    """Return whether two lines are the same but for numbers, and so short that they are heads or feet."""
    return len(line) <= _LONGEST_HEAD and _DIGITS.sub("", line) == _DIGITS.sub("", other)
