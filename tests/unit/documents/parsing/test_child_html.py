"""The blocks of HTML: what is read, what is the frame of a page, and tables."""

import time

import pytest

from kotaemon_async.documents.parsing.child_html import declared_charset, feed, letters
from kotaemon_async.documents.parsing.child_html_depth import MAX_DEPTH, check_depth
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Unit, UnitWriter

FRAME = ("page_header", "page_footer")


def unit_of(markup: str, *, is_page: bool = True) -> Unit:
    writer = UnitWriter(max_units=100, unit_chars=100_000)
    feed(writer, markup, is_page=is_page)
    return writer.finish().unit(1)


def blocks_of(markup: str, *, is_page: bool = True) -> list[tuple[str, str]]:
    unit = unit_of(markup, is_page=is_page)
    return [(block.kind, unit.text[block.start : block.end]) for block in unit.blocks]


def body_of(markup: str) -> list[str]:
    """Return the text of what is no frame."""
    return [text for kind, text in blocks_of(markup) if kind not in FRAME]


def test_html_keeps_what_is_read_and_drops_scripts_and_styles() -> None:
    markup = (
        "<html><head><title>T</title><style>p{}</style><script>alert(1)</script></head><body><h1>Head</h1>"
        "<p>One <b>bold</b>\n word.<br>Two</p>"
        "<table><tr><td>a</td><td>b</td></tr></table>"
    )
    assert unit_of(markup).text == "T\n\nHead\n\nOne bold word.\nTwo\n\na\n\nb"


@pytest.mark.parametrize(
    "sign", ['<?xml:namespace prefix = o ns = "urn:x" />', "<?r>", "<!-- ?> -->", "<![if !x]>"]
)
def test_signs_for_programs_are_no_text(sign: str) -> None:
    assert body_of(f"<p>one {sign}<o:p>two</o:p></p>{sign}<p>three</p>") == ["one two", "three"]


def test_the_blocks_of_html_are_told_by_their_tags() -> None:
    markup = (
        "<h1>One <b>pump</b></h1><div><p>It runs.</p></div><ul><li>a<li><p>b</p></ul><pre>x\n  y</pre>"
        "<figure><img alt='The pump from above'><figcaption>Pump</figcaption></figure><p>One<br><br>Two</p>"
    )
    assert blocks_of(markup) == [
        ("heading", "One pump"), ("paragraph", "It runs."), ("list", "a"), ("list", "b"), ("code", "x\n  y"),
        ("caption", "The pump from above"), ("caption", "Pump"), ("paragraph", "One"), ("paragraph", "Two"),
    ]  # fmt: skip


def test_the_title_stands_above_all_headings_unless_it_is_one() -> None:
    assert [block.level for block in unit_of("<title>Site</title><h1>Rules</h1><p>x</p>").blocks] == [1, 2, 0]
    assert [block.level for block in unit_of("<title>Rules</title><h1>Rules</h1><p>x</p>").blocks] == [1, 0]


@pytest.mark.parametrize(
    "hidden",
    [
        "<div hidden>secret</div>",
        "<span aria-hidden='true'>secret</span>",
        "<div style='color:red; DISPLAY : none'>secret</div>",
        "<p style='visibility:hidden'>secret</p>",
        "<p style='font-size:0'>secret</p>",
        "<style>.off{display:none}</style><p class='note off'>secret</p>",
        "<style>p#gone,b{visibility:hidden}</style><p id=gone>secret</p>",
        "<style>@media screen{.a{display:none!important}}</style><p class=a style='display:block'>secret</p>",
        "<dialog>secret</dialog><template>secret</template><svg><title>secret</title></svg>",
    ],
)
def test_what_nobody_sees_is_left_out(hidden: str) -> None:
    assert blocks_of(f"{hidden}<p>It runs.</p>") == [("paragraph", "It runs.")]


@pytest.mark.parametrize(
    "shown",
    [
        "<style>@media print{.a{display:none}}</style><p class=a>shown</p>",
        "<style>.a{display:none} .a.open{display:block}</style><p class='a open'>shown</p>",
        "<style>.a{display:none}</style><p class=a style='display:block'>shown</p>",
        "<style>.menu .a{display:none} .a:hover{display:none}</style><p class=a>shown</p>",
        "<style>/* .a{display:none} */</style><p class=a>shown</p>",
        "<details><summary>More</summary><p>shown</p></details>",
    ],
)
def test_what_is_seen_is_kept(shown: str) -> None:
    assert "shown" in body_of(f"{shown}<p>It runs.</p>")


LINKS = "".join(f"<li><a href=/{place}>Place {place}</a>" for place in range(9))


@pytest.mark.parametrize(
    "frame",
    [
        "<nav><a href=/>Home</a></nav>",
        "<div role=navigation>Home</div>",
        f"<ul>{LINKS}</ul>",
        f"<div class=sidebar><p>Places</p><ul>{LINKS}</ul></div>",
        "<footer>Imprint and privacy</footer>",
        "<div class='cookie-bar'>We use cookies to improve the seal.<button>Accept</button></div>",
        "<div>This site stores cookies.<button>OK</button></div>",
        "<div id=CookieConsent>我们使用 cookie 改善服务，继续浏览即表示同意。</div>",
        "<dialog open>Take our survey</dialog>",
        "<noscript>Please switch scripts on.</noscript>",
        "<table><tr><td><a href=1>One</a> <a href=2>Two</a> <a href=3>Three</a></td></tr></table>",
    ],
)
def test_the_frame_of_a_page_is_kept_apart(frame: str) -> None:
    markup = f"<main><h1>Rules</h1><p>The seal holds.</p></main>{frame}"
    assert body_of(markup) == ["Rules", "The seal holds."]
    assert len(blocks_of(markup)) == 3


@pytest.mark.parametrize(
    "content",
    [
        "<article><header><p>By A. Brandt</p></header><p>Text.</p></article>",
        "<aside><p>Mind the pressure.</p></aside>",
        "<p>The <a href=1>pump</a> of the <a href=2>station</a> drives the <a href=3>crane</a> all day.</p>",
        f"<main><h2>Manuals</h2><ul>{LINKS}</ul></main>",
        "<div class=menu><p>Soup of the day: leek.</p></div>",
        "<article class=cookie-policy>"
        + "<p>We set a cookie for each session of a visitor.</p>" * 40
        + "</article>",
    ],
)
def test_what_belongs_to_the_text_is_no_frame(content: str) -> None:
    assert not [kind for kind, _ in blocks_of(f"<p>It runs.</p>{content}") if kind in FRAME]


def test_a_page_that_is_nothing_but_frame_is_read() -> None:
    assert blocks_of("<nav><a href=1>Valves</a></nav>") == [("paragraph", "Valves")]


def test_the_chapter_of_a_book_has_no_frame() -> None:
    markup = "<nav>Contents</nav><aside>A note</aside><p hidden>no</p>"
    assert blocks_of(markup, is_page=False) == [("paragraph", "Contents"), ("paragraph", "A note")]


def table(markup: str) -> tuple[str, str, int]:
    unit = unit_of(f"<table>{markup}</table>")
    (block,) = (block for block in unit.blocks if block.kind == "table")
    return unit.text[block.start : block.end], block.header, block.head_lines


def test_an_empty_cell_keeps_its_place() -> None:
    rows = "<tr><th>Model<th>List price<th>Stock<tr><td>A1<td><td>42"
    assert table(rows) == ("Model | List price | Stock\nA1 |  | 42", "Model | List price | Stock", 1)


def test_merged_cells_are_repeated() -> None:
    rows = (
        "<thead><tr><th rowspan=2>城市<th colspan=2>标准<tr><th>旺季<th>淡季</thead>"
        "<tr><td rowspan=2>兰州<td>460<td>340<tr><td>350<td>300"
    )
    text, header, head_lines = table(rows)
    assert text.split("\n")[2:] == ["兰州 | 460 | 340", "兰州 | 350 | 300"]
    assert (header, head_lines) == ("城市 | 标准 / 旺季 | 标准 / 淡季", 2)


def test_a_table_without_head_cells_has_a_header_where_words_stand_above_figures() -> None:
    assert table("<tr><td>Model<td>Site<td>Width<tr><td>KT<td>North<td>40")[1] == "Model | Site | Width"
    assert table("<tr><td>Name<td>Pump<tr><td>Power<td>40 kW<tr><td>Place<td>Hall")[1:] == ("", 0)
    assert table("<tr><th>Name<td>Pump<tr><th>Power<td>40 kW")[1:] == ("", 0)


def test_a_table_keeps_its_title_and_what_is_nested_in_it() -> None:
    inner = "<table><tr><th>x<th>y<tr><td>2<td>3</table>"
    markup = f"<table><caption>Sizes</caption><tr><th>A<th>B<tr><td>1<td>{inner}</table>"
    assert blocks_of(markup) == [("caption", "Sizes"), ("table", "A | B\n1 | x, y; 2, 3")]


def test_a_cell_over_all_columns_is_the_title_of_a_table() -> None:
    markup = "<table><tr><th colspan=2>Duck<tr><th>Order<td>Birds<tr><th>Weight<td>2 kg</table>"
    assert blocks_of(markup) == [("caption", "Duck"), ("table", "Order | Birds\nWeight | 2 kg")]


def test_a_table_that_arranges_a_page_is_no_table() -> None:
    markup = "<table><tr><td><h2>Left</h2><p>One.</p><td><p>Two.</p><tr><td>Three.</table>"
    assert [kind for kind, _ in blocks_of(markup)] == ["heading", "paragraph", "paragraph", "paragraph"]


def test_spans_without_end_are_bounded() -> None:
    rows = f"<tr><th>A<th>B{'<tr><td colspan=99999999 rowspan=65534>x' * 3000}"
    writer = UnitWriter(max_units=100_000)
    feed(writer, f"<table>{rows}</table>")
    assert [loss.code for loss in writer.finish().warnings] == ["truncated"]


def test_a_deeply_nested_page_is_read_and_a_deeper_one_refused() -> None:
    assert unit_of("<div>" * 9_000 + "deep" + "</div>" * 9_000).text == "deep"
    with pytest.raises(FileError) as problem:
        letters("<div>" * 200_000 + "deep")
    assert problem.value.code == "parser_limit"


@pytest.mark.parametrize(
    "markup",
    [
        "<div><span>" * 9_000 + "</div>",
        "<font size=1><p>" * 12_000,
        "<x-y/>" * 12_000,
        "<span><div></span>" * 12_000,
        "<svg></svg>" + "<DIV class='a>b'>" * 12_000,
    ],
)
def test_whatever_nests_counts(markup: str) -> None:
    with pytest.raises(FileError):
        check_depth(markup)


@pytest.mark.parametrize(
    "markup",
    [
        "<p>x<li>y<br><img src=a><tr><td>" * 20_000,
        "<svg>" + "<path d='M0'/>" * 20_000 + "</svg>",
        "<script>" + "'<div>'" * 20_000 + "</script>",
        "<!--" + "<div>" * 20_000 + "-->",
        "<div><span></div>" * 20_000,
        "<b></b>" * 20_000,
    ],
)
def test_tags_that_do_not_pile_up_are_not_counted(markup: str) -> None:
    check_depth(markup)
    assert markup.count("<") > MAX_DEPTH


@pytest.mark.parametrize(
    "markup",
    [
        "<style>" + ".a{display:none}" * 60_000 + "</style>" + "<p class='a b'>x" * 20_000,
        "<table><tr><td>" * 3_000 + "x",
        "<div class=menu><ul>" * 4_000 + "<li><a href=1>x</a>" * 20_000,
        "<!--" * 200_000,
        "<script>" * 100_000 + "x",
        "<style>" + "@media{" * 100_000 + "</style><p>x",
    ],
    ids=["rules", "tables", "lists", "comments", "scripts", "media"],
)
def test_no_page_takes_long(markup: str) -> None:
    began = time.process_time()
    feed(UnitWriter(max_units=100_000), markup, is_page=True)
    assert time.process_time() - began < 8


def test_the_charset_of_a_page_is_declared_by_a_meta_element_or_by_xml() -> None:
    assert declared_charset(b'<meta http-equiv=x content="text/html; charset=gb2312">') == "gb2312"
    assert declared_charset(b'<?xml version="1.0" encoding="GBK"?><html/>') == "GBK"
    assert declared_charset(b"<p>charset</p>") is None
