"""What is kept of multilingual-e5-small, how texts are cut, and which directions are found."""

import numpy as np
import pytest

from kotaemon_async.search.embedding import e5_file
from kotaemon_async.search.embedding.e5_wheel import best_cut, common_directions, is_read_here
from kotaemon_async.search.embedding.weights import Array, unit
from tests.support.weights import e5_file as written
from tests.support.weights import encoder


@pytest.mark.parametrize(
    "piece", ["▁the", "設", "かな", "ㄅ", "한국", "αβ", "▁42,", "é", "～", "²", "<s>", "£"]
)
def test_latin_greek_han_kana_hangul_and_signs_are_kept(piece: str) -> None:
    assert is_read_here(piece)


@pytest.mark.parametrize("piece", ["▁при", "من", "हिन", "ไทย", "שלום", "a\u0e31"])
def test_pieces_with_letters_of_other_scripts_are_not(piece: str) -> None:
    assert not is_read_here(piece)


def test_a_text_is_cut_where_the_scores_add_up_to_most() -> None:
    scores = {"▁": -1.0, "a": -3.0, "b": -3.0, "ab": -4.0, "▁a": -2.5, "▁ab": -9.0}
    assert best_cut(scores, "ab a") == ["▁", "ab", "▁a"]


def test_both_directions_are_found_again_in_vectors_made_of_them() -> None:
    shared, towards_han = np.eye(384, dtype=np.float32)[:2]
    noise = np.random.default_rng(5)

    def embed(ids: list[int]) -> Array:
        side = 0.3 if ids[0] < 100 else -0.3
        return unit(shared + side * towards_han + noise.normal(0, 0.01, 384))

    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(chr(0x4E00 + number) for number in range(96))]
    found = common_directions(pieces + [f"▁w{number}" for number in range(96)], embed)
    assert np.allclose(found @ found.T, np.eye(2), atol=1e-4)
    assert min(found[0] @ shared, found[1] @ towards_han) > 0.98


def test_the_pieces_that_the_directions_come_from_are_always_the_same() -> None:
    """Thresholds hold for these directions alone, so another generator of numbers must not go unseen."""
    seen: list[list[int]] = []

    def embed(ids: list[int]) -> Array:
        seen.append(ids)
        return unit(np.eye(384, dtype=np.float32)[len(seen)] + 1)

    common_directions(["<s>", "<pad>", "</s>", "<unk>", *"一二三四五六七八九十abcdefghij"], embed)
    assert len(seen) == 64
    assert seen[0][:8] == [8, 9, 11, 13, 4, 5, 12, 13]
    assert seen[63][:6] == [21, 18, 14, 18, 18, 19]


def test_the_file_gives_back_pieces_vectors_and_weights() -> None:
    made, pieces = encoder(4, layers=1), ["<s>", "<pad>", "</s>", "▁né"]
    found = e5_file.parse(written(made, pieces, [0.0, 0.0, 0.0, -2.5]))
    assert (found.pieces, found.scores, found.first, found.last) == (pieces, [0.0, 0.0, 0.0, -2.5], 0, 2)
    assert found.encoder.layers == 1
    assert found.encoder.tensors.keys() == made.tensors.keys()
    for name, tensor in made.tensors.items():
        assert np.allclose(found.encoder.tensors[name], tensor, atol=0.03), name
    assert found.encoder.vector([0, 3, 2]) @ made.vector([0, 3, 2]) > 0.98


def test_only_some_pieces_keep_their_rows() -> None:
    found = e5_file.parse(written(encoder(4, layers=1), list("abcd"), [1.0, 2.0, 3.0, 4.0]))
    some = found.only([0, 2])
    assert (some.pieces, some.scores) == (["a", "c"], [1.0, 3.0])
    assert np.array_equal(some.encoder.words.rows([1]), found.encoder.words.rows([2]))


@pytest.mark.parametrize("data", [b"GGUF" + bytes(80), b"E5S1" + bytes(80)])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="E5S1"):
        e5_file.parse(data)
