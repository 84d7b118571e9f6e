"""The blocks of Markdown."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.documents.parsing.child_markdown import markdown_blocks


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("# One\nIt runs.\n## Two", [("heading", "# One"), ("paragraph", "It runs."), ("heading", "## Two")]),
        ("One\n===\nIt runs.", [("heading", "One"), ("paragraph", "It runs.")]),
        ("One\n---\n\nIt runs.", [("heading", "One"), ("paragraph", "It runs.")]),
        ("It runs\non.\n\n***\n\nIt stops.", [("paragraph", "It runs\non."), ("paragraph", "It stops.")]),
        ("- a\n- b\n\n1. c", [("list", "- a\n- b"), ("list", "1. c")]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", [("table", "| a | b |\n|---|---|\n| 1 | 2 |")]),
        ("```sh\n# a\n\nrun\n```\nIt runs.", [("code", "```sh\n# a\n\nrun\n```"), ("paragraph", "It runs.")]),
        ("---\ntitle: x\n---\n# One", [("code", "---\ntitle: x\n---"), ("heading", "# One")]),
        ("**One**\n\nIt runs", [("heading", "**One**"), ("paragraph", "It runs")]),
        ("#hash\n\n#", [("paragraph", "#hash"), ("paragraph", "#")]),
        ("~~~\nopen", [("code", "~~~\nopen")]),
        ("## 泵\n\n它在运行。", [("heading", "## 泵"), ("paragraph", "它在运行。")]),
    ],
)  # fmt: skip
def test_blocks_are_told_by_their_signs(text: str, blocks: list[tuple[str, str]]) -> None:
    assert [(one.kind, text[one.start : one.end]) for one in markdown_blocks(text)] == blocks


@given(st.text(alphabet=st.sampled_from("a#-=*`~| \n"), max_size=80))
def test_blocks_stand_in_order_and_lose_no_letter(text: str) -> None:
    found = markdown_blocks(text)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert "".join(text[one.start : one.end] for one in found).count("a") == text.count("a")
