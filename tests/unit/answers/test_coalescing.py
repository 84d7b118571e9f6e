"""Equal work at the same time is done once, and stops when nobody listens."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import pytest

from kotaemon_async.answers.coalescing import Flights


class Work:
    """Says one word, waits to be let on, says another; counts its starts and ends."""

    def __init__(self, error: Exception | None = None) -> None:
        self.starts = 0
        self.closed = 0
        self.begun = anyio.Event()
        self.go_on = anyio.Event()
        self._error = error

    async def words(self) -> AsyncGenerator[str]:
        self.starts += 1
        try:
            yield "one"
            self.begun.set()
            await self.go_on.wait()
            if self._error:
                raise self._error
            yield "two"
        finally:
            self.closed += 1


async def listen(
    flights: Flights[str], work: Work, heard: list[list[str]], key: str = "k", ends_at_s: float = 10.0
) -> None:
    words: list[str] = []
    heard.append(words)
    async with aclosing(flights.share(key, ends_at_s, work.words)) as shared:
        async for word in shared:
            words.append(word)  # noqa: PERF401 - what was heard before a failure counts


async def test_ten_equal_questions_are_one_flight_and_all_hear_everything() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(listen, flights, work, heard)
        await work.begun.wait()
        work.go_on.set()
    assert (work.starts, heard, flights.running) == (1, [["one", "two"]] * 10, 0)


async def test_who_comes_late_hears_what_was_said_before() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    async with anyio.create_task_group() as group:
        group.start_soon(listen, flights, work, heard)
        await work.begun.wait()
        group.start_soon(listen, flights, work, heard)
        await anyio.wait_all_tasks_blocked()
        work.go_on.set()
    assert (work.starts, heard) == (1, [["one", "two"], ["one", "two"]])


async def test_different_questions_fly_apart() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    work.go_on.set()
    async with anyio.create_task_group() as group:
        group.start_soon(listen, flights, work, heard, "a")
        group.start_soon(listen, flights, work, heard, "b")
    assert work.starts == 2


async def test_the_flight_goes_on_when_the_first_listener_leaves() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    async with anyio.create_task_group() as group, anyio.create_task_group() as first:
        first.start_soon(listen, flights, work, heard)
        await work.begun.wait()
        group.start_soon(listen, flights, work, heard)
        await anyio.wait_all_tasks_blocked()
        first.cancel_scope.cancel()
        work.go_on.set()
    assert (heard[1], work.closed) == (["one", "two"], 1)


async def test_the_work_is_cancelled_when_the_last_listener_leaves() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    async with anyio.create_task_group() as group:
        group.start_soon(listen, flights, work, heard)
        await work.begun.wait()
        group.cancel_scope.cancel()
    assert (heard, work.closed, flights.running) == ([["one"]], 1, 0)


async def test_what_the_work_raises_every_listener_raises() -> None:
    flights, work = Flights[str](), Work(ValueError("no"))
    work.go_on.set()
    with pytest.RaisesGroup(ValueError, ValueError):
        async with anyio.create_task_group() as group:
            group.start_soon(listen, flights, work, [])
            group.start_soon(listen, flights, work, [])
    assert work.starts == 1


async def test_a_flight_that_may_last_past_ones_deadline_is_not_joined() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    async with anyio.create_task_group() as group:
        group.start_soon(listen, flights, work, heard, "k", 30.0)
        await work.begun.wait()
        group.start_soon(listen, flights, work, heard, "k", 5.0)
        await anyio.wait_all_tasks_blocked()
        work.go_on.set()
    assert (work.starts, heard) == (2, [["one", "two"], ["one", "two"]])


async def test_the_next_question_after_the_end_flies_anew() -> None:
    flights, work, heard = Flights[str](), Work(), list[list[str]]()
    work.go_on.set()
    await listen(flights, work, heard)
    await listen(flights, work, heard)
    assert work.starts == 2
