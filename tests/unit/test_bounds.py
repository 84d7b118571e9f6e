"""Whatever is kept for speed has a bound, and can be forgotten under memory pressure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kotaemon_async
from kotaemon_async.domain import text
from kotaemon_async.search import retrieval

PACKAGE = Path(kotaemon_async.__file__).parent
#: Functions that keep every result, because there are only so many arguments: files of the package.
CLOSED = {"queries"}


def cached() -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Module, function and decorator of everything that keeps its results."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                decorators = map(ast.unparse, node.decorator_list)
                yield from ((path.stem, node, written) for written in decorators if "cache" in written)


CACHED = list(cached())


@pytest.mark.parametrize(
    ("function", "written"), [one[1:] for one in CACHED], ids=[f"{m}.{f.name}" for m, f, _ in CACHED]
)
def test_what_keeps_its_results_has_a_bound_or_nothing_to_tell_them_apart(
    function: ast.FunctionDef, written: str
) -> None:
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    is_bounded = "maxsize=" in written and "None" not in written
    assert is_bounded or not arguments or function.name in CLOSED


async def test_under_pressure_stems_and_terms_are_forgotten_and_found_anew() -> None:
    before = retrieval._terms("The pumps were sealed twice.")
    await retrieval.forget()
    assert (text.stem.cache_info().currsize, retrieval._joined_terms.cache_info().currsize) == (0, 0)
    assert retrieval._terms("The pumps were sealed twice.") == before
