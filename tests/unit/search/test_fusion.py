"""Two lanes of scores into one order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_keywords_count_less_when_their_first_hits_cover_little_of_the_question() -> None:
    vectors, keywords = [("meant", 0.6), ("named", 0.5), ("far", 0.4)], [("named", 4.0), ("far", 1.0)]
    little, much = ({"named": part, "far": 0.0} for part in (0.05, 0.6))
    weights = fusion.Weights(vector=3.0, coverage=0.5)
    first = [fusion.ranked(fusion.fused(vectors, keywords, close, weights))[0][0] for close in (little, much)]
    assert first == ["meant", "named"]


def test_coverage_is_that_of_the_best_of_the_first_five_hits() -> None:
    keywords = [(f"k{number}", 9.0 - number) for number in range(6)]
    fifth, sixth = ({f"k{number}": 1.0} for number in (4, 5))
    weights = fusion.Weights(vector=3.0, coverage=0.5)
    scores = [fusion.fused([], keywords, close, weights)["k0"] for close in (fifth, sixth)]
    assert scores == [pytest.approx(1 / 4.7), 0.0]


def test_without_a_coverage_keywords_always_count() -> None:
    assert fusion.fused([], [("k", 1.0)], {}, fusion.PLAIN)["k"] == pytest.approx(1 / 2.95)


def test_what_is_in_another_language_is_as_near_as_if_it_were_not() -> None:
    hits = [("same", 0.50), ("other", 0.45), ("far", 0.1)]
    evened = fusion.evened(hits, {"other"}, fusion.CALIBRATED)
    assert [key for key, _ in evened] == ["other", "same", "far"]
    assert dict(evened)["other"] == pytest.approx(0.55)
    assert fusion.evened(hits, {"other"}, fusion.PLAIN) == hits


@given(st.dictionaries(st.text(max_size=3), st.floats(-1, 1), min_size=1), st.sets(st.text(max_size=3)))
def test_evening_loses_no_hit_and_puts_the_best_first(hits: dict[str, float], others: set[str]) -> None:
    found = fusion.evened(list(hits.items()), others, fusion.CALIBRATED)
    assert {key for key, _ in found} == set(hits)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
