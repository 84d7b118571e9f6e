"""Spans and kept lines say only what is on the list."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kotaemon_async.telemetry import traces
from kotaemon_async.telemetry.trace_words import ATTRIBUTES, kept_attributes, kept_fields

PACKAGE = Path(__file__).parents[3] / "kotaemon_async"
#: Functions whose keywords are attributes, and keywords that are none.
TELLS = {"span", "child_span", "past_span", "event", "mark"}
NO_ATTRIBUTES = {"kind"}


def attribute_keywords() -> Iterator[tuple[str, str]]:
    """Every keyword in a call of those functions, wherever it is imported from traces."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf8"))
        if "telemetry" not in path.read_text("utf8"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("traces.") in TELLS:
                yield from ((path.name, word.arg) for word in node.keywords if word.arg)


def test_every_attribute_that_the_code_gives_is_on_the_list() -> None:
    given = [one for one in attribute_keywords() if one[1] not in NO_ATTRIBUTES]
    assert len(given) > 30
    assert [one for one in given if one[1] not in ATTRIBUTES] == []


def test_every_dotted_key_in_the_code_is_on_the_list() -> None:
    keys = [
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("gen_ai.")
    ]
    assert len(keys) > 4
    assert set(keys) <= ATTRIBUTES


def test_an_attribute_that_is_not_on_the_list_is_left_out() -> None:
    with traces.span("work", doc_id="doc_1", question="who?", pages=None) as span:
        traces.event("waits", kind="retry", text="secret")
    assert dict(span.attributes or {}) == {"doc_id": "doc_1"}  # type: ignore[attr-defined]
    assert dict(span.events[0].attributes) == {"kind": "retry"}  # type: ignore[attr-defined]


def test_texts_are_cut() -> None:
    assert kept_attributes({"code": "x" * 500}) == {"code": "x" * 200}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"pages": 3, "wait_s": 1.5, "degraded": True}, {"pages": 3, "wait_s": 1.5, "degraded": True}),
        ({"code": "timeout", "reasons": ["a:b"]}, {"code": "timeout", "reasons": ["a:b"]}),
        ({"message": "what a library said", "name": "my.pdf", "other": None}, {}),
    ],
)
def test_a_line_keeps_numbers_and_the_texts_that_may_stand_in_it(
    given: dict[str, object], kept: dict[str, object]
) -> None:
    assert kept_fields(given) == kept
