"""Letters of one sign of an Arabic font."""

from typing import Any

import pytest

from kotaemon_async.documents.parsing.child_ligatures import in_order, may_be_turned


def chars(*letters: tuple[str, float, float]) -> list[dict[str, Any]]:
    return [{"c": one, "bbox": (x0, 10.0, x1, 20.0)} for one, x0, x1 in letters]


@pytest.mark.parametrize(
    ("drawn", "read"),
    [
        ([("س", 40, 50), ("ا", 40, 40), ("ل", 30, 40), ("م", 20, 30)], "سلام"),  # turned around
        ([("س", 40, 50), ("ل", 30, 40), ("ا", 40, 40), ("م", 20, 30)], "سلام"),  # as it is read
        ([("ص", 50, 60), ("ل", 40, 50), ("ا", 40, 40), ("ح", 30, 40)], "صلاح"),  # as it is laid out here
        ([("ا", 40, 45), ("ل", 35, 40), ("م", 20, 35)], "الم"),  # an article of two signs
        ([("ه", 40, 40), ("ل", 40, 40), ("ل", 20, 40)], "لله"),  # three letters
        ([("ب", 40, 50), ("\u064e", 40, 40), ("ل", 30, 40)], "ب\u064eل"),  # a mark
        ([("a", 30, 30), ("b", 20, 30)], "ab"),
    ],
)
def test_the_letters_of_one_sign_are_in_the_order_of_reading(
    drawn: list[tuple[str, float, float]], read: str
) -> None:
    assert "".join(one for one, _ in in_order(chars(*drawn))) == read


def test_letters_of_one_sign_share_its_width_from_the_right() -> None:
    found = in_order(chars(("آ", 40, 40), ("ل", 30, 40)))
    assert found == [("ل", (35.0, 10.0, 40.0, 20.0)), ("آ", (30.0, 10.0, 35.0, 20.0))]


def test_only_arabic_text_is_looked_at_letter_by_letter() -> None:
    assert [may_be_turned(one) for one in ("Crane 7", "مضخة", "اآلن")] == [False, False, True]
