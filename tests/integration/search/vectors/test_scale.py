"""Ten thousand vectors beside a thousand: what a search costs in each scope, as ratios, and what it finds."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kotaemon_async.search.vectors.child_matrix import Matrix

DIMENSION = 384
PER_DOCUMENT, COLLECTIONS, LIMIT = 10, 300, 200
Vectors = NDArray[np.float32]
Scope = tuple[list[str] | None, list[str]]

SCOPES: dict[str, Scope] = {
    "everything": (None, []),
    "one collection": (["k7"], []),
    "half of the collections": ([f"k{n}" for n in range(COLLECTIONS // 2)], []),
    "a document": (None, ["d4"]),
    "ten documents": (None, [f"d{n}" for n in range(10)]),
    "a thousand documents": (None, [f"d{n}" for n in range(1000)]),
}


def drawn(count: int, seed: int) -> Vectors:
    """Vectors in a narrow cone, as models make them."""
    random = np.random.default_rng(seed)
    made = random.normal(size=(count, DIMENSION)) + 3 * np.random.default_rng(0).normal(size=DIMENSION)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float16).astype(np.float32)


def filled(folder: Path, vectors: Vectors) -> Matrix:
    matrix = Matrix(folder, DIMENSION)
    documents = [n // PER_DOCUMENT for n in range(len(vectors))]
    places = [(f"d{n}", f"k{n % COLLECTIONS}") for n in documents]
    matrix.upsert([f"c{n}" for n in range(len(vectors))], places, vectors)
    return matrix


def searched(matrix: Matrix, scope: Scope, asked: Vectors) -> Callable[[], None]:
    def search() -> None:
        for one in asked:
            matrix.search(one, LIMIT, matrix.rows_in(*scope))

    return search


def costs(*searches: Callable[[], None]) -> list[float]:
    """The least CPU time of each in many rounds, taken in turns so that all have the same neighbours."""
    least = [float("inf")] * len(searches)
    for _ in range(15):
        for number, search in enumerate(searches):
            began_s = time.thread_time()
            search()
            least[number] = min(least[number], time.thread_time() - began_s)
    return least


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    return filled(tmp_path_factory.mktemp("large"), drawn(10_000, 1))


def test_ten_times_the_vectors_cost_less_than_five_times_as_much(matrix: Matrix, tmp_path: Path) -> None:
    asked, small = drawn(10, 2), filled(tmp_path / "small", drawn(1000, 1))
    before, after = costs(*(searched(one, SCOPES["everything"], asked) for one in (small, matrix)))
    assert after < 5 * before


def test_no_scope_costs_more_than_three_times_everything(matrix: Matrix) -> None:
    asked = drawn(10, 2)
    whole, *scoped = costs(*(searched(matrix, scope, asked) for scope in SCOPES.values()))
    assert max(scoped) < 3 * whole


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_the_nearest_five_in_every_scope_are_those_that_are_nearest(matrix: Matrix, scope: Scope) -> None:
    vectors, rows = drawn(10_000, 1), matrix.rows_in(*scope)
    numbers = np.arange(10_000) if rows is None else rows
    for one in drawn(20, 3):
        wanted = np.sort(vectors[numbers] @ one)[::-1][:5]
        found = [near for _, near in matrix.search(one, 5, rows)]
        assert found == pytest.approx(wanted.tolist(), abs=1e-3)
