"""Equal work at the same time is done once, and stops when nobody waits for it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import pytest

from kotaemon_async.answers.coalescing import RequestCoalescing


class Work:
    """Says one word, waits to be let on, says another; counts its starts and ends; what is shared of it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.starts = 0
        self.closed = 0
        self.begun = anyio.Event()
        self.go_on = anyio.Event()
        self._error = error
        self.coalescing = RequestCoalescing[str]()
        self.received: list[list[str]] = []

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

    async def subscribe(self, key: str = "k", ends_at_s: float = 10.0) -> None:
        words: list[str] = []
        self.received.append(words)
        async with aclosing(self.coalescing.share(key, ends_at_s, self.words)) as shared:
            async for word in shared:
                words.append(word)  # noqa: PERF401 - what was received before a failure counts


async def test_ten_equal_questions_are_one_piece_of_work_and_all_get_everything() -> None:
    work = Work()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(work.subscribe)
        await work.begun.wait()
        work.go_on.set()
    assert (work.starts, work.received, work.coalescing.running) == (1, [["one", "two"]] * 10, 0)


async def test_who_comes_late_gets_what_came_before() -> None:
    work = Work()
    async with anyio.create_task_group() as group:
        group.start_soon(work.subscribe)
        await work.begun.wait()
        group.start_soon(work.subscribe)
        await anyio.wait_all_tasks_blocked()
        work.go_on.set()
    assert (work.starts, work.received) == (1, [["one", "two"], ["one", "two"]])


async def test_different_questions_are_worked_on_apart() -> None:
    work = Work()
    work.go_on.set()
    async with anyio.create_task_group() as group:
        group.start_soon(work.subscribe, "a")
        group.start_soon(work.subscribe, "b")
    assert work.starts == 2


async def test_the_work_goes_on_when_the_first_subscriber_leaves() -> None:
    work = Work()
    async with anyio.create_task_group() as group, anyio.create_task_group() as first:
        first.start_soon(work.subscribe)
        await work.begun.wait()
        group.start_soon(work.subscribe)
        await anyio.wait_all_tasks_blocked()
        first.cancel_scope.cancel()
        work.go_on.set()
    assert (work.received[1], work.closed) == (["one", "two"], 1)


async def test_the_work_is_cancelled_when_the_last_subscriber_leaves() -> None:
    work = Work()
    async with anyio.create_task_group() as group:
        group.start_soon(work.subscribe)
        await work.begun.wait()
        group.cancel_scope.cancel()
    assert (work.received, work.closed, work.coalescing.running) == ([["one"]], 1, 0)


async def test_what_the_work_raises_every_subscriber_raises() -> None:
    work = Work(ValueError("no"))
    work.go_on.set()
    with pytest.RaisesGroup(ValueError, ValueError):
        async with anyio.create_task_group() as group:
            group.start_soon(work.subscribe)
            group.start_soon(work.subscribe)
    assert work.starts == 1


async def test_work_that_may_last_past_ones_deadline_is_not_joined() -> None:
    work = Work()
    async with anyio.create_task_group() as group:
        group.start_soon(work.subscribe, "k", 30.0)
        await work.begun.wait()
        group.start_soon(work.subscribe, "k", 5.0)
        await anyio.wait_all_tasks_blocked()
        work.go_on.set()
    assert (work.starts, work.received) == (2, [["one", "two"], ["one", "two"]])


async def test_the_next_question_after_the_end_is_worked_on_anew() -> None:
    work = Work()
    work.go_on.set()
    await work.subscribe()
    await work.subscribe()
    assert work.starts == 2
