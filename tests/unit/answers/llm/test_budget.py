"""The budget of prompts learns from what the server tells, counts and refuses."""

import pytest

from kotaemon_async.answers.llm.base import PromptTooLong
from kotaemon_async.answers.llm.budget import TokenBudget, context_of


def test_a_small_context_bounds_the_budget_and_a_large_one_does_not() -> None:
    budget = TokenBudget(3_200)
    budget.told_context(2_048)
    assert budget.tokens() == 1_536
    budget.told_context(131_072)
    assert budget.tokens() == 3_200


@pytest.mark.parametrize(("counted", "tokens"), [(1_000, 3_200), (2_000, 1_600), (50, 3_200), (10**6, 800)])
def test_a_model_that_counts_more_tokens_gets_less(counted: int, tokens: int) -> None:
    budget = TokenBudget(3_200)
    budget.counted(1_000, counted)
    assert budget.tokens() == tokens


def test_a_refusal_with_numbers_is_met_at_once_and_remembered() -> None:
    budget = TokenBudget(3_200)
    fits = budget.after_refusal(3_000, PromptTooLong("", context_tokens=2_000, prompt_tokens=4_500))
    assert (fits, budget.tokens()) == (900, 1_000)


def test_a_refusal_without_numbers_halves_this_prompt_alone() -> None:
    budget = TokenBudget(3_200)
    assert (budget.after_refusal(3_000, PromptTooLong("")), budget.tokens()) == (1_500, 3_200)


def test_a_refused_prompt_always_becomes_shorter() -> None:
    refusal = PromptTooLong("", context_tokens=100_000)
    assert TokenBudget(3_200).after_refusal(1_000, refusal) == 900


@pytest.mark.parametrize(
    ("models", "context"),
    [
        ({"data": [{"id": "m", "max_model_len": 4096}]}, 4096),
        ({"data": [{"id": "x", "context_length": 1}, {"id": "m", "context_length": 8192}]}, 8192),
        ({"data": [{"id": "other-name", "meta": {"n_ctx": 2048}}]}, 2048),
        ({"data": [{"id": "a", "context_window": 1}, {"id": "b", "context_window": 2}]}, None),
        ({"data": [{"id": "m"}]}, None),
        ({"data": [{"id": "m", "context_length": "many"}]}, None),
        ({"data": "none"}, None),
        ([1], None),
        (None, None),
    ],
)
def test_the_context_is_read_from_a_list_of_models_of_any_shape(models: object, context: int | None) -> None:
    assert context_of(models, "m") == context
