"""What documents without bookmarks are made of."""

from kotaemon_async.documents.outline import bookmarks_of, outline_of
from kotaemon_async.domain.model import Locator, PlaceKind
from kotaemon_async.stores.reading import Heading


def places(kind: PlaceKind, *labels: str) -> list[Locator]:
    return [Locator(kind, number, label) for number, label in enumerate(labels, 1)]


def shown(headings: list[Heading], of: list[Locator]) -> list[tuple[str, int, int]]:
    return [(one.title, one.level, one.page) for one in outline_of(headings, of)]


def test_headings_keep_their_levels_and_places() -> None:
    headings = [Heading(1, 1, "Pump\nmanual"), Heading(1, 2, "Seals"), Heading(2, 2, "Bearings")]
    assert shown(headings, places("section", "", "")) == [
        ("Pump manual", 1, 1),
        ("Seals", 2, 1),
        ("Bearings", 2, 2),
    ]


def test_a_sheet_is_named_once_however_many_parts_it_has() -> None:
    assert shown([], places("sheet", "Hotels", "Hotels", "Trains")) == [("Hotels", 1, 1), ("Trains", 1, 3)]


def test_a_slide_is_called_by_its_first_heading_and_one_without_is_left_out() -> None:
    headings = [Heading(1, 1, "Welcome"), Heading(1, 2, "to us"), Heading(3, 1, "Thanks")]
    assert shown(headings, places("slide", "", "", "")) == [("Welcome", 1, 1), ("Thanks", 1, 3)]


def test_headings_of_a_part_stand_below_its_name() -> None:
    headings = [Heading(1, 1, "Offer"), Heading(2, 1, "Prices")]
    assert shown(headings, places("part", "Offer", "list.docx")) == [
        ("Offer", 1, 1),
        ("list.docx", 1, 2),
        ("Prices", 2, 2),
    ]


def test_a_bookmark_leads_to_the_page_by_its_own_name() -> None:
    (found,) = bookmarks_of([(0, "Annex", 2)], [Locator("page", 1), Locator("page", 2, "iv")])
    assert (found.level, found.page, found.place.label) == (1, 2, "iv")
