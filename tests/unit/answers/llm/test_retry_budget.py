"""How many second tries are allowed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kotaemon_async.answers.llm.retry_budget import RetryBudget


def taken(budget: RetryBudget, times: int = 100) -> int:
    return sum(budget.take() for _ in range(times))


def test_a_new_link_has_two_tries_in_hand() -> None:
    assert taken(RetryBudget()) == 2


def test_ten_requests_earn_one_try() -> None:
    budget = RetryBudget()
    taken(budget)
    for _ in range(9):
        budget.earn()
    assert not budget.take()
    budget.earn()
    assert (budget.take(), budget.take()) == (True, False)


def test_no_more_than_ten_tries_are_put_by() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn()
    assert taken(budget) == 10


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=300))
def test_tries_stay_a_tenth_of_the_requests(wanted: list[bool]) -> None:
    budget, tries = RetryBudget(), 0
    for is_wanted in wanted:
        budget.earn()
        tries += is_wanted and budget.take()
    assert tries <= 2 + len(wanted) / 10
