"""The order in which the shapes of a slide are read: band by band, in each of them column by column; pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

#: Shapes may reach so far into each other, in EMU, and still stand one after the other (about 2.5 mm).
_OVERLAP = 90_000
_DEEPEST = 12


class Box(NamedTuple):
    """Where a shape stands on its slide, in EMU; y grows downward."""

    x: float
    y: float
    width: float
    height: float


_T = TypeVar("_T")


def in_reading_order(shapes: Sequence[tuple[Box, _T]]) -> list[_T]:
    """Return the shapes in the order in which a person reads them."""
    return [shape for _, shape in _ordered(list(shapes), 0)]


def _ordered(shapes: list[tuple[Box, _T]], depth: int) -> list[tuple[Box, _T]]:
    if len(shapes) < 2 or depth > _DEEPEST:
        return sorted(shapes, key=_by_place)
    for extent in (_rows, _columns):
        parts = _parted(shapes, extent)
        if len(parts) > 1:
            return [shape for part in parts for shape in _ordered(part, depth + 1)]
    return sorted(shapes, key=_by_place)


def _by_place(shape: tuple[Box, _T]) -> tuple[float, float]:
    return shape[0].y, shape[0].x


def _rows(box: Box) -> tuple[float, float]:
    return box.y, box.y + box.height


def _columns(box: Box) -> tuple[float, float]:
    return box.x, box.x + box.width


def _parted(
    shapes: Sequence[tuple[Box, _T]], extent: Callable[[Box], tuple[float, float]]
) -> list[list[tuple[Box, _T]]]:
    """Return the shapes in the groups between which a straight cut is free."""
    parts: list[list[tuple[Box, _T]]] = []
    end = 0.0
    for shape in sorted(shapes, key=lambda one: extent(one[0])):
        first, last = extent(shape[0])
        if not parts or first >= end - _OVERLAP:
            parts.append([])
            end = last
        parts[-1].append(shape)
        end = max(end, last)
    return parts
