"""Plain text, Markdown and HTML in a parser child."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_html import declared_charset, html_parts
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_text import PAGE_CHARS, decode, open_document, page_spans, tidy


def pages_of(text: str) -> list[str]:
    plain = tidy(text)
    return [plain[start:stop] for start, stop in page_spans(plain)]


def html_text(markup: str) -> str:
    return html_parts(markup)[0]


SIMPLIFIED = "产品保修期为三年，自购买之日起计算。请妥善保管发票。"
TRADITIONAL = "保固期為兩年，自購買日起計算。請妥善保管發票。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "utf-8"),
        (SIMPLIFIED, "utf-8-sig"),
        (SIMPLIFIED, "utf-16"),
        (SIMPLIFIED * 5, "gb18030"),
        (SIMPLIFIED, "gb18030"),
        (TRADITIONAL * 5, "big5"),
        (TRADITIONAL, "big5"),
        ("Die schöne Straße kostet fünf Euro.", "cp1252"),
        ("plain words", "utf-16-le"),
    ],
)
def test_text_is_decoded_whatever_its_charset(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_few_invalid_bytes_do_not_spoil_utf8() -> None:
    data = (SIMPLIFIED * 20).encode() + b"\xff\xc3(" + SIMPLIFIED.encode()
    assert decode(data).startswith(SIMPLIFIED)


def test_a_long_text_is_cut_at_paragraphs_and_nothing_is_lost() -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 100 for number in range(40)]
    pages = pages_of("\n\n".join(paragraphs))
    assert max(map(len, pages)) <= PAGE_CHARS
    assert all(page.startswith("Paragraph") for page in pages)
    assert " ".join(" ".join(pages).split()) == " ".join(" ".join(paragraphs).split())


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("x" * 7000, ["x" * 3000, "x" * 3000, "x" * 1000]),
        ("one\ftwo\r\nlines", ["one", "two\nlines"]),
        ("a\x00b\ud800c\ufffed", ["a bcd"]),
        ("Zeile\x0bzwei\x1f甲\x1e乙", ["Zeile zwei 甲 乙"]),
        ("co\u200boperation of\u200cfice 长\u2060城 می\u200cروم", ["cooperation office 长城 می\u200cروم"]),
        (" \n \n", [""]),
    ],
    ids=[
        "one long line",
        "a form feed",
        "NUL and surrogates",
        "controls part words",
        "joiners vanish",
        "blank",
    ],
)
def test_a_text_becomes_pages(text: str, pages: list[str]) -> None:
    assert pages_of(text) == pages


def test_html_keeps_what_is_read_and_drops_scripts_and_styles() -> None:
    markup = (
        "<html><head><title>T</title><style>p{}</style><script>alert(1)</script></head><body><h1>Head</h1>"
        "<p>One <b>bold</b>\n word.<br>Two</p><noscript>no</noscript>"
        "<table><tr><td>a</td><td>b</td></tr></table>"
    )
    assert html_text(markup) == "T\n\nHead\n\nOne bold word. Two\n\na | b"


def test_a_deeply_nested_page_is_read() -> None:
    assert html_text("<div>" * 20_000 + "deep" + "</div>" * 20_000) == "deep"


def test_the_charset_in_a_meta_element_is_used() -> None:
    data = '<meta charset="gb2312"><p>保修</p>'.encode("gb18030")
    assert html_text(decode(data, declared_charset(data))) == "保修"


def test_a_text_with_too_many_pages_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("x" * 50_000)
    with pytest.raises(FileError) as problem:
        open_document(str(path), "text/plain", 2)
    assert problem.value.code == "too_large"


def opened(tmp_path: Path, data: str, media_type: str) -> list[tuple[str, str]]:
    path = tmp_path / "file"
    path.write_text(data)
    text, blocks, *_ = open_document(str(path), media_type, 10).unit(1)
    return [(block.kind, text[block.start : block.end]) for block in blocks]


def test_the_blocks_of_html_are_told_by_their_tags(tmp_path: Path) -> None:
    markup = (
        "<title>T</title><h1>One <b>pump</b></h1><div><p>It runs.</p></div><ul><li>a<li><p>b</p></ul>"
        "<table><tr><td>x<td>y</table>"
    )
    assert opened(tmp_path, markup, "text/html") == [
        ("heading", "T"), ("heading", "One pump"), ("paragraph", "It runs."), ("list", "a"), ("list", "b"),
        ("table", "x | y"),
    ]  # fmt: skip


def test_text_without_headings_is_read_by_its_form(tmp_path: Path) -> None:
    for media_type in ("text/plain", "text/markdown"):
        assert opened(tmp_path, "Pumps\n\nThey run.", media_type) == [
            ("heading", "Pumps"),
            ("paragraph", "They run."),
        ]


def test_a_heading_of_markup_stays_one_at_the_end_of_a_page(tmp_path: Path) -> None:
    text = "# One\n\nThey run.\n\n## What the pumps of the station have to do in May"
    assert opened(tmp_path, text, "text/markdown")[-1][0] == "heading"


def test_a_block_over_two_pages_stands_on_both(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# One\n\n" + "It runs. " * 500)
    document = open_document(str(path), "text/markdown", 10)
    parts = [document.unit(number) for number in (1, 2)]
    assert [blocks[-1].kind for _, blocks, *_ in parts] == ["paragraph", "paragraph"]
    assert [blocks[-1].end for _, blocks, *_ in parts] == [len(text) for text, *_ in parts]
