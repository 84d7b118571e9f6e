"""The matrix of exact vectors, without Chroma beside it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kotaemon_async.search.vectors.child_matrix import FIRST_ROWS, Matrix

DIMENSION = 32
COUNT = 3000
#: By so much a cosine errs at most in these tests; with 384 numbers instead of 32 it is a third of that.
BYTES_ERR = 5e-3
Vectors = NDArray[np.float32]


def drawn(count: int, seed: int = 0) -> Vectors:
    """Vectors in a narrow cone, as models make them, with the precision of the ledger."""
    random = np.random.default_rng(seed)
    made = random.normal(size=(count, DIMENSION)) + 2 * np.random.default_rng(99).normal(size=DIMENSION)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float16).astype(np.float32)


def place_of(number: int) -> tuple[str, str]:
    """Ten rows a document, thirty collections."""
    return f"d{number // 10}", f"k{number // 10 % 30}"


def put(matrix: Matrix, vectors: Vectors, start: int = 0) -> None:
    for at in range(0, len(vectors), 64):
        part = vectors[at : at + 64]
        numbers = range(start + at, start + at + len(part))
        matrix.upsert([f"c{n}" for n in numbers], [place_of(n) for n in numbers], part)


def filled(folder: Path, vectors: Vectors) -> Matrix:
    matrix = Matrix(folder / "exact", vectors.shape[1])
    put(matrix, vectors)
    matrix.is_complete = True
    return matrix


def nearest(vectors: Vectors, vector: Vectors, numbers: list[int], limit: int = 5) -> list[float]:
    cosines = vectors[numbers] @ vector / np.linalg.norm(vectors[numbers], axis=1) / np.linalg.norm(vector)
    return sorted(cosines.tolist(), reverse=True)[:limit]


@pytest.mark.parametrize(
    ("collections", "documents", "inside"),
    [
        (None, [], lambda _: True),
        (["k7"], [], lambda n: n // 10 % 30 == 7),
        ([f"k{n}" for n in range(25)], [], lambda n: n // 10 % 30 < 25),
        (None, ["d4"], lambda n: n // 10 == 4),
        (None, [f"d{n}" for n in range(100)], lambda n: n < 1000),
        (["k1", "k2"], ["d1", "d3", "d32"], lambda n: n // 10 in (1, 32)),
    ],
    ids=["all", "one collection", "most collections", "one document", "a third", "both"],
)
def test_the_nearest_in_any_scope_are_exactly_the_nearest(
    tmp_path: Path, collections: list[str] | None, documents: list[str], inside: Callable[[int], bool]
) -> None:
    vectors, asked = drawn(COUNT), drawn(20, seed=1)
    matrix = filled(tmp_path, vectors)
    rows = matrix.rows_in(collections, documents)
    numbers = [n for n in range(COUNT) if inside(n)]
    for one in asked:
        found = matrix.search(one, 5, rows)
        assert {int(chunk[1:]) for chunk, _ in found} <= set(numbers)
        assert [near for _, near in found] == pytest.approx(nearest(vectors, one, numbers), abs=BYTES_ERR)


def test_ten_thousand_equal_rows_hide_no_other(tmp_path: Path) -> None:
    others = drawn(15, seed=2)
    matrix = filled(tmp_path, np.concatenate([others, np.repeat(drawn(1, seed=3), 10_000, axis=0)]))
    first = [matrix.search(one, 5, matrix.rows_in(None, []))[0][0] for one in others]
    assert first == [f"c{n}" for n in range(15)]


def test_a_scope_without_rows_finds_nothing(tmp_path: Path) -> None:
    matrix = filled(tmp_path, drawn(30))
    assert matrix.search(drawn(1)[0], 5, matrix.rows_in(["other"], [])) == []


def test_deleted_and_replaced_rows_are_as_if_they_had_never_been(tmp_path: Path) -> None:
    vectors, asked = drawn(COUNT), drawn(10, seed=1)
    matrix = filled(tmp_path, vectors)
    matrix.delete(["never there", *(f"c{n}" for n in range(0, COUNT, 2))])
    vectors[501] = -vectors[0]
    matrix.upsert(["c501"], [("d50", "elsewhere")], vectors[501:502])
    odd = list(range(1, COUNT, 2))
    for one in asked:
        found = matrix.search(one, 5, matrix.rows_in(None, []))
        assert [near for _, near in found] == pytest.approx(nearest(vectors, one, odd), abs=BYTES_ERR)
    assert len(matrix) == COUNT // 2
    assert [chunk for chunk, _ in matrix.search(-vectors[0], 5, matrix.rows_in(["elsewhere"], []))] == [
        "c501"
    ]


def test_vectors_without_direction_are_found_last(tmp_path: Path) -> None:
    vectors = np.stack([np.zeros(4), np.full(4, np.inf), np.full(4, np.nan), np.ones(4)]).astype(np.float32)
    matrix = filled(tmp_path, vectors)
    found = matrix.search(vectors[3], 4, matrix.rows_in(None, []))
    assert found[0][0] == "c3"
    assert matrix.search(vectors[0], 4, matrix.rows_in(None, [])) == []


def test_a_closed_matrix_goes_on_where_it_was(tmp_path: Path) -> None:
    vectors = drawn(COUNT)
    matrix = filled(tmp_path, vectors)
    matrix.delete(["c5"])
    found = matrix.search(vectors[7], 9, matrix.rows_in(["k0"], []))
    matrix.close()
    again = Matrix(tmp_path / "exact", DIMENSION)
    put(again, drawn(10, seed=4), COUNT)
    assert (again.is_complete, len(again)) == (True, COUNT - 1 + 10)
    assert again.search(vectors[7], 9, again.rows_in(["k0"], []))[0] == found[0]


def unsealed(folder: Path) -> None:
    (folder / "seal").unlink()


def flipped(folder: Path) -> None:
    found = bytearray((folder / "vectors").read_bytes())
    found[100] ^= 0xFF
    (folder / "vectors").write_bytes(found)


def cut(folder: Path) -> None:
    (folder / "vectors").write_bytes(b"")


def scribbled(folder: Path) -> None:
    (folder / "rows").write_bytes(b"nothing")


@pytest.mark.parametrize("damage", [unsealed, flipped, cut, scribbled])
def test_one_that_is_not_as_it_was_left_begins_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    filled(tmp_path, drawn(FIRST_ROWS + 1)).close()
    damage(tmp_path / "exact")
    again = Matrix(tmp_path / "exact", DIMENSION)
    assert (again.is_complete, len(again)) == (False, 0)


def truncated(folder: Path) -> None:
    os.truncate(folder / "vectors", 100)


@pytest.mark.parametrize("damage", [flipped, truncated])
def test_one_that_somebody_changes_while_it_is_open_begins_anew(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    vectors = drawn(FIRST_ROWS + 1)
    matrix = filled(tmp_path, vectors)
    matrix.check()
    assert len(matrix) == FIRST_ROWS + 1
    damage(tmp_path / "exact")
    matrix.check()
    assert (matrix.is_complete, len(matrix)) == (False, 0)
    put(matrix, vectors)
    assert matrix.search(vectors[700], 5, None)[0][0] == "c700"


def test_what_somebody_changed_before_it_is_closed_is_not_sealed(tmp_path: Path) -> None:
    matrix = filled(tmp_path, drawn(100))
    flipped(tmp_path / "exact")
    matrix.close()
    assert len(Matrix(tmp_path / "exact", DIMENSION)) == 0


def test_one_whose_child_was_killed_begins_anew(tmp_path: Path) -> None:
    filled(tmp_path, drawn(100)).close()
    Matrix(tmp_path / "exact", DIMENSION)
    assert len(Matrix(tmp_path / "exact", DIMENSION)) == 0


def test_rows_that_are_missing_turned_or_moved_are_told(tmp_path: Path) -> None:
    vectors = drawn(100)
    matrix = filled(tmp_path, vectors)
    matrix.delete(["c1"])
    wanted = vectors.copy()
    wanted[2] *= -1
    places = [place_of(n) for n in range(3)] + [("d0", "elsewhere"), place_of(4)]
    assert matrix.differing([f"c{n}" for n in range(5)], places, wanted[:5]) == ["c1", "c2", "c3"]


def test_rows_whose_bytes_are_of_another_vector_are_told(tmp_path: Path) -> None:
    vectors = drawn(100)
    matrix = filled(tmp_path, vectors)
    with (tmp_path / "exact" / "vectors").open("r+b") as file:
        file.seek(3 * DIMENSION)
        file.write(bytes(DIMENSION))
    assert matrix.differing(["c2", "c3", "c4"], [place_of(n) for n in (2, 3, 4)], vectors[2:5]) == ["c3"]
