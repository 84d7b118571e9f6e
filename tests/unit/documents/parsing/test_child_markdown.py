"""The blocks of a Markdown text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.documents.parsing.child_markdown import Part, cells, feed, parts
from kotaemon_async.documents.parsing.child_units import UnitWriter

TABLE = """| Valve | Width | Note |
|:------|------:|------|
| A \\| B | 40 | |
| B | | new |"""
TEXT = f"""---
title: Pumps
---
# The pump station #

It has two pumps.
They run at night.

Valves
------
- one valve
- two valves

They are:
{TABLE}
Below the table.

```sh
# no heading
a | b
```

**Care**

***
Once a year.
"""


def test_the_blocks_of_markdown_are_told_by_their_signs() -> None:
    assert list(parts(TEXT)) == [
        Part("code", "---\ntitle: Pumps\n---"),
        Part("heading", "The pump station", 1),
        Part("paragraph", "It has two pumps.\nThey run at night."),
        Part("heading", "Valves", 2),
        Part("list", "- one valve\n- two valves"),
        Part("paragraph", "They are:"),
        Part("table", TABLE),
        Part("paragraph", "Below the table."),
        Part("code", "```sh\n# no heading\na | b\n```"),
        Part("heading", "Care", 4),
        Part("paragraph", "Once a year."),
    ]


def test_a_table_keeps_its_header_and_its_empty_cells() -> None:
    writer = UnitWriter(max_units=9)
    feed(writer, TEXT)
    unit = writer.finish().unit(1)
    (table,) = (block for block in unit.blocks if block.kind == "table")
    assert unit.text[table.start : table.end] == "Valve | Width | Note\nA B | 40 |\nB |  | new"
    assert (table.header, table.head_lines) == ("Valve | Width | Note", 1)


@pytest.mark.parametrize(
    ("line", "found"),
    [("| a | b |", ["a", "b"]), ("a|b", ["a", "b"]), ("| a | |", ["a", ""]), ("a \\| b | c", ["a | b", "c"])],
)
def test_the_cells_of_a_row_may_have_bars_around_them(line: str, found: list[str]) -> None:
    assert cells(line) == found


def test_bars_without_a_rule_of_as_many_columns_are_no_table() -> None:
    assert [part.kind for part in parts("a | b | c\n--- | ---\n\na | b\nc | d")] == ["paragraph", "paragraph"]


@given(st.text(alphabet=st.sampled_from("a#-=*`~| \n"), max_size=80))
def test_blocks_lose_no_letter(text: str) -> None:
    assert sum(part.text.count("a") for part in parts(text)) == text.count("a")


@pytest.mark.parametrize("line", ["a\n===\n", "| a\n|--\n", "a | b\n- | -\n", "```\n~~~\n", "---\nx\n"])
def test_no_text_takes_long(line: str) -> None:
    began = time.process_time()
    assert sum(1 for _ in parts(line * 50_000)) > 0
    assert time.process_time() - began < 3
