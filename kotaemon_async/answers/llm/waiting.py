"""How every model's link waits: for a place of its own, and for what has to come by a deadline."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from kotaemon_async.answers.llm.base import Deadline, LinkFailed


class Places:
    """At most so many calls at once; those beyond wait."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._limiter = anyio.CapacityLimiter(count)

    @asynccontextmanager
    async def one(self, due: Deadline) -> AsyncIterator[None]:
        """A place for the block; raises LinkFailed `busy`, nobody's fault, when none is free in time."""
        # On behalf of an object: a generator may be closed by another task than the one that started it.
        holder = object()
        try:
            self._limiter.acquire_on_behalf_of_nowait(holder)
        except anyio.WouldBlock:
            await self._wait(holder, due)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(holder)

    async def _wait(self, holder: object, due: Deadline) -> None:
        with anyio.move_on_after(due.left_s()) as waiting:
            await self._limiter.acquire_on_behalf_of(holder)
        if waiting.cancelled_caught:
            raise LinkFailed(f"all {self._count} places of the link are taken", code="busy", blame="nobody")

    @property
    def taken(self) -> int:
        """How many calls run."""
        return self._limiter.borrowed_tokens


class time_limit:  # noqa: N801 - reads as the statement it is
    """Cancels the block at the deadline and raises LinkFailed `timeout` instead."""

    def __init__(self, deadline: Deadline, message: str) -> None:
        self._scope = anyio.move_on_after(deadline.left_s())
        self._message = message

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        handled = self._scope.__exit__(*error)
        if self._scope.cancelled_caught:
            raise LinkFailed(self._message, code="timeout")
        return handled
