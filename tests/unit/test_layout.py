"""The rooms of the package: a folder imports only from those below it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

NAME = "kotaemon_async"
PACKAGE = Path(__file__).parents[2] / NAME
#: Top to ground; the two in one row do not know each other.
ROWS = (
    ("__main__",),
    ("cli",),
    ("app",),
    ("http",),
    ("operations",),
    ("answers", "documents"),
    ("search",),
    ("stores",),
    ("resilience",),
    ("telemetry",),
    ("domain",),
)
ROW_OF = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
READ_SETTINGS = {"__main__", "cli", "app"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its name within the package."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in paths
    }


def room(module: str) -> str:
    return module.partition(".")[0]


def absolute(module: str, node: ast.ImportFrom) -> str:
    """What stands between `from` and `import`, with leading dots spelled out."""
    if not node.level:
        return node.module or ""
    above = [NAME, *module.split(".")][: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def named(module: str) -> Iterator[str]:
    """What a file imports, also within functions, and the modules that its strings name."""
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{absolute(module, node)}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from files_named(module, node.value)


def files_named(module: str, text: str) -> Iterator[str]:
    """The modules that a string means: `kotaemon_async.x`, or a file, beside the module if there is one."""
    if text.startswith(f"{NAME}.") and " " not in text:
        yield text
    elif text.endswith(".py") and " " not in text:
        stem = text.removesuffix(".py").replace("/", ".")
        beside = f"{module.rpartition('.')[0]}.{stem}"
        found = [beside] if beside in modules() else [one for one in modules() if one.endswith(f".{stem}")]
        yield from (f"{NAME}.{one}" for one in found)


@cache
def uses(module: str) -> frozenset[str]:
    """Modules of the package that a module needs."""
    ours = [name.removeprefix(f"{NAME}.") for name in named(module) if name.startswith(f"{NAME}.")]
    return frozenset(name if name in modules() else name.rpartition(".")[0] for name in ours) - {"", module}


def test_every_module_lies_in_one_of_the_rooms() -> None:
    assert not [module for module in modules() if room(module) not in ROW_OF]


def test_a_room_uses_only_rooms_below_it() -> None:
    pairs = [(module, used) for module in modules() for used in uses(module) if room(used) != room(module)]
    assert not [pair for pair in pairs if ROW_OF[room(pair[1])] <= ROW_OF[room(pair[0])]]


def test_only_the_top_rooms_read_the_settings() -> None:
    readers = {room(module) for module in modules() if "app.settings" in uses(module)}
    assert readers <= READ_SETTINGS


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter({module: uses(module) for module in modules()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_child_imports_nothing_of_ours_but_what_is_made_for_children() -> None:
    children = {module for module in modules() if "child" in module.rpartition(".")[2].split("_")}
    assert not [(module, name) for module in children for name in uses(module) - children]


def test_package_files_are_empty() -> None:
    assert not [path for path in PACKAGE.rglob("__init__.py") if path.read_text("utf-8").strip()]


def test_the_walks_name_files_that_are_there() -> None:
    text = (PACKAGE.parent / "config" / "contributing.md").read_text("utf-8")
    walks = text.partition("\n## Two walks through the files\n")[2]
    named = set(re.findall(r"`([a-z_]+/[a-z_/]+)`", walks))
    found = {name for name in named if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}
    assert named - found == set()
    assert len(named) > 30
