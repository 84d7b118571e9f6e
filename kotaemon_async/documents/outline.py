"""The outline of a document without bookmarks: its headings, sheets, titles of slides, or parts; pure."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kotaemon_async.domain.model import Locator
from kotaemon_async.domain.text import one_line
from kotaemon_async.stores.reading import Heading

_TITLE_CHARS: Final = 300


class OutlineItem(NamedTuple):
    """An entry, where it leads, and how deep it is, from 1 on."""

    title: str
    level: int
    page: int
    place: Locator


def outline_of(headings: Sequence[Heading], places: Sequence[Locator]) -> list[OutlineItem]:
    """Return the entries in order."""
    on_page: dict[int, list[Heading]] = {}
    for one in headings:
        on_page.setdefault(one.page, []).append(one)
    found: list[OutlineItem] = []
    last = ""
    for place in places:
        here = on_page.get(place.number, [])
        if place.kind == "slide":
            found += _items([Heading(place.number, 1, _slide_title(here, place))], place)
            continue
        if place.kind in ("sheet", "part") and place.label != last:
            found += _items([Heading(place.number, 1, place.label)], place)
        last = place.label
        if place.kind != "sheet":
            found += _items(here, place, below=int(place.kind == "part"))
    return list(_without_repeats(found))


def bookmarks_of(bookmarks: Sequence[tuple[int, str, int]], places: Sequence[Locator]) -> list[OutlineItem]:
    """Return level, title and page of bookmarks as entries with their places."""
    known = {place.number: place for place in places}
    return [
        OutlineItem(title, max(1, level), page, known.get(page, Locator("page", page)))
        for level, title, page in bookmarks
    ]


def _slide_title(headings: Sequence[Heading], place: Locator) -> str:
    return headings[0].title if headings else place.label


def _items(headings: Sequence[Heading], place: Locator, *, below: int = 0) -> Iterator[OutlineItem]:
    for one in headings:
        if title := one_line(one.title)[:_TITLE_CHARS].strip():
            yield OutlineItem(title, max(1, one.level) + below, one.page, place)


def _without_repeats(items: Sequence[OutlineItem]) -> Iterator[OutlineItem]:
    """Yield the entries; a name that only says again what its part is called is left out."""
    last: OutlineItem | None = None
    for one in items:
        if last is None or (one.title, one.page) != (last.title, last.page):
            yield one
        last = one
