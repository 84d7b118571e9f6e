"""Says no to an upload before its body is read, rather than failing in the middle of it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import anyio
from anyio import to_thread

from kotaemon_async.domain.errors import Refused
from kotaemon_async.resilience.capacity import DiskCapacity
from kotaemon_async.telemetry import metrics

#: Room on the disk is looked for again after so much of a body.
CHECK_EVERY_BYTES: Final = 4 * 1024**2
#: So many uploads may wait for each slot; they are the ones that get it within a moment.
_LINE_FOR_EACH: Final = 4
#: An upload that brought less than that over so long gives way when others wait for its slot.
SLOW_BYTES_PER_S: Final = 1024
_PACE_OVER_S: Final = 3.0
#: One that has not even brought so much by then never really began.
_BEGIN_S: Final = 1.0
_DISK_RETRY_S: Final = 30.0
_MEMORY_RETRY_S: Final = 10.0
_MAX_RETRY_S: Final = 60.0
#: How much the time of one more upload changes what an upload is thought to take, and the first guess.
_NEWEST_PART: Final = 0.2
_FIRST_UPLOAD_S: Final = 0.2


class Slot:
    """The slot of one upload, which knows how much of its body is still to come, and how fast it comes.

    Only the time counts in which it waits for its sender: what the service takes is not the sender's fault.
    """

    def __init__(
        self,
        announced_bytes: int,
        check_capacity: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.coming_bytes = announced_bytes
        #: Whether the upload has to end because it hardly went on and others waited.
        self.gave_way = False
        self._check_capacity = check_capacity
        self._clock = clock
        self._unchecked_bytes = 0
        self._wait: anyio.CancelScope | None = None
        self._wait_began_s = self._waited_s = self._window_began_s = 0.0
        self._window_bytes = self._taken_bytes = 0
        self._bytes_per_s: float | None = None

    async def took(self, size_bytes: int) -> None:
        """Count received bytes of the body. Raises: Refused `disk_full` when no more would fit."""
        self._look_at_pace()
        self._window_bytes += size_bytes
        self._taken_bytes += size_bytes
        self.coming_bytes = max(0, self.coming_bytes - size_bytes)
        self._unchecked_bytes += size_bytes
        if self._unchecked_bytes >= CHECK_EVERY_BYTES:
            self._unchecked_bytes = 0
            await self._check_capacity()

    @contextmanager
    def waiting(self, longest_s: float) -> Iterator[None]:
        """Let the block wait for the sender so long at most; it ends early when the slot gives way."""
        with anyio.move_on_after(longest_s) as wait:
            self._wait, self._wait_began_s = wait, self._clock()
            try:
                yield
            finally:
                self._waited_s, self._wait = self._waited(), None

    @property
    def is_slow(self) -> bool:
        """Return whether it waits for its sender, who sends next to nothing."""
        self._look_at_pace()
        if self._wait is None or self.gave_way:
            return False
        if self._taken_bytes < SLOW_BYTES_PER_S:
            return self._waited() >= _BEGIN_S
        return self._bytes_per_s is not None and self._bytes_per_s < SLOW_BYTES_PER_S

    def give_way(self) -> None:
        """End the upload that waits."""
        if self._wait is not None:
            self.gave_way = True
            self._wait.cancel()

    def _look_at_pace(self) -> None:
        """Take the measure of the waiting since it was last taken, once that is long enough."""
        waited_s = self._waited()
        since_s = waited_s - self._window_began_s
        if since_s >= _PACE_OVER_S:
            self._bytes_per_s = self._window_bytes / since_s
            self._window_began_s, self._window_bytes = waited_s, 0

    def _waited(self) -> float:
        return self._waited_s + (0.0 if self._wait is None else self._clock() - self._wait_began_s)


class Queue:
    """How many documents may wait for a worker; `count` counts them up to a limit."""

    def __init__(self, count: Callable[[int], Awaitable[int]], limit: int) -> None:
        self._count = count
        self._limit = limit

    async def check(self, coming: int) -> None:
        """Check that `coming` more fit in. Raises: Refused `busy`."""
        waiting = await self._count(self._limit)
        if waiting + coming > self._limit:
            # Nobody knows how long a document takes; a longer queue is asked about less often.
            raise Refused(
                "Too many documents wait to be read.",
                code="busy",
                retry_after_s=min(_MAX_RETRY_S, 2 + waiting / 100),
            )


class Admission:
    """At most `max_uploads` at once, and only while disk, memory (`may_start`) and queue have room.

    A few more wait up to `wait_s` for a slot, so that a handful of uploads at once is not refused.
    """

    def __init__(
        self,
        max_uploads: int,
        *,
        capacity: DiskCapacity | None = None,
        may_start: Callable[[], bool] = lambda: True,
        queue: Queue | None = None,
        wait_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limiter = anyio.CapacityLimiter(max_uploads)
        self._capacity = capacity
        self._may_start = may_start
        self._queue = queue
        self._wait_s = wait_s
        self._clock = clock
        self._slots: set[Slot] = set()
        self._upload_s = _FIRST_UPLOAD_S
        self._promised_at_s = 0.0

    @property
    def uploads(self) -> int:
        """Return how many uploads run now."""
        return self._limiter.borrowed_tokens

    @asynccontextmanager
    async def upload(self, announced_bytes: int = 0) -> AsyncIterator[Slot]:
        """Hold a slot for one upload during the block.

        Raises: Refused `busy`, `memory_high` or `disk_full`.
        """
        slot = Slot(announced_bytes, self._check_capacity, self._clock)
        await self._enter(slot)
        began_s = self._clock()
        try:
            yield slot
        finally:
            self._leave(slot)
            self._upload_s += _NEWEST_PART * (self._clock() - began_s - self._upload_s)

    async def _enter(self, slot: Slot) -> None:
        try:
            self._check_memory()
            await self._take(slot)
            try:
                await self._check_capacity()
                if self._queue is not None:
                    await self._queue.check(self.uploads)
            except BaseException:
                self._leave(slot)
                raise
        except Refused as refused:
            metrics.ADMISSION_REJECTIONS.labels(reason=refused.code).inc()
            raise

    async def _take(self, slot: Slot) -> None:
        try:
            self._limiter.acquire_on_behalf_of_nowait(slot)
        except anyio.WouldBlock:
            await self._wait_in_line(slot)
        self._slots.add(slot)

    async def _wait_in_line(self, slot: Slot) -> None:
        if (slow := next((one for one in self._slots if one.is_slow), None)) is not None:
            slow.give_way()
        waiting = self._limiter.statistics().tasks_waiting
        if self._wait_s > 0 and waiting < _LINE_FOR_EACH * self._limiter.total_tokens:
            with anyio.move_on_after(self._wait_s) as waited:
                await self._limiter.acquire_on_behalf_of(slot)
            if not waited.cancelled_caught:
                return
        raise Refused("Too many uploads are running.", code="busy", retry_after_s=self._promise_s())

    def _leave(self, slot: Slot) -> None:
        self._slots.discard(slot)
        self._limiter.release_on_behalf_of(slot)

    def _promise_s(self) -> float:
        """Return when a slot should be free for one more, after all who were given a time already."""
        now_s = self._clock()
        earliest_s = max(now_s, self._promised_at_s)
        self._promised_at_s = earliest_s + self._upload_s / self._limiter.total_tokens
        return min(_MAX_RETRY_S, self._promised_at_s - now_s)

    def _check_memory(self) -> None:
        if not self._may_start():
            message = "Too much memory is in use to take another document."
            hint = "Send it again after the seconds named in Retry-After."
            raise Refused(message, code="memory_high", hint=hint, retry_after_s=_MEMORY_RETRY_S)

    async def _check_capacity(self) -> None:
        if self._capacity is None:
            return
        coming_bytes = sum(slot.coming_bytes for slot in self._slots)
        if not await to_thread.run_sync(self._capacity.may_accept, coming_bytes):
            raise Refused(
                "The data disk has no room for this upload.", code="disk_full", retry_after_s=_DISK_RETRY_S
            )
