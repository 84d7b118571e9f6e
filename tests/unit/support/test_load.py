"""What `make bench-load` counts as trouble."""

import time

import httpx
import pytest

from tests.bench.load import Met


@pytest.mark.parametrize(
    ("status", "headers", "wait_s", "is_trouble"),
    [
        (202, {}, 0.0, False),
        (429, {"Retry-After": "3"}, 3.0, False),
        (507, {"Retry-After": "60"}, 60.0, False),
        (503, {}, 1.0, True),
        (500, {"Retry-After": "2"}, 2.0, True),
        (404, {}, 1.0, True),
    ],
)
def test_only_a_refusal_that_says_for_how_long_is_no_trouble(
    status: int, headers: dict[str, str], wait_s: float, *, is_trouble: bool
) -> None:
    met = Met()
    assert met.note("upload", httpx.Response(status, headers=headers), time.monotonic()) == wait_s
    assert met.replies == {f"upload {status}": 1}
    assert (met.trouble.total(), len(met.seconds["upload"])) == (is_trouble, status == 202)
