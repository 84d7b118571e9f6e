"""What of a document was not read: warnings that say the same are one, with all their places."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from kotaemon_async.domain.model import DocumentWarning

#: So many places of one warning are listed; of the others the number is told.
MOST_PLACES: Final = 200
MOST_WARNINGS: Final = 100


def merged(warnings: Iterable[DocumentWarning]) -> tuple[DocumentWarning, ...]:
    """Return the warnings, first come first, without saying anything twice."""
    found: dict[tuple[str, str, str], DocumentWarning] = {}
    for one in warnings:
        key = (one.code, one.message, one.hint)
        if key in found:
            found[key] = _joined(found[key], one)
        elif len(found) < MOST_WARNINGS:
            found[key] = _joined(replace(one, places=(), more=0), one)
    return tuple(found.values())


def _joined(one: DocumentWarning, other: DocumentWarning) -> DocumentWarning:
    places = tuple(dict.fromkeys(one.places + other.places))
    more = one.more + other.more + max(0, len(places) - MOST_PLACES)
    return replace(one, places=places[:MOST_PLACES], more=more)
