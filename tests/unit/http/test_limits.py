"""How much one user may take, and what replies tell of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.limits import Buckets, Standing, StreamPlaces
from tests.support.clock import Clock


def test_a_minutes_requests_may_come_at_once_and_then_evenly() -> None:
    clock = Clock()
    buckets = Buckets(60, clock)
    waits = [buckets.take("alice")[1] for _ in range(61)]
    assert waits == [0] * 60 + [1]
    clock.now_s += 1
    assert [buckets.take("alice")[1] for _ in range(2)] == [0, 1]


def test_each_user_has_a_bucket_of_his_own() -> None:
    buckets = Buckets(1, Clock())
    assert [buckets.take(user)[1] for user in ("alice", "bob", "alice")] == [0, 0, 60]


@given(st.lists(st.floats(0, 20), max_size=60))
def test_no_more_get_through_in_any_time_than_are_allowed(pauses: list[float]) -> None:
    clock = Clock()
    buckets, taken = Buckets(6, clock), 0
    for pause in pauses:
        clock.now_s += pause
        taken += buckets.take("alice")[1] == 0
    assert taken <= 6 + sum(pauses) / 10 + 1e-6


def test_only_so_many_users_are_remembered() -> None:
    buckets = Buckets(1, Clock())
    for number in range(10_001):
        buckets.take(str(number))
    assert buckets.take("0")[1] == 0
    assert buckets.take("10000")[1] == 60


def test_the_standing_is_told_in_the_drafts_words_and_in_the_older_ones() -> None:
    assert Standing("questions", 120, 7, 57).headers() == {
        "RateLimit-Policy": '"questions";q=120;w=60',
        "RateLimit": '"questions";r=7;t=57',
        "RateLimit-Limit": "120",
        "RateLimit-Remaining": "7",
        "RateLimit-Reset": "57",
    }


def test_a_user_has_so_many_streams_and_gets_a_place_back() -> None:
    places = StreamPlaces(1, 10)
    with places.held("alice"):
        with pytest.raises(Refused) as refused, places.held("alice"):
            pass
        with places.held("bob"):
            pass
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limited", 10)
    with places.held("alice"):
        pass


def test_nobody_known_has_only_the_limit_of_all() -> None:
    places = StreamPlaces(1, 2)
    with places.held(""), places.held(""), pytest.raises(Refused), places.held(""):
        pass
