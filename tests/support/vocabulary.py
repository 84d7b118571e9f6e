"""What the code logs, found by reading it, and the tables of Markdown pages that say the same to people."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "kotaemon_async"
CONFIG: Final = ROOT / "config"
LEVELS: Final = {
    "debug": "debug", "info": "info", "warning": "warning", "error": "error", "critical": "critical",
    "exception": "error",
}  # fmt: skip
#: Made by the log itself, past loguru.
_OWN_EVENTS: Final = {"log_lines_dropped": ({"warning"}, {"lines"})}
_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+|audit")


@dataclass(slots=True)
class Event:
    """One slug, with every level and every bound field that it has somewhere."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def events() -> dict[str, Event]:
    """Every event of the package by its slug."""
    found = {slug: Event(set(levels), set(fields)) for slug, (levels, fields) in _OWN_EVENTS.items()}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for slug, levels, fields in _logged_in(node):
                    event = found.setdefault(slug, Event())
                    event.levels |= levels
                    event.fields |= fields
    return found


def made_up() -> list[str]:
    """Places whose event is put together while the code runs, so that no page can list it."""
    return [
        f"{path.name}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in {*LEVELS, "log"} and any(isinstance(one, ast.JoinedStr) for one in node.args[:2])
    ]


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below `## heading`, without its head."""
    text = (CONFIG / page).read_text("utf8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


def words(cell: str) -> set[str]:
    """The names in backticks of a cell."""
    return set(re.findall(r"`([^`]+)`", cell))


def _logged_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, set[str], set[str]]]:
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    assigned.setdefault(target.id, []).append(node.value)
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        position = 1 if node.func.attr == "log" else 0
        if node.func.attr not in {*LEVELS, "log"} or len(node.args) <= position:
            continue
        slug = node.args[position]
        if isinstance(slug, ast.Constant) and isinstance(slug.value, str) and _SLUG.fullmatch(slug.value):
            yield slug.value, _levels(node), _bound(node.func.value, assigned)


def _levels(call: ast.Call) -> set[str]:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr != "log":
        return {LEVELS[call.func.attr]}
    named = [node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
    return {name.lower() for name in named if isinstance(name, str)} or {"any"}


def _bound(chain: ast.expr, assigned: dict[str, list[ast.expr]]) -> set[str]:
    """Keywords of every `bind` between the logger and the call, through variables of the function."""
    if isinstance(chain, ast.Name) and chain.id in assigned:
        others = {name: values for name, values in assigned.items() if name != chain.id}
        return set().union(*(_bound(value, others) for value in assigned[chain.id]))
    if isinstance(chain, ast.Call) and isinstance(chain.func, ast.Attribute):
        keywords = {one.arg for one in chain.keywords if one.arg} if chain.func.attr == "bind" else set()
        return keywords | _bound(chain.func.value, assigned)
    return set()
