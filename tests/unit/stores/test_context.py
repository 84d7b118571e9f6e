"""Chunks give their sentences back, with the places that they stand at."""

from kotaemon_async.domain.model import Block, Chunk, Page, Place, Sentence
from kotaemon_async.stores import context

PAGE, NEXT = "Rules\n\nThe seal is\nchanged. It was bought in", "4 / 5\n\nLeeds in May."
SENTENCES = (
    Sentence("The seal is changed.", (Place(2, 7, 27),), "Rules"),
    Sentence("It was bought in Leeds in May.", (Place(2, 28, 44), Place(3, 7, 20)), "Rules"),
)
CHUNK = Chunk(2, 0, 0, 44, "", over=Place(3, 7, 20), title="Pump", sentences=SENTENCES)


def test_sentences_come_back_in_one_line_with_both_places_over_a_page_break() -> None:
    found = context.decoded(2, 7, 20, context.encoded(CHUNK), PAGE, NEXT)
    assert (found.title, found.sentences) == ("Pump", SENTENCES)


def test_chinese_lines_are_joined_without_a_blank() -> None:
    kept = context.encoded(Chunk(1, 0, 0, 7, "", sentences=(Sentence("", (Place(1, 0, 7),)),)))
    found = context.decoded(1, None, None, kept, "每年检查\n一次", None)
    assert found.sentences[0].text == "每年检查一次"


def test_a_row_of_a_table_stays_a_row() -> None:
    kept = context.encoded(Chunk(1, 0, 0, 5, "", sentences=(Sentence("", (Place(1, 0, 5),), kind="row"),)))
    assert context.decoded(1, None, None, kept, "1 2 3", None).sentences[0].kind == "row"


def test_a_chunk_without_sentences_keeps_nothing() -> None:
    assert context.encoded(Chunk(1, 0, 0, 5, "words")) == ""


def test_a_page_comes_back_with_its_blocks() -> None:
    blocks = (Block("heading", 0, 5, 1, ((0.1, 0.1, 0.5, 0.2),)), Block("paragraph", 7, 27))
    page = Page(2, PAGE, blocks, "ii")
    assert context.page_of(2, PAGE, context.encoded_blocks(page), "ii") == page


def test_a_page_of_an_earlier_release_has_no_blocks() -> None:
    assert context.page_of(2, PAGE, "", "") == Page(2, PAGE)
