"""However a head is cut by the network, its size alone decides whether it is served."""

from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pipes import connected, feed, status_of

LIMIT = 32 * 1024


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _status(head: bytes, cut: int) -> int:
    connection, pipe = connected(app)
    feed(connection, head, cut)
    await anyio.wait_all_tasks_blocked()
    return status_of(pipe)


def head_of(size: int, path: int, fields: int) -> bytes:
    """A whole head of that size, with a path of that length and so many fields beside the one that fills."""
    begin = b"GET /" + b"p" * path + b" HTTP/1.1\r\n" + b"A: b\r\n" * fields + b"X: "
    return begin + b"x" * (size - len(begin) - 4) + b"\r\n\r\n"


@settings(max_examples=60)
@given(
    st.one_of(st.integers(1000, 70_000), st.integers(LIMIT - 3, LIMIT + 3)),
    st.integers(0, 300),
    st.integers(0, 99),
    st.integers(1, 20_000),
)
def test_a_head_is_served_up_to_the_limit_and_refused_above(
    size: int, path: int, fields: int, cut: int
) -> None:
    found = anyio.run(_status, head_of(size, path, fields), cut if size < 5000 else cut + 500)
    assert found == (204 if size <= LIMIT else 431)
