"""Lists in pages, the newest first: a cursor says after which row the next page begins."""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.text import folded

T = TypeVar("T")

#: What cursors look like: a time and an id.
CURSOR: Final = r"^[0-9]{1,12}(\.[0-9]{1,20})?:[\s\S]+$"
_CURSOR: Final = re.compile(CURSOR)


def page_values(cursor: str | None, limit: int) -> dict[str, str | float | None]:
    """Return what a paged statement binds: `before_at`, `before_id` and a `limit` of one row more.

    Raises: Refused when the cursor is not one of `page_of`.
    """
    at_s, before_id = None, None
    if cursor:
        if not _CURSOR.fullmatch(cursor):
            raise Refused("The cursor is not one that this service gave out.")
        at, _, before_id = cursor.partition(":")
        at_s = float(at)
    return {"before_at": at_s, "before_id": before_id, "limit": limit + 1}


def page_of(
    found: Sequence[T], limit: int, place: Callable[[T], tuple[float, str]]
) -> tuple[list[T], str | None]:
    """Return the page and the cursor of the next one; `place` gives a row's time and id."""
    page = list(found[:limit])
    if len(found) <= limit:
        return page, None
    at_s, last_id = place(page[-1])
    return page, f"{at_s!r}:{last_id}"


def folded_part(part: str | None) -> str | None:
    """Return the part as names are compared with it, `instr(folded(name), …)`; None when any name will do."""
    return folded(part) if part else None
