"""A model's provider behind its circuit breaker: left alone in trouble, tried twice when that may help."""

import random as _random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

import anyio
from loguru import logger

from kotaemon_async.answers.llm.base import (
    Anew,
    Clock,
    Deadline,
    FaultSource,
    Finish,
    NoAnswer,
    Piece,
    Prompt,
    Provider,
    ProviderFailed,
)
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.resilience.backoff import backoff_s
from kotaemon_async.resilience.breaker import Breaker
from kotaemon_async.telemetry import metrics, traces

#: A provider whose settings are wrong is asked again after this long, by one question.
ASK_AGAIN_S: Final = 300.0
#: So many refusals in a row that may be the prompt's fault are the settings' fault.
REFUSALS: Final = 3
#: So many failures in a row, of which nothing good came since, make a provider that is not well.
FAILURES: Final = 2
#: A provider that says nothing for this long has failed, even when the question's deadline ended the wait.
FAIR_WAIT_S: Final = 5.0
#: Timers may fire a little early.
_EARLY_S: Final = 0.05
#: Longest pause before a second try, and what has to be left of the deadline after it.
_PAUSE_S: Final = 0.2
_NEEDED_S: Final = 1.0
#: Source of a failure that does not name it itself.
_FAULT_BY_CODE: Final[dict[str, FaultSource]] = {"misconfigured": "setting", "busy": "nobody"}


ProviderStatus = Literal["closed", "open", "half_open", "misconfigured"]


class ProviderState(TypedDict):
    """What is known about a provider; `code` and `message` say why it is not well."""

    state: ProviderStatus
    code: str | None
    message: str | None
    retry_in_s: float
    last_success_age_s: float | None


class CircuitOpen(Unavailable):
    """The provider was left alone; the code is the one of its last failure."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What time is made of; tests bring their own."""

    clock: Clock = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    random: Callable[[], float] = _random.random


class GuardedProvider:
    """A provider that raises CircuitOpen while questions are kept away from it."""

    def __init__(self, provider: Provider, timing: Timing) -> None:
        self.name: str = provider.name
        self.served_by: ServedBy = provider.served_by
        self.breaker = ProviderBreaker(provider.name, clock=timing.clock)
        self._provider = provider
        self._budget = RetryBudget()
        self._timing = timing

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Yield Deltas and one Finish, of a second call when the first broke before its first word."""
        if (refusal := self.breaker.refusal()) is not None:
            raise refusal
        self._budget.earn()
        asked_s = deadline.clock()
        is_retry = False
        while True:
            call = _Call(self.breaker, deadline)
            try:
                with call:
                    async with aclosing(self._provider.stream(prompt, deadline)) as pieces:
                        async for piece in pieces:
                            if call.takes_first(piece) and not prompt.history:
                                waited_s = deadline.clock() - asked_s
                                metrics.LLM_TTFT.labels(link=self.name).observe(waited_s)
                            if is_retry and isinstance(piece, Finish):
                                self._count_retry("healed")
                            yield piece
            except Unavailable as error:
                if is_retry:
                    self._count_retry("failed")
                if is_retry or call.has_begun or not await self._may_try_again(error, deadline):
                    raise
                is_retry = True
            else:
                return

    async def tried(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Yield the pieces of one call, made even while questions are kept away; a whole one lets them in."""
        with (call := _Call(self.breaker, deadline)):
            async with aclosing(self._provider.stream(prompt, deadline)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finish):
                        self.breaker.reset()
                    call.takes_first(piece)
                    yield piece

    async def _may_try_again(self, error: Unavailable, deadline: Deadline) -> bool:
        """Wait a moment and return whether a second call was let through."""
        if not (isinstance(error, ProviderFailed) and error.transient):
            return False
        if error.retry_after_s or not self.breaker.is_well:
            return False
        pause_s = backoff_s(1, base_s=_PAUSE_S, cap_s=_PAUSE_S, random=self._timing.random)
        if deadline.left_s() < pause_s + _NEEDED_S:
            self._count_retry("no_time")
            return False
        if not self._budget.take():
            self._count_retry("no_budget")
            return False
        await self._timing.sleep(pause_s)
        return self.breaker.refusal() is None

    def _count_retry(self, outcome: str) -> None:
        metrics.LLM_RETRIES.labels(link=self.name, outcome=outcome).inc()
        traces.event("retry", link=self.name, outcome=outcome)


class _Call:
    """One call that was let through, which reports to the breaker once, however it ends."""

    def __init__(self, breaker: "ProviderBreaker", deadline: Deadline) -> None:
        self.has_begun = False
        self._breaker = breaker
        self._deadline = deadline
        self._started_s = deadline.clock()
        self._is_reported = False

    def takes_first(self, piece: Piece) -> bool:
        """Note a piece and return whether it is the first one with text."""
        if isinstance(piece, Finish):
            self._breaker.succeeded()
            self._is_reported = True
            return False
        if isinstance(piece, Anew):
            return False
        is_first, self.has_begun = not self.has_begun, True
        return is_first

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._is_reported:
            return
        if error is None:
            error = ProviderFailed("the answer ended without a finish")
            self._breaker.failed(error)
            raise error
        if isinstance(error, Unavailable) and not self._was_too_short(error):
            self._breaker.failed(error)
        else:  # the client has gone, or it is a bug of ours
            self._breaker.forgot()

    def _was_too_short(self, error: Unavailable) -> bool:
        """Return whether only the question's own deadline was too short, not the provider."""
        waited_s = self._deadline.clock() - self._started_s
        is_spared = self.has_begun or waited_s < FAIR_WAIT_S
        return is_spared and error.code == "timeout" and self._deadline.left_s() < _EARLY_S


class ProviderBreaker:
    """Lets a call through or says why not: a circuit breaker, and the mark of a wrong setting.

    Every call let through ends with one report: succeeded(), failed() or, given up, forgot().
    """

    def __init__(self, name: str, *, clock: Clock = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._breaker = Breaker(name, clock=clock)
        self._last: Unavailable | None = None
        self._mark: Unavailable | None = None
        self._doubt: Unavailable | None = None
        self._ask_again_at_s = 0.0
        self._refusals = 0
        self._failed_in_a_row = 0
        self._succeeded_at_s: float | None = None

    @property
    def is_well(self) -> bool:
        """Return whether calls go through freely."""
        return self._mark is None and self._breaker.state == "closed"

    def refusal(self) -> CircuitOpen | None:
        """Return why the provider is not asked now; None lets one call through."""
        now_s = self._clock()
        if self._mark is not None and now_s < self._ask_again_at_s:
            return _circuit_open(self._mark, self._ask_again_at_s - now_s)
        if not self._breaker.allow():
            return _circuit_open(self._mark or self._last, self._breaker.retry_after_s)
        if self._mark is not None:
            self._ask_again_at_s = now_s + ASK_AGAIN_S  # this call is the probe, others keep waiting
        return None

    def succeeded(self) -> None:
        """Report a whole answer."""
        self._breaker.success()
        self._succeeded_at_s = self._clock()
        self._refusals, self._failed_in_a_row, self._doubt = 0, 0, None
        if self._mark is not None:
            self._mark = None
            logger.bind(component=self._name).info("link_corrected")

    def reset(self) -> None:
        """Close the breaker, as somebody saw to it that the provider works."""
        self._breaker.reset()

    def failed(self, error: Unavailable) -> None:
        """Report a failed call; what follows depends on whose fault it was."""
        fault = fault_of(error)
        if fault == "nobody":
            return self.forgot()
        if fault == "server":
            self._last = error
            self._failed_in_a_row += 1
            self._refusals, self._doubt = 0, None
            self._breaker.failure(error.retry_after_s)
            self._give_probe_back()
            return None
        self._breaker.forget()
        self._refusals += 1
        self._doubt = error
        if fault == "setting" or self._mark is not None or self._refusals >= REFUSALS:
            self._set_mark(error)
        return None

    def forgot(self) -> None:
        """Report a call that was given up and says nothing about the provider."""
        self._breaker.forget()
        self._give_probe_back()

    def state(self) -> ProviderState:
        """Return what a health report says of it; `retry_in_s` is the time until it is asked again."""
        state, reason, wait_s = self._state()
        success_s = self._succeeded_at_s
        return ProviderState(
            state=state,
            code=reason.code if reason else None,
            message=reason.message if reason else None,
            retry_in_s=round(wait_s, 3),
            last_success_age_s=None if success_s is None else round(self._clock() - success_s, 3),
        )

    def _state(self) -> tuple[ProviderStatus, Unavailable | None, float]:
        if self._mark is not None:
            return "misconfigured", self._mark, max(0.0, self._ask_again_at_s - self._clock())
        state = self._breaker.state
        if self._doubt is not None and state == "closed":
            return "misconfigured", self._doubt, 0.0  # reported, though the next prompt may do
        # Below the breaker's threshold one failure among good calls does not count.
        is_reason = state != "closed" or self._succeeded_at_s is None or self._failed_in_a_row >= FAILURES
        return state, self._last if is_reason else None, self._breaker.retry_after_s

    def _set_mark(self, error: Unavailable) -> None:
        if self._mark is None:
            logger.bind(component=self._name, code=error.code, reason=error.message).warning(
                "link_misconfigured"
            )
        self._mark = error
        self._ask_again_at_s = self._clock() + ASK_AGAIN_S

    def _give_probe_back(self) -> None:
        # The setting is still unproven; from here on the breaker alone decides when to ask.
        if self._mark is not None:
            self._ask_again_at_s = self._clock()


def fault_of(error: Unavailable) -> FaultSource:
    """Return whose fault it is; an error that does not say so is judged by its code."""
    if isinstance(error, ProviderFailed):
        return error.fault
    return "nobody" if isinstance(error, NoAnswer) else _FAULT_BY_CODE.get(error.code, "server")


def _circuit_open(reason: Unavailable | None, wait_s: float) -> CircuitOpen:
    code, message = (reason.code, reason.message) if reason else ("llm_unavailable", "it failed")
    return CircuitOpen(f"not asked for {wait_s:.0f} s: {message}", code=code, retry_after_s=wait_s)


class RetryBudget:
    """A tenth of a second try for every request; two to begin with, never more than ten in hand.

    So retries never multiply the load of a server in trouble.
    """

    #: In requests: a second try costs what this many first ones earn, which makes 10 % of them.
    COST: Final = 10

    def __init__(self) -> None:
        self._earned = 2 * self.COST

    def earn(self) -> None:
        """Count a request."""
        self._earned = min(10 * self.COST, self._earned + 1)

    def take(self) -> bool:
        """Return whether a second try may be made now; if so it is paid for."""
        if self._earned < self.COST:
            return False
        self._earned -= self.COST
        return True
