"""Stops calling a neighbour that fails, and finds out by single calls when it is back."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Literal

from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.telemetry import metrics

State = Literal["closed", "half_open", "open"]

WINDOW_CALLS: Final = 20
MIN_CALLS: Final = 5
FAILURE_RATIO: Final = 0.5
FIRST_OPEN_S: Final = 5.0
MAX_OPEN_S: Final = 120.0
#: A neighbour that asks for more than this is asked again all the same.
MAX_RETRY_AFTER_S: Final = 600.0

_GAUGE: Final[dict[State, int]] = {"closed": 0, "half_open": 1, "open": 2}


class Breaker:
    """Closed until half of the last 20 calls (at least 5) failed; then open for 5 s, doubling to 120 s.

    After that one call at a time goes through; the first good one closes it. Every call that was
    allowed ends with success(), failure() or, when it was cancelled, forget().
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._clock = clock
        self._calls: deque[bool] = deque(maxlen=WINDOW_CALLS)  # True: failed
        self._open_until_s: float | None = None
        self._open_s = FIRST_OPEN_S
        self._probe_until_s: float | None = None
        self._show("closed")

    @property
    def state(self) -> State:
        """Return the state; it is `half_open` as soon as a probe may go through."""
        if self._open_until_s is None:
            return "closed"
        return "half_open" if self._clock() >= self._open_until_s else "open"

    @property
    def retry_after_s(self) -> float:
        """Return the seconds until a call may go through again, 0 when it may now."""
        if self._open_until_s is None:
            return 0.0
        return max(0.0, self._open_until_s - self._clock(), (self._probe_until_s or 0.0) - self._clock())

    def status(self) -> dict[str, object]:
        """Return `state`, `retry_in_s` and, while it is open, the `code` of its component."""
        found: dict[str, object] = {"state": self.state, "retry_in_s": round(self.retry_after_s, 3)}
        return {**found, "code": f"{self.name}_unavailable"} if self.state == "open" else found

    def allow(self) -> bool:
        """Return whether to make the call; half open, only one caller at a time may."""
        state = self.state
        if state == "half_open":
            now_s = self._clock()
            if self._probe_until_s is not None and now_s < self._probe_until_s:
                return False
            # A probe that never reports must not keep the breaker half open for ever.
            self._probe_until_s = now_s + self._open_s
            self._show("half_open")
        return state != "open"

    def success(self) -> None:
        """Record that the call succeeded."""
        state = self.state
        if state == "closed":
            self._calls.append(False)
        elif state == "half_open":
            self._close()
        # else: it was started before the breaker opened and says nothing about now

    def failure(self, retry_after_s: float | None = None) -> None:
        """Record that the neighbour failed; `retry_after_s` opens at once for at least that long."""
        state = self.state
        asked_s = min(retry_after_s or 0.0, MAX_RETRY_AFTER_S)
        if state == "closed":
            self._calls.append(True)
            if asked_s > 0 or self._too_many():
                self._open(max(self._open_s, asked_s))
        elif state == "half_open":
            self._open_s = min(self._open_s * 2, MAX_OPEN_S)
            self._open(max(self._open_s, asked_s))
        elif self._open_until_s is not None:
            self._open_until_s = max(self._open_until_s, self._clock() + asked_s)

    def forget(self) -> None:
        """Release a call that was given up and says nothing about the neighbour; the next may probe."""
        self._probe_until_s = None

    @contextmanager
    def watching(self, is_excused: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Record how a call that was allowed ends: Unavailable and TimeoutError are failures.

        Cancelled, broken by a bug or `is_excused` afterwards, it says nothing about the neighbour.
        """
        report: Callable[[], None] = self.forget
        try:
            yield
            report = self.success
        except (Unavailable, TimeoutError) as error:
            retry_after_s = error.retry_after_s if isinstance(error, Unavailable) else None
            report = partial(self.failure, retry_after_s)
            raise
        finally:
            if is_excused():
                report = self.forget
            report()

    def reset(self) -> None:
        """Close the breaker and forget its calls: the neighbour is another one than before."""
        self._calls.clear()
        if self._open_until_s is not None:
            self._close()

    def _too_many(self) -> bool:
        return len(self._calls) >= MIN_CALLS and sum(self._calls) >= FAILURE_RATIO * len(self._calls)

    def _open(self, for_s: float) -> None:
        self._open_until_s = self._clock() + for_s
        self._probe_until_s = None
        self._calls.clear()
        self._show("open")
        logger.bind(component=self.name, open_s=for_s).warning("breaker_opened")

    def _close(self) -> None:
        self._open_until_s = self._probe_until_s = None
        self._open_s = FIRST_OPEN_S
        self._calls.clear()
        self._show("closed")
        logger.bind(component=self.name).info("breaker_closed")

    def _show(self, state: State) -> None:
        metrics.BREAKER_STATE.labels(component=self.name).set(_GAUGE[state])
