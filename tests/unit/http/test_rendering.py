import re
import time

import pytest

from kotaemon_async.http.rendering import answer_html


def test_markdown_becomes_html() -> None:
    html = answer_html("**Yes.** See:\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |", ())
    assert "<strong>Yes.</strong>" in html
    assert "<li>one</li>" in html
    assert "<td>1</td>" in html


def test_a_known_marker_is_a_button_with_its_number() -> None:
    html = answer_html("It is red [1][12]. 是的[2]。", {1, 2, 12})
    chip = '<button type="button" class="chip" data-marker="{0}">{0}</button>'
    assert html == f"<p>It is red {chip.format(1)}{chip.format(12)}. 是的{chip.format(2)}。</p>\n"


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("One [1]. Two [1]. Three [2].", [True, False, False]),
        ("One [1][2]. **Two** [1][2].", [True, True, False, False]),
        ("One [1]. Two [1][2]. Three [12].", [False, False, False, False]),
        ("- One [1]\n- Two [1]", [False, False]),
        ("One [1].\n\nTwo [1].", [False, False]),
    ],
)
def test_of_a_run_with_the_same_markers_the_last_are_shown(text: str, again: list[bool]) -> None:
    chips = re.findall('class="([^"]*)"', answer_html(text, {1, 2, 12}))
    assert [chip == "chip again" for chip in chips] == again


def test_markers_of_nothing_stay_text() -> None:
    assert answer_html("See [7] and [2024].", {1}) == "<p>See [7] and [2024].</p>\n"


def test_a_marker_before_brackets_is_no_link() -> None:
    html = answer_html("so [1](https://example.org)", {1})
    assert "<a" not in html
    assert 'data-marker="1"' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://example.org/spy.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        '<a href="https://example.org" onclick="alert(1)">x</a>',
        "<svg/onload=alert(1)>",
        "<iframe src=//example.org></iframe>",
        '<button class="chip" data-marker="1" onclick="alert(1)">1</button>',
        "<style>*{display:none}</style>",
        "<form action=//example.org><input name=a></form>",
        "\ue0001\ue001 \ue000<script>\ue001",
    ],
)
def test_nothing_that_runs_or_calls_out_gets_through(text: str) -> None:
    html = answer_html(f"before\n\n{text}\n\nafter [1]", {1})
    for bad in (
        "<script",
        "<img",
        "<svg",
        "<iframe",
        "<style",
        "<form",
        "<input",
        'href="javascript',
        'href="data',
    ):
        assert bad not in html.lower()
    assert html.count("<button") == 1


@pytest.mark.parametrize(
    "text",
    [
        "[x](https://example.org/a)",
        '[x](https://example.org/a "so")',
        "![x](https://example.org/spy.png)",
        "[x](javascript:alert)",
        "[x](//example.org)",
        "[x](/api/v1/me)",
        "https://example.org/a",
    ],
)
def test_a_link_or_a_picture_is_shown_as_the_text_that_it_is(text: str) -> None:
    assert answer_html(text, ()) == f"<p>{text}</p>\n"


@pytest.mark.parametrize("text", ["<https://example.org>", "[x][1]\n\n[1]: https://example.org", "![x][1]"])
def test_no_other_way_to_write_a_link_makes_one(text: str) -> None:
    html = answer_html(text, {1})
    assert "<a" not in html and "href" not in html and "<img" not in html


@pytest.mark.parametrize("unit", ["[", "*a_ ", "> ", "| a ", "`", "&#", "[1] "])
def test_odd_texts_take_no_long_time(unit: str) -> None:
    began_s = time.thread_time()
    answer_html(unit * 3_000, {1})
    assert time.thread_time() - began_s < 1.0


def test_the_end_of_an_endless_text_is_shown_as_it_is() -> None:
    html = answer_html("a" * 20_000 + "**<b>**", ())
    assert html.endswith("<p>**&lt;b&gt;**</p>")
