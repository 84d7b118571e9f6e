"""What the page's view "System" says in words: every name from a closed list."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kotaemon_async.operations.incidents.causes import CAUSES
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.operations.traces.path import FALLBACKS

PACKAGE = Path(__file__).parents[4] / "kotaemon_async"
WEB = PACKAGE / "http" / "web"
_WORDS = re.compile(r'^  "?([^":]+)"?: \["((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\],$', re.MULTILINE)
#: Their names hold something of a request: the first word is what is known of them.
OPEN_NAMES = ("link", "chat", "parser", "vectors", "http")


def words(*files: str) -> dict[str, tuple[str, str]]:
    found = [_WORDS.findall((WEB / f"words_{name}.js").read_text("utf8")) for name in files]
    return {name: (english, chinese) for one in found for name, english, chinese in one}


def names_in_code(function: str) -> Iterator[str]:
    """Texts that are the first argument of a function, such as the names of spans."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == function:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


ALL = words("system", "traces")


@pytest.mark.parametrize("family", ["incident", "incident.hint", "cause"])
def test_each_cause_of_an_incident_has_words(family: str) -> None:
    assert [cause for cause in CAUSES if f"{family}.{cause}" not in ALL] == []


def test_each_signal_has_words_for_its_kind_and_its_owner() -> None:
    signals = signals_of(["primary"])
    kinds = [one.kind for one in signals if f"signal.{one.kind}" not in ALL]
    owners = [one.component for one in signals if f"part.{one.component}" not in ALL]
    assert (kinds, set(owners)) == ([], {"primary"})


def test_each_component_of_the_health_report_has_words() -> None:
    named = [name for name in names_in_code("register") if re.fullmatch(r"[a-z_]+", name)]
    assert "ledger" in named
    assert [name for name in named if f"part.{name}" not in ALL] == []


def test_each_step_of_a_path_has_words() -> None:
    steps = {name for function in ("span", "child_span", "past_span") for name in names_in_code(function)}
    assert {"ingest", "answer"} <= steps
    assert [name for name in steps if f"step.{name}" not in ALL and name.split()[0] not in OPEN_NAMES] == []


def test_each_event_that_explains_a_delay_has_words() -> None:
    told = {name.split(".")[1] for name in ALL if name.startswith("event.")}
    assert {*FALLBACKS, "waits", "retry", "recovered"} <= told
