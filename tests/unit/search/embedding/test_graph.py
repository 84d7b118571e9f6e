"""The graph of an encoder against plain numpy, with weights made up here."""

import numpy as np
import onnxruntime
import pytest

from kotaemon_async.search.embedding import graph
from kotaemon_async.search.embedding.weights import Array, Encoder, FloatTable, PackedTable, unit, without
from tests.support.weights import encoder

WORDS, WINDOW = 500, 256


def run(made: Encoder, ids: list[int], *, int8: bool, directions: Array | None = None) -> Array:
    built = graph.build(made, window=WINDOW, int8=int8, without=directions).SerializeToString()
    session = onnxruntime.InferenceSession(built, providers=["CPUExecutionProvider"])
    row: Array = session.run(None, {"input_ids": np.array([ids])})[0][0]
    return row


@pytest.fixture(scope="module")
def made() -> Encoder:
    return encoder(WORDS, layers=3)


@pytest.fixture(scope="module")
def packed(made: Encoder) -> Encoder:
    random = np.random.default_rng(3)
    halves = random.integers(0, 256, (WORDS, 192)).astype(np.uint8)
    scales = random.uniform(0.005, 0.01, (WORDS, 12)).astype(np.float16)
    return Encoder(PackedTable(halves, scales), made.tensors, made.layers)


@pytest.mark.parametrize("length", [2, 17, WINDOW])
def test_the_fp32_graph_gives_the_vector_of_plain_numpy(made: Encoder, length: int) -> None:
    ids = [(7 * place) % WORDS for place in range(length)]
    assert run(made, ids, int8=False) @ made.vector(ids) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("length", [2, 17, WINDOW])
def test_words_of_four_bits_are_unpacked_in_the_graph(packed: Encoder, length: int) -> None:
    ids = [(7 * place) % WORDS for place in range(length)]
    assert run(packed, ids, int8=False) @ packed.vector(ids) == pytest.approx(1, abs=1e-4)


def test_the_int8_graph_stays_close_to_plain_numpy(made: Encoder, packed: Encoder) -> None:
    ids = [(11 * place) % WORDS for place in range(40)]
    assert run(made, ids, int8=True) @ made.vector(ids) >= 0.97
    assert run(packed, ids, int8=True) @ packed.vector(ids) >= 0.97


def test_nothing_is_left_along_the_directions_taken_off(made: Encoder) -> None:
    ids = [5, 6, 7]
    directions = unit(np.linalg.qr(np.random.default_rng(1).normal(size=(384, 2)))[0].T)
    row = run(made, ids, int8=False, directions=directions)
    assert np.allclose(directions @ row, 0, atol=1e-5)
    assert row @ without(made.vector(ids), directions) == pytest.approx(1, abs=1e-4)


def test_the_graph_refuses_two_texts_at_once(made: Encoder) -> None:
    built = graph.build(made, window=WINDOW, int8=True).SerializeToString()
    session = onnxruntime.InferenceSession(built, providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match="invalid dimensions"):
        session.run(None, {"input_ids": np.ones((2, 5), np.int64)})


def test_quantized_numbers_come_back_within_half_a_step() -> None:
    matrix = np.array([[1.0, -20.0], [-0.5, 10.0]], np.float32)
    whole, scales = graph.quantize(matrix, axis=0, most=64)
    assert whole.tolist() == [[64, -64], [-32, 32]]
    assert np.allclose(whole * scales, matrix)


def test_two_largest_products_do_not_saturate_sixteen_bits() -> None:
    whole, _ = graph.quantize(np.array([[3.0], [-3.0]], np.float32), axis=0, most=graph.MATRIX_MOST)
    assert 2 * 255 * int(np.abs(whole).max()) <= np.iinfo(np.int16).max


def test_a_row_of_four_bits_is_its_halves_less_eight_times_their_scales() -> None:
    halves = np.full((1, 192), 0xF0, np.uint8)
    halves[0, 0] = 0x3A
    row = PackedTable(halves, np.full((1, 12), 0.5, np.float16)).rows([0])[0]
    assert (row[0], row[1], row[192], row[193]) == (1.0, -4.0, -2.5, 3.5)


def test_a_table_of_floats_gives_its_rows_in_order() -> None:
    table = FloatTable(np.arange(6, dtype=np.float32).reshape(3, 2))
    assert table.rows([2, 0]).tolist() == [[4, 5], [0, 1]]
