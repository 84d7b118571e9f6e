"""Two lanes of scores into one order."""

import pytest

from kotaemon_async.search import fusion


def test_scaled_scores_are_shares_of_the_best() -> None:
    assert fusion.scaled([("a", 8.0), ("b", 2.0), ("c", -1.0)]) == {"a": 1.0, "b": 0.25, "c": 0.0}


def test_nothing_positive_scales_to_zero() -> None:
    assert fusion.scaled([("a", 0.0), ("b", -1.0)]) == {"a": 0.0, "b": 0.0}


def test_a_flat_vector_lane_leaves_the_keyword_order() -> None:
    vectors = [("c", 0.815), ("b", 0.81), ("a", 0.80)]
    order = fusion.ranked(fusion.fused(vectors, [("a", 9.0), ("b", 8.5), ("c", 3.0)], {}))
    assert [key for key, _ in order] == ["a", "b", "c"]


def test_a_vector_that_stands_out_comes_before_a_middling_keyword_hit() -> None:
    scores = fusion.fused([("v", 0.8), ("x", 0.1)], [("k", 5.0), ("w", 2.0)], {})
    assert scores["v"] > scores["w"]


def test_fused_scores_lie_between_zero_and_one() -> None:
    scores = fusion.fused([("a", 1.0), ("b", -1.0)], [("a", 3.0)], {"a": 1.0})
    assert scores == {"a": pytest.approx(1.0), "b": 0.0}


def test_words_together_count_more_than_words_apart() -> None:
    near, apart = ["red", "pump"], ["red", *["x"] * fusion.WINDOW_TERMS, "pump"]
    close = fusion.together(["red", "pump"], {"near": near, "apart": apart, "none": ["x"]})
    assert close["near"] == pytest.approx(1.0)
    assert close["apart"] == pytest.approx(0.5)
    assert close["none"] == 0.0


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    texts = {"rare": ["zinc"], "b": ["metal"], "c": ["metal"]}
    close = fusion.together(["zinc", "metal"], texts)
    assert close["rare"] > close["b"]


def test_a_repeated_word_counts_once() -> None:
    close = fusion.together(["a", "b"], {"one": ["a"], "often": ["a"] * 100})
    assert close["one"] == close["often"]


def test_equal_scores_are_ordered_by_id() -> None:
    assert fusion.ranked({"b": 1.0, "a": 1.0}) == [("a", 1.0), ("b", 1.0)]


def test_one_page_does_not_take_all_places() -> None:
    scores = {"a": 1.0, "b": 0.9, "c": 0.8}
    spread = fusion.spread(scores, {"a": 1, "b": 1, "c": 2})
    assert [key for key, _ in spread] == ["a", "c", "b"]
