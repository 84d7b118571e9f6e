from kotaemon_async.documents.parsing.child_places import Glyph, marks


def row(text: str, number: int, x: float = 0.0) -> list[Glyph]:
    """Characters of 5 by 10 points side by side, in row `number`."""
    top = 12.0 * number
    return [Glyph(c, (x + 5 * at, top, x + 5 * at + 5, top + 10), number) for at, c in enumerate(text)]


PAGE = row("The seal is re-", 0) + row("placed every year.", 1) + row("轴封每年更换一次。", 2)


def test_a_quote_is_one_box_in_each_row_it_stands_in() -> None:
    assert marks(PAGE, "is replaced every") == [(45.0, 0.0, 70.0, 10.0), (0.0, 12.0, 60.0, 22.0)]


def test_white_space_and_hyphens_of_either_side_do_not_matter() -> None:
    assert marks(PAGE, "is\nre placed  every") == marks(PAGE, "is re-placed every")


def test_a_chinese_quote_is_found_by_its_characters() -> None:
    assert marks(PAGE, "每年更换") == [(10.0, 24.0, 30.0, 34.0)]


def test_ligatures_and_wide_forms_are_the_letters_they_stand_for() -> None:
    assert marks(row("the ﬁrst ＡＢＣ", 0), "first ABC") == [(20.0, 0.0, 60.0, 10.0)]


def test_what_is_not_there_is_not_marked() -> None:
    assert (marks(PAGE, "the pump"), marks(PAGE, ""), marks([], "seal")) == ([], [], [])


def test_a_quote_with_a_footer_between_its_rows_is_marked_around_it() -> None:
    page = [*row("The customer may withdraw", 0), *row("- 4 / 31 -", 1), *row("within fourteen days.", 2)]
    found = marks(page, "The customer may withdraw within fourteen days.")
    assert found == [(0.0, 0.0, 125.0, 10.0), (0.0, 24.0, 105.0, 34.0)]


def test_a_few_shared_words_are_no_quote() -> None:
    assert marks(PAGE, "The seal was never mentioned by anybody in this long other sentence") == []


def test_a_wide_gap_in_a_row_parts_the_mark() -> None:
    page = [*row("left", 0), *row("right", 0, x=200.0)]
    assert marks(page, "left right") == [(0.0, 0.0, 20.0, 10.0), (200.0, 0.0, 225.0, 10.0)]
