"""A conversation that is taken away as Markdown or as a Word document."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

from kotaemon_async.documents.parsing.office.child_docx import open_document
from kotaemon_async.domain.model import Answer, Citation
from kotaemon_async.http.conversation_export import Markdown, Word
from kotaemon_async.stores.conversations import Turn
from tests.support.units import lines, read_with

WHOLE = Answer("a", "Where is Sund?", "In the north.", "primary", False, (), (), "")


def written(writer: type[Markdown | Word], *turns: Turn) -> bytes:
    file = io.BytesIO()
    one = writer(file, "Sund & Öre")
    for turn in turns:  # each for itself, as parts of a long one are
        one.write([turn], turn.answer.citations)
    one.close()
    return file.getvalue()


def test_an_answer_that_was_stopped_says_so_and_a_whole_one_does_not() -> None:
    half = replace(WHOLE, answer="In the", complete=False)
    found = written(Markdown, Turn(half, 0.0), Turn(WHOLE, 0.0)).decode()
    ends = [line for line in found.splitlines() if line.startswith("*")]
    assert ends == [
        "*1970-01-01T00:00:00.000Z, primary, not complete*",
        "*1970-01-01T00:00:00.000Z, primary*",
    ]


def test_a_word_document_of_a_conversation_is_read_by_our_own_reader(tmp_path: Path) -> None:
    cited = Citation("a.1", 1, "d", "map.pdf", 2, "Sund lies <north>.", 0.9)
    said = "It is **very** far:\n\n- north\x07 [1]\n```\n# 1 * 2 * 3\n```"
    turn = Turn(replace(WHOLE, answer=said, citations=(cited,)), 0.0)
    assert lines(read_with(open_document, tmp_path, written(Word, turn))) == [
        "heading 1: Sund & Öre",
        "heading 1: Where is Sund?",
        "paragraph: It is very far:",
        "paragraph: • north [1]",
        "paragraph: # 1 * 2 * 3",
        "paragraph: [1] map.pdf, p. 2: “Sund lies <north>.”",
        "paragraph: 1970-01-01T00:00:00.000Z, primary",
    ]


def test_paragraphs_from_right_to_left_are_marked_so_in_a_word_document() -> None:
    turns = [Turn(replace(WHOLE, question=one, answer=""), 0.0) for one in ("أين المضخة؟", "Where?")]
    with zipfile.ZipFile(io.BytesIO(written(Word, *turns))) as package:
        document = package.read("word/document.xml").decode()
    assert document.count("<w:bidi/>") == document.count("<w:rtl/>") == 1
    assert '<w:bidi/></w:pPr><w:r><w:rPr><w:rtl/></w:rPr><w:t xml:space="preserve">أين' in document
