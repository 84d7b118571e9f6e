"""Shapes of a slide in the order of reading."""

import pytest

from kotaemon_async.documents.parsing.office.child_slide_layout import Box, in_reading_order

Placed = tuple[int, int, int, int]
MM = 36_000


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        ({"below": (0, 50, 100, 20), "above": (0, 10, 100, 20)}, "above below"),
        ({"right": (60, 10, 40, 20), "left": (0, 12, 40, 20)}, "left right"),
        (
            {"r2": (60, 50, 40, 20), "l1": (0, 10, 40, 20), "r1": (60, 10, 40, 20), "l2": (0, 50, 40, 20)},
            "l1 r1 l2 r2",
        ),
        (
            {"tall": (60, 10, 40, 60), "l2": (0, 50, 40, 20), "l1": (0, 10, 40, 20), "foot": (0, 90, 99, 9)},
            "l1 l2 tall foot",
        ),
        ({"inner": (20, 20, 20, 20), "outer": (0, 0, 100, 100)}, "outer inner"),
        ({"second": (0, 29, 9, 20), "first": (0, 10, 9, 20)}, "first second"),
    ],
)
def test_shapes_are_read_band_by_band_and_there_column_by_column(
    boxes: dict[str, Placed], order: str
) -> None:
    shapes = [(Box(*(side * MM for side in box)), name) for name, box in boxes.items()]
    assert " ".join(in_reading_order(shapes)) == order


def test_thousands_of_shapes_in_one_place_are_read_as_they_come() -> None:
    assert in_reading_order([(Box(0, 0, 9, 9), number) for number in range(5_000)]) == list(range(5_000))


def test_stairs_of_shapes_are_bounded() -> None:
    stairs = [(Box(number * MM, number * MM, 2 * MM, 2 * MM), number) for number in range(2_000)]
    assert in_reading_order(stairs[::-1]) == list(range(2_000))
