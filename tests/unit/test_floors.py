"""Imports go downward only; the floors are those of DESIGN 3."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kotaemon_async"

#: Top to ground; a name stands for a module or for a whole folder.
FLOORS = [
    {"__main__", "cli", "demo", "bench", "throwaway"},
    {"app"},
    {"http"},
    {"jobs"},
    {"services"},
    {
        "answering",
        "answer_cache",
        "answer_state",
        "answer_tiers",
        "asking",
        "conversing",
        "flights",
        "grounding",
        "relevance",
    },
    {
        "library",
        "ingest",
        "dispatch",
        "follower",
        "index_audit",
        "retrieval",
        "search_lanes",
        "tracing",
        "trace_path",
        "watching",
        "signals",
        "signal_reading",
        "incidents",
        "incident_causes",
        "incident_forecasts",
        "incident_report",
        "incident_watch",
        "incident_webhook",
        "manager",
        "feed",
        "history",
        "pictures",
        "doctor",
        "backups",
        "backup_schedule",
        "chores",
        "maintenance",
        "restoring",
        "trial",
    },
    {
        "stores",
        "parsing",
        "llm",
        "embedding",
        "minilm",
        "broker",
        "broker_connections",
        "chunking",
        "knowledge",
    },
    {"fusion", "model", "settings", "resilience"},
    {"conditions", "errors", "faults", "follow_up", "quotes", "text", "stopwords", "telemetry"},
]
SEE_SETTINGS = {"settings", "__main__", "cli", "app", "services", "demo", "bench"}


def part(module: str) -> str:
    """The floor name of a module: `stores.ledger` -> `stores`, `cli_client` -> `cli`."""
    top = module.partition(".")[0]
    families = ("cli", "minilm", "services", "settings", "ingest", "bench", "demo", "doctor")
    return next((name for name in families if top.startswith(f"{name}_")), top)


def floor(module: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if part(module) in names)


@cache
def modules() -> dict[str, Path]:
    """Every module by its name within the package."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}


def absolute(module: str, node: ast.ImportFrom) -> str:
    """What stands between `from` and `import`, with leading dots spelled out."""
    if not node.level:
        return node.module or ""
    above = ["kotaemon_async", *module.split(".")][: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def imported(module: str) -> Iterator[str]:
    """Every name that is imported anywhere in the file, also inside of functions."""
    for node in ast.walk(ast.parse(modules()[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{absolute(module, node)}.{alias.name}" for alias in node.names)


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the package that a module imports."""
    ours = "kotaemon_async."
    names = [name.removeprefix(ours) for name in imported(module) if name.startswith(ours)]
    return frozenset(name if name in modules() else name.rpartition(".")[0] for name in names) - {""}


@pytest.mark.parametrize("module", modules())
def test_a_module_stands_on_a_floor(module: str) -> None:
    assert any(part(module) in names for names in FLOORS), f"give {module} a floor"


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_its_own_floor_and_below(module: str) -> None:
    up = {name for name in imports(module) if floor(name) < floor(module)}
    assert not up, f"{module} imports upward: {up}"


@pytest.mark.parametrize("module", modules())
def test_only_those_that_put_things_together_see_settings(module: str) -> None:
    if "settings" in imports(module):
        assert part(module) in SEE_SETTINGS


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter({module: imports(module) for module in modules()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", [name for name in modules() if "child" in name])
def test_a_child_imports_nothing_of_ours_but_its_own_parts(module: str) -> None:
    family = module.partition("child")[0] + "child"
    assert not [name for name in imports(module) if not name.startswith(family)]


@pytest.mark.parametrize(
    "module", [name for name in modules() if name.endswith("_child")] + ["parsing.child"]
)
def test_nothing_beside_a_child_hides_the_standard_library(module: str) -> None:
    beside = {path.stem for path in modules()[module].parent.glob("*.py")}  # the child's folder comes first
    assert not beside & sys.stdlib_module_names


def test_package_files_are_empty() -> None:
    assert not [path for path in PACKAGE.rglob("__init__.py") if path.read_text("utf-8").strip()]
