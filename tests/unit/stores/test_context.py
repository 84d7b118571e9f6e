"""Chunks give their sentences back, with the places that they stand at."""

import pytest

from kotaemon_async.domain.model import Block, Chunk, DocumentWarning, Locator, Page, Place, Sentence
from kotaemon_async.stores import context

PAGE, NEXT = "Rules\n\nThe seal is\nchanged. It was bought in", "4 / 5\n\nLeeds in May."
SENTENCES = (
    Sentence("The seal is changed.", (Place(2, 7, 27),), "Rules"),
    Sentence("It was bought in Leeds in May.", (Place(2, 28, 44), Place(3, 7, 20)), "Rules"),
)
CHUNK = Chunk(2, 0, 0, 44, "", over=Place(3, 7, 20), title="Pump", sentences=SENTENCES)


def test_sentences_come_back_in_one_line_with_both_places_over_a_page_break() -> None:
    found = context.decoded(context.ChunkRow(2, 7, 20, context.encoded(CHUNK), "", PAGE, NEXT))
    assert (found.title, found.sentences) == ("Pump", SENTENCES)


def test_chinese_lines_are_joined_without_a_blank() -> None:
    kept = context.encoded(Chunk(1, 0, 0, 7, "", sentences=(Sentence("", (Place(1, 0, 7),)),)))
    found = context.decoded(context.ChunkRow(1, None, None, kept, "", "每年检查\n一次", None))
    assert found.sentences[0].text == "每年检查一次"


def test_a_row_of_a_table_stays_a_row() -> None:
    kept = context.encoded(Chunk(1, 0, 0, 5, "", sentences=(Sentence("", (Place(1, 0, 5),), kind="row"),)))
    assert (
        context.decoded(context.ChunkRow(1, None, None, kept, "", "1 2 3", None)).sentences[0].kind == "row"
    )


def test_a_chunk_without_sentences_keeps_nothing() -> None:
    assert context.encoded(Chunk(1, 0, 0, 5, "words")) == ""


def test_a_page_comes_back_with_its_blocks() -> None:
    blocks = (Block("heading", 0, 5, 1, ((0.1, 0.1, 0.5, 0.2),)), Block("paragraph", 7, 27))
    page = Page(2, PAGE, blocks, Locator("page", 2, "ii"))
    kept = context.encoded_blocks(page), context.encoded_place(page.place)
    assert context.page_of(2, PAGE, *kept) == page


def test_a_page_of_an_earlier_release_has_no_blocks() -> None:
    assert context.page_of(2, PAGE, "", "") == Page(2, PAGE, place=Locator("page", 2))


def test_a_row_comes_back_with_its_number_and_the_names_of_its_columns() -> None:
    row = Sentence("A1 | 42", (Place(1, 0, 7),), kind="row", row=17)
    kept = context.encoded(Chunk(1, 0, 0, 7, "", sentences=(row,)))
    found = context.decoded(context.ChunkRow(1, None, None, kept, "Model | Stock", "A1 | 42", None))
    assert (found.head, found.sentences) == ("Model | Stock", (row,))


@pytest.mark.parametrize(
    ("place", "is_empty"),
    [
        (Locator("page", 3), True),
        (Locator("sheet", 3, "住宿标准", ("Rates",), (4, 5), ("hidden",)), False),
        (Locator("section", 3), False),
    ],
)
def test_a_place_comes_back_and_a_plain_page_takes_no_room(place: Locator, is_empty: bool) -> None:
    column = context.encoded_place(place)
    assert (column == "") is is_empty
    assert context.place_of(column, 3, "application/pdf") == place


def test_a_text_of_an_earlier_release_has_sections_and_no_pages() -> None:
    assert context.place_of("", 3, "text/plain").kind == "section"


def test_warnings_come_back() -> None:
    warning = DocumentWarning("page_unreadable", (Locator("page", 3, "iii"),), "Damaged.", "Save it anew.")
    assert context.warnings_of(context.encoded_warnings((warning,))) == (warning,)
    assert context.encoded_warnings(()) == ""
