"""Finds out what holds the event loop up: a thread looks at the loop's stack while it does not turn.

The stack is taken while the blocking code still runs, with the trace that it works for; afterwards nobody
could tell any more. A place is logged once, then counted, and again after REPEAT_S.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.resilience import faults
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.traces import TASK_TRACES

#: The loop may be held up for this long (promise P5).
LIMIT_S: Final = 0.25
BEAT_S: Final = 0.1
REPEAT_S: Final = 600.0
#: Places that are remembered as logged.
_PLACES: Final = 256
#: Innermost frames that are logged.
_FRAMES: Final = 12


@dataclass(frozen=True, slots=True)
class Stall:
    """The loop's thread, caught while it was held up."""

    place: str
    stack: tuple[str, ...]
    trace_id: str


class StallDetector:
    """Beats in the loop, and a thread that misses the beats."""

    def __init__(
        self,
        *,
        limit_s: float = LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._beat_at_s = clock()
        self._looked_at_s = clock()
        self._held_since_s: float | None = None
        self._logged_at_s: dict[str, float] = {}

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Watch the loop that it runs in until cancelled."""
        over = threading.Event()
        loop, loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._beat_at_s = self._looked_at_s = self._clock()

        def watch() -> None:
            while not over.wait(BEAT_S):
                self.check(lambda: _held(loop, loop_thread))

        thread = threading.Thread(target=watch, name="stall-watch", daemon=True)
        thread.start()
        try:
            while True:
                self.beat()
                faults.hit("stalls.beat")
                await sleep(BEAT_S)
        finally:
            over.set()
            thread.join()

    def beat(self) -> None:
        """Note that the loop turns; a stall that was seen is over."""
        now_s = self._clock()
        since_s, self._held_since_s = self._held_since_s, None
        self._beat_at_s = now_s
        if since_s is not None:
            logger.bind(component="event_loop", duration_s=round(now_s - since_s, 3)).info("loop_turns_again")

    def check(self, held: Callable[[], Stall]) -> None:
        """Log once what holds the loop, when its beat is overdue."""
        now_s, since_s = self._clock(), self._beat_at_s
        asked_s, self._looked_at_s = now_s - self._looked_at_s, now_s
        if now_s - since_s < BEAT_S + self._limit_s or self._held_since_s is not None:
            return
        if asked_s > BEAT_S + self._limit_s:
            return  # this thread slept too long as well: the machine was busy or asleep, not the loop
        self._held_since_s = since_s
        metrics.LOOP_STALLS.inc()
        self._log(held(), now_s, now_s - since_s)

    def _log(self, held: Stall, now_s: float, for_s: float) -> None:
        if now_s - self._logged_at_s.get(held.place, -REPEAT_S) < REPEAT_S:
            return
        if len(self._logged_at_s) >= _PLACES:
            self._logged_at_s.clear()
        self._logged_at_s[held.place] = now_s
        bound = logger.bind(component="event_loop", place=held.place, stack=list(held.stack))
        bound = bound.bind(duration_s=round(for_s, 3), trace_id=held.trace_id or None)
        bound.warning("loop_stalled")


def _held(loop: asyncio.AbstractEventLoop, thread: int) -> Stall:
    frame = sys._current_frames().get(thread)
    trace_id = TASK_TRACES.trace_of(asyncio.current_task(loop))
    return Stall(_place(frame), _lines(frame), trace_id)


def _place(frame: FrameType | None) -> str:
    """Return file and function of the innermost frame, without its line: a loop is one place."""
    return f"{frame.f_code.co_filename}:{frame.f_code.co_name}" if frame else "unknown"


def _lines(frame: FrameType | None) -> tuple[str, ...]:
    """Return file, line and function of the innermost frames, outermost first; no source and no values."""
    summary = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=_FRAMES, lookup_lines=False)
    return tuple(f"{one.filename}:{one.lineno} {one.name}" for one in reversed(summary))
