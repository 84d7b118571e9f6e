"""A model's link behind its guard: left alone while it is in trouble, tried twice when that may help."""

import random as _random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import anyio

from kotaemon_async.answers.llm.base import Clock, Deadline, Delta, Finish, Link, LinkFailed, Piece, Prompt
from kotaemon_async.answers.llm.guard import Guard
from kotaemon_async.answers.llm.retry_budget import RetryBudget
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.resilience.backoff import backoff_s
from kotaemon_async.telemetry import metrics, traces

#: Longest pause before a second try, and what has to be left of the deadline after it.
_PAUSE_S: Final = 0.2
_NEEDED_S: Final = 1.0
#: A link that says nothing for this long has failed, even when the question's deadline ended the wait.
FAIR_WAIT_S: Final = 5.0
#: Timers may ring a little early.
_EARLY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Timing:
    """What time is made of; tests bring their own."""

    clock: Clock = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    random: Callable[[], float] = _random.random


class GuardedLink:
    """A link that raises NotAsked while its guard keeps questions away from it."""

    def __init__(self, link: Link, timing: Timing) -> None:
        self.link = link
        self.guard = Guard(link.name, clock=timing.clock)
        self._budget = RetryBudget()
        self._timing = timing

    @property
    def name(self) -> str:
        """The link's own name."""
        return self.link.name

    @property
    def served_by(self) -> ServedBy:
        """As the link behind it."""
        return self.link.served_by

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Deltas and one Finish, of the first or, when that broke before its first word, of a second try."""
        if (refusal := self.guard.refusal()) is not None:
            raise refusal
        self._budget.earn()
        sent = False
        try:
            async with aclosing(self._try(prompt, deadline)) as pieces:
                async for piece in pieces:
                    sent = True
                    yield piece
        except Unavailable as error:
            if sent or not await self._may_try_again(error, deadline):
                raise
        else:
            return
        async with aclosing(self._try_again(prompt, deadline)) as pieces:
            async for piece in pieces:
                yield piece

    async def _try(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """One call that was let through, and its report to the guard."""
        started_s, sent, reported = deadline.clock(), False, False
        try:
            async with aclosing(self.link.stream(prompt, deadline)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finish):
                        self.guard.succeeded()
                        reported = True
                    sent = sent or isinstance(piece, Delta)
                    yield piece
            if not reported:
                raise LinkFailed("the answer ended without a finish")
        except Unavailable as error:
            waited_s = deadline.clock() - started_s
            if not reported and not _ended_by_question(error, deadline, sent or waited_s < FAIR_WAIT_S):
                self.guard.failed(error)
                reported = True
            raise
        finally:
            if not reported:  # the client has gone, or it is a bug of ours
                self.guard.forgot()

    async def _may_try_again(self, error: Unavailable, deadline: Deadline) -> bool:
        """After a short pause: whether a second call was let through."""
        if (
            not (isinstance(error, LinkFailed) and error.heals)
            or error.retry_after_s
            or not self.guard.is_well
        ):
            return False
        pause_s = backoff_s(1, base_s=_PAUSE_S, cap_s=_PAUSE_S, random=self._timing.random)
        if deadline.left_s() < pause_s + _NEEDED_S:
            self._count("no_time")
            return False
        if not self._budget.take():
            self._count("no_budget")
            return False
        await self._timing.sleep(pause_s)
        return self.guard.refusal() is None

    async def _try_again(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        try:
            async with aclosing(self._try(prompt, deadline)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finish):
                        self._count("healed")
                    yield piece
        except Unavailable:
            self._count("failed")
            raise

    def _count(self, outcome: str) -> None:
        metrics.LLM_RETRIES.labels(link=self.name, outcome=outcome).inc()
        traces.event("retry", link=self.name, outcome=outcome)


def _ended_by_question(error: Unavailable, deadline: Deadline, is_spared: bool) -> bool:
    """Whether only the question's own deadline was too short, which says nothing about the link."""
    return is_spared and error.code == "timeout" and deadline.left_s() < _EARLY_S
