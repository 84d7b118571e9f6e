"""Pages of texts as HTML for readers."""

import pytest

from kotaemon_async.documents.page_html import page_html
from kotaemon_async.domain.model import Block, Page


def html_of(kind: str, text: str, **given: object) -> str:
    return page_html(Page(1, text, (Block(kind, 0, len(text), **given),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "text", "given", "html"),
    [
        ("heading", "Seals", {"level": 2}, '<h2 dir="auto">Seals</h2>'),
        ("heading", "Deep", {"level": 9}, '<h6 dir="auto">Deep</h6>'),
        ("paragraph", "One\ntwo\n\nthree", {}, '<p dir="auto">One<br>two</p><p dir="auto">three</p>'),
        ("code", "```py\na < b\n```", {}, "<pre><code>a &lt; b</code></pre>"),
        (
            "list", "- one\n  goes on\n- two", {},
            '<ul dir="auto"><li dir="auto">one<br>  goes on</li><li dir="auto">two</li></ul>',
        ),
        (
            "list", "3. one\n4. two", {},
            '<ol start="3" dir="auto"><li dir="auto">one</li><li dir="auto">two</li></ol>',
        ),
        ("note", "Mind", {}, '<p class="note" dir="auto">Mind</p>'),
        (
            "table", "Part | Hours\nseal | ", {"head_lines": 1},
            '<table><thead><tr><th dir="auto">Part</th><th dir="auto">Hours</th></tr></thead>'
            '<tbody><tr><td dir="auto">seal</td><td dir="auto"></td></tr></tbody></table>',
        ),
    ],
)  # fmt: skip
def test_each_kind_of_block_is_what_it_is(kind: str, text: str, given: dict[str, int], html: str) -> None:
    assert html_of(kind, text, **given) == html


@pytest.mark.parametrize("kind", ["heading", "paragraph", "code", "list", "table", "note"])
def test_markup_of_the_document_is_shown_and_not_obeyed(kind: str) -> None:
    html = html_of(kind, "<script>alert(1)</script> \"<img onerror='x'>\"")
    assert ("<script" in html, "<img" in html, "&lt;script&gt;" in html) == (False, False, True)


def test_a_table_that_goes_on_begins_with_the_names_of_its_columns() -> None:
    assert html_of("table", "seal | 4", header="Part | <b>").startswith(
        '<table><thead><tr><th dir="auto">Part</th><th dir="auto">&lt;b&gt;</th></tr></thead>'
    )


def test_hits_and_quotes_are_marked_where_they_stand() -> None:
    page = Page(1, "A & b\n\nc | d", (Block("paragraph", 0, 5), Block("table", 7, 12)))
    html = page_html(page, hits=[(2, 3), (11, 12)], quotes=[(0, 1), (4, 5)])
    assert '<mark class="quote">A</mark> <mark class="hit">&amp;</mark> <mark class="quote">b</mark>' in html
    assert '<td dir="auto">c</td><td dir="auto"><mark class="hit">d</mark></td>' in html


def test_a_mark_over_two_blocks_is_in_both() -> None:
    page = Page(1, "one two\n\nthree", (Block("paragraph", 0, 7), Block("paragraph", 9, 14)))
    html = page_html(page, hits=[(4, 14)])
    assert (html.count('<mark class="hit">'), html.count('<mark class="hit more">')) == (1, 1)


def test_a_page_of_an_earlier_release_has_paragraphs() -> None:
    assert page_html(Page(1, "one\n\ntwo")) == '<p dir="auto">one</p><p dir="auto">two</p>'


@pytest.mark.parametrize(
    ("line", "html"),
    [
        (
            "**One** truth, *two* `a < b` files",
            "<strong>One</strong> truth, <em>two</em> <code>a &lt; b</code> files",
        ),
        ("see [the ledger](ledger.md) and ![a picture](x.png)", "see the ledger and a picture"),
        ("`**kept**` and **`a` b**", "<code>**kept**</code> and <strong><code>a</code> b</strong>"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("goes on\nin the next line", "goes on in the next line"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
    ],
)
def test_signs_of_markdown_are_not_shown_where_they_do_something(line: str, html: str) -> None:
    assert page_html(Page(1, line), is_markdown=True) == f'<p dir="auto">{html}</p>'


def test_words_are_marked_within_signs_of_markdown_and_over_them() -> None:
    html = page_html(Page(1, "**One truth** here"), hits=[(6, 18)], is_markdown=True)
    assert '<strong>One <mark class="hit">truth</mark></strong><mark class="hit more"> here</mark>' in html
