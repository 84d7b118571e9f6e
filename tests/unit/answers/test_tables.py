"""Rows of tables with the names of their columns, and answers out of them."""

import pytest

from kotaemon_async.answers import tables
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.sources import Source
from tests.support.answering import source, table

NAMES = "Model | Width | Stock | Note"
ROWS = [f"KT-{100 + n} | {7000 + 13 * n} | {n} | steel" for n in range(40)]
BELTS = table(NAMES, *ROWS)
BELTS_ZH = table("型号 | 宽度 | 库存", *(f"KT-{100 + n} | {7000 + 13 * n} 毫米 | {n}" for n in range(20)))


async def answered(question: str, *sources: Source) -> tuple[str, Finish, list[list[str]]]:
    prompt = Prompt(question, tuple(one.passage for one in sources), sources=sources, words_only=True)
    delta, finish = [piece async for piece in ExtractiveProvider().stream(prompt, Deadline.within(5))]
    assert isinstance(delta, Delta) and isinstance(finish, Finish) and finish.quotes is not None
    return delta.text, finish, [[sources[q.source].words(p) for p in q.places] for q in finish.quotes]


async def test_the_asked_row_is_shown_with_the_names_of_its_columns_and_quoted_word_for_word() -> None:
    text, finish, quoted = await answered("What is the width of KT-131?", BELTS)
    assert text == "Model: KT-131 · Width: 7403 · Stock: 31 · Note: steel [1]"
    assert (finish.outcome, quoted) == ("answer", [["KT-131 | 7403 | 31 | steel"]])


async def test_the_same_in_chinese() -> None:
    text, finish, quoted = await answered("KT-112 的宽度是多少？", BELTS_ZH)
    assert (text, finish.outcome) == ("型号：KT-112 · 宽度：7156 毫米 · 库存：12[1]", "answer")
    assert quoted == [["KT-112 | 7156 毫米 | 12"]]


async def test_a_row_that_is_not_there_is_not_replaced_by_another() -> None:
    text, finish, _ = await answered("What is the width of KT-150?", BELTS)
    assert (finish.outcome, finish.missing) == ("nearest", ("KT-150",))
    assert text.startswith("Nothing found on “KT-150”; the nearest is: Model: KT-1")


async def test_several_rows_are_a_list_with_a_marker_each() -> None:
    hotels = table("City | Grade | Limit", "Lanzhou | A | 340", "Xi'an | A | 380", "Lanzhou | B | 300")
    text, _, quoted = await answered("What is the limit in Lanzhou?", hotels)
    assert text == "- City: Lanzhou · Limit: 340 · Grade: A [1]\n- City: Lanzhou · Limit: 300 · Grade: B [2]"
    assert quoted == [["Lanzhou | A | 340"], ["Lanzhou | B | 300"]]


async def test_rows_of_a_table_stand_in_its_order() -> None:
    valves = table("编号 | 周期", *(f"FV-{n} | {n % 7 + 30}天" for n in range(345, 355)))
    text, _, quoted = await answered("FV-351 和 FV-350 的周期分别是多少？", valves)
    assert [row for (row,) in quoted] == ["FV-350 | 30天", "FV-351 | 31天"]
    assert text.startswith("- 编号：FV-350")


async def test_a_figure_of_another_row_does_not_stand_round_this_one() -> None:
    years = table("Year | Revenue", "2018 | 4.1", "2019 | 4.4")
    _, finish, quoted = await answered("What was the revenue in 2019?", years)
    assert (finish.outcome, quoted) == ("answer", [["2019 | 4.4"]])
    _, finish, _ = await answered("What was the revenue in 2021?", years)
    assert finish.missing == ("2021",)


@pytest.mark.parametrize("goes_on", [False, True])
def test_the_names_of_columns_are_those_above_the_rows(goes_on: bool) -> None:
    found = table("A | B", "1 | 2", "3 | 4", goes_on=goes_on)
    assert tables.columns(found) == ("A | B", "A | B")


def test_several_header_rows_are_joined_column_by_column() -> None:
    found = table("Size | Size | Stock\nWidth | Length | Stock", "1 | 2 | 3", before="All belts in stock.")
    assert tables.columns(found) == ("", "Size / Width | Size / Length | Stock")


def test_a_sentence_has_no_columns() -> None:
    assert tables.columns(source("The list names A | B. It is long.")) == ("", "")


def test_what_is_asked_for_stands_first_and_empty_cells_are_left_out() -> None:
    names = " | ".join(f"Column {n} of the list" for n in range(30))
    row = " | ".join(["KX-77", "", *(f"value {n}" for n in range(2, 30))])
    shown = tables.shown(names, row, {"kx": 1.0, "77": 1.0, "29": 1.0})
    assert shown.startswith("Column 0 of the list: KX-77 · Column 29 of the list: value 29 · Column 2 of the")
    assert shown.endswith(" …") and len(shown) < 250


async def test_a_row_that_holds_more_of_the_question_outdoes_the_others() -> None:
    hotels = table("城市 | 级别 | 标准", "兰州 | 部级 | 900", "兰州 | 其他 | 340", "西安 | 其他 | 380")
    text, _, _ = await answered("兰州其他人员的住宿标准是多少？", hotels)
    assert text == "城市：兰州 · 级别：其他 · 标准：340[1]"


async def test_an_empty_cell_that_is_asked_for_is_said_to_be_empty() -> None:
    text, _, _ = await answered("What is the stock of KT-7?", table("Model | Stock | Note", "KT-7 |  | red"))
    assert text == "Model: KT-7 · Stock: – · Note: red [1]"


def test_a_cell_without_a_name_is_shown_alone() -> None:
    assert tables.shown("Model |  | Stock", "A1 | x | ", {}) == "Model: A1 · x"
    assert tables.described("", "A1 | x") == "A1 · x"


def test_the_rows_that_a_claim_is_about_share_most_with_it() -> None:
    rows = ["Lanzhou | others | 340", "Lanzhou | ministers | 900", "Haikou | others | 400"]
    assert tables.about("In Lanzhou ministers may spend 340.", rows) == rows[1:2]
    assert tables.about("In Lanzhou the limit is 340.", rows) == rows[:2]
    assert tables.about("标准是 340 元。", rows) == rows
