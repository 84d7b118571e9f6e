"""Text without pages as HTML to be drawn."""

from typing import Any

from kotaemon_async.documents.parsing.child_drawing import sheet_of


def block(kind: str, text: str, part: str, **more: Any) -> dict[str, Any]:
    start = text.index(part)
    return {"kind": kind, "start": start, "end": start + len(part), **more}


def test_headings_lists_notes_and_code_look_like_such() -> None:
    text = "Prices\n\nAll in euros.\n\n- one\n- two\n\nx = 1 < 2\n\nSpeak slowly."
    blocks = [
        block("heading", text, "Prices", level=2),
        block("paragraph", text, "All in euros."),
        block("list", text, "- one\n- two"),
        block("code", text, "x = 1 < 2"),
        block("note", text, "Speak slowly."),
    ]
    body = sheet_of(text, blocks, "Talk").body
    assert body == (
        '<body><p class="place">Talk</p><h2>Prices</h2><p>All in euros.</p>'
        '<p class="list">- one<br/>- two</p>'
        '<pre>x = 1 &lt; 2</pre><p class="note">Speak slowly.</p></body>'
    )


def test_a_table_has_its_header_and_the_numbers_of_its_rows() -> None:
    text = "A | B\n1 | 2"
    drawn = sheet_of(text, [block("table", text, text, header="A | B", head_lines=1, rows=(3, 4))], "")
    number = '<span class="number">{}</span>'
    assert drawn.body == (
        f"<body><table><tr><th>{number.format(3)}</th><th>A</th><th>B</th></tr>"
        f"<tr><td>{number.format(4)}</td><td>1</td><td>2</td></tr></table></body>"
    )
    assert drawn.width == 595.0


def test_a_table_that_goes_on_begins_with_the_names_of_its_columns() -> None:
    drawn = sheet_of("1 | 2", [block("table", "1 | 2", "1 | 2", header="A | B", rows=(9,))], "")
    assert "<th>A</th><th>B</th></tr><tr><td>" in drawn.body
    assert '<th><span class="number"></span></th>' in drawn.body


def test_a_wide_table_is_drawn_in_bands_on_a_wide_sheet() -> None:
    text = " | ".join(f"c{n}" for n in range(30))
    drawn = sheet_of(text, [block("table", text, text)], "")
    assert (drawn.body.count("<table>"), drawn.width) == (3, 842.0)


def test_a_table_of_too_many_cells_is_drawn_as_lines() -> None:
    text = "|" * 20_000
    assert "<table>" not in sheet_of(text, [block("table", text, text)], "").body


def test_what_stands_in_the_file_is_shown_and_not_obeyed() -> None:
    text = "<img src=x> | <b>"
    drawn = sheet_of(text, [block("table", text, text)], "<script>")
    assert "<img" not in drawn.body and "<script>" not in drawn.body and "&lt;img src=x&gt;" in drawn.body


def test_a_text_without_blocks_is_paragraphs() -> None:
    assert sheet_of("One.\n\nTwo\nlines.", [], "").body == "<body><p>One.</p><p>Two<br/>lines.</p></body>"
