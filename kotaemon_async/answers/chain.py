"""The chain of providers: the first that can gives the answer; models stand behind their circuit breakers."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from loguru import logger

from kotaemon_async.answers.events import Restart
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, Finish, NoAnswer, Prompt, Provider
from kotaemon_async.answers.llm.guarded import CircuitOpen, GuardedProvider, ProviderState, Timing
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry import metrics, traces
from kotaemon_async.telemetry.health import Health

P = TypeVar("P", bound=Provider)

MODELS: Final[frozenset[ServedBy]] = frozenset({"primary", "local"})
#: Kept back for the providers that follow, so that a model that hangs cannot use up the whole deadline.
_RESERVE_S: Final = 2.0
_RESERVE_SHARE: Final = 0.25
#: Why a provider begins anew: its words have proved to be thoughts.
THOUGHTS: Final = "thoughts"

#: Why an answer was refused: the sources support nothing that it says.
UNSUPPORTED: Final = "unsupported"

#: Tells whether what a provider has said may be given as the answer.
Accepts = Callable[[Provider, Finish], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Failed:
    """A provider failed; the next one is asked, if there is one."""

    provider: Provider
    error: Unavailable
    text_was_sent: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """A provider works and has no answer to this question; the next one is asked."""

    provider: Provider


@dataclass(frozen=True, slots=True)
class Completed:
    """A provider gave a whole answer."""

    provider: Provider
    finish: Finish


class Chain:
    """Ordered providers: models, stale cache, extractive, static knowledge; only Unavailable moves on."""

    def __init__(self, providers: Sequence[Provider], timing: Timing | None = None) -> None:
        timing = timing or Timing()
        self._providers = [
            GuardedProvider(one, timing) if one.served_by in MODELS else one for one in providers
        ]

    @property
    def models(self) -> list[GuardedProvider]:
        """Return the models' providers, in order."""
        return [one for one in self._providers if isinstance(one, GuardedProvider)]

    def states(self) -> dict[str, ProviderState]:
        """Return the state of each model's provider, by name, in order."""
        return {one.name: one.breaker.state() for one in self.models}

    def next_model(self, link: str | None = None) -> Provider | None:
        """Return the model that a question would be asked of now, that of the `link` if it may be."""
        return next(
            (one for one in _link_first(self.models, link) if one.breaker.state()["retry_in_s"] == 0), None
        )

    def register_in(self, health: Health) -> None:
        """Add the state of each model's provider to the report, without asking it."""
        for model in self.models:
            health.register(f"link.{model.name}", partial(_check, model))

    def _asked(
        self, link: str | None, skip: Collection[ServedBy], only: Collection[ServedBy] | None
    ) -> list[Provider]:
        wanted = (one for one in self._providers if only is None or one.served_by in only)
        return _link_first([one for one in wanted if one.served_by not in skip], link)

    async def stream(
        self,
        prompt: Prompt,
        deadline: Deadline,
        *,
        skip: Collection[ServedBy] = (),
        accepts: Accepts | None = None,
        only: Collection[ServedBy] | None = None,
    ) -> AsyncGenerator[Delta | Restart | Failed | Passed | Completed]:
        """Yield the Deltas of one provider and Completed; Failed or Passed for each that was asked before it.

        A Restart comes as soon as another provider has something to say after text that was broken off. What
        `accepts` refuses has failed, too.
        """
        asked = self._asked(prompt.link, skip, only)
        fallbacks = _Fallbacks()
        broken_off: str | None = None
        for provider, following in zip(asked, [*asked[1:], None], strict=False):
            attempt = _Attempt(provider, accepts, broken_off)
            with traces.child_span(f"link {provider.name}", link=provider.name, served_by=provider.served_by):
                async with aclosing(attempt.stream(prompt, _share(deadline, following))) as said:
                    async for one in said:
                        yield one
                if isinstance(attempt.end, Unavailable) and not isinstance(attempt.end, NoAnswer):
                    traces.mark_failed(attempt.end.code)
            match attempt.end:
                case Finish() as finish:
                    fallbacks.end(provider.name)
                    yield Completed(provider, finish)
                    return
                case NoAnswer():
                    yield Passed(provider)
                case error:
                    fallbacks.add(provider.name, error, following)
                    broken_off = error.code if attempt.was_heard else attempt.broken_off
                    yield Failed(provider, error, attempt.was_heard)
        fallbacks.end("busy")


class _Attempt:
    """What one provider says, and how it ends: with a whole answer that is accepted, or with what failed."""

    def __init__(self, provider: Provider, accepts: Accepts | None, broken_off: str | None) -> None:
        self._provider, self._accepts = provider, accepts
        #: Why the words of an earlier provider are taken back, as soon as this one has some.
        self.broken_off = broken_off
        self.was_heard = False
        self.end: Finish | Unavailable = Unavailable(
            "the answer ended without a finish", code="llm_unavailable"
        )

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Delta | Restart]:
        """Yield what is said; `end` tells the rest afterwards."""
        try:
            async with aclosing(self._provider.stream(prompt, deadline)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finish):
                        self.end = await self._judged(piece)
                        return
                    for said in self._said(piece):
                        yield said
        except Unavailable as error:
            self.end = error

    async def _judged(self, finish: Finish) -> Finish | Unavailable:
        if self._accepts is None or await self._accepts(self._provider, finish):
            return finish
        return Unavailable("the sources support nothing of it", code=UNSUPPORTED)

    def _said(self, piece: Delta | Anew) -> Iterator[Delta | Restart]:
        provider = self._provider
        if isinstance(piece, Anew):
            if self.was_heard:
                yield Restart(provider.name, THOUGHTS)
            self.was_heard = False
            return
        if self.broken_off is not None:
            yield Restart(provider.name, self.broken_off)
        self.was_heard, self.broken_off = True, None
        link = provider.name if provider.served_by in MODELS else None
        yield replace(piece, served_by=provider.served_by, link=link)


def _link_first(providers: Sequence[P], link: str | None) -> list[P]:
    """Return the providers with the model of the link, if it is among them, before the others."""
    return sorted(providers, key=lambda one: not (one.name == link and one.served_by in MODELS))


class _Fallbacks:
    """Counts one step from each provider that failed to the next one that did not just pass."""

    def __init__(self) -> None:
        self._failed: tuple[str, str] | None = None

    def add(self, name: str, error: Unavailable, following: Provider | None) -> None:
        """Report a failure and which provider is tried next."""
        self.end(name)
        self._failed = name, error.code
        target = following.name if following else "busy"
        traces.event("fallback", source=name, target=target, reason=error.code)
        log = logger.bind(component=name, code=error.code, to=target)
        # A provider that is left alone has been reported when it failed, not with every question.
        log.log("DEBUG" if isinstance(error, CircuitOpen) else "WARNING", "link_failed")

    def end(self, target: str) -> None:
        """Count the step that led to the target, if any did."""
        if self._failed is not None:
            source, reason = self._failed
            metrics.FALLBACKS.labels(**{"from": source, "to": target, "reason": reason}).inc()
        self._failed = None


def _share(deadline: Deadline, following: Provider | None) -> Deadline:
    if following is None:
        return deadline
    return deadline.earlier(min(_RESERVE_S, deadline.left_s() * _RESERVE_SHARE))


async def _check(model: GuardedProvider) -> dict[str, object]:
    """Return a model's state; one that is left alone carries its code, which makes it degraded."""
    found = {key: value for key, value in model.breaker.state().items() if value is not None}
    return {"last_success_age_s": None, **found}
