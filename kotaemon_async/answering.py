"""From a question to a cited answer: passages, the chain, quotes that stand on their page, the record."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio
from loguru import logger

from kotaemon_async.errors import KotaemonError, Unavailable
from kotaemon_async.grounding import Pages, cite, standing
from kotaemon_async.llm import phrases
from kotaemon_async.llm.base import Clock, Deadline, Delta, Link, Prompt
from kotaemon_async.llm.chain import Chain, Ended, Moved
from kotaemon_async.model import Answer, Found, Mode, Passage, Reason, Scope, ServedBy, new_id
from kotaemon_async.telemetry import metrics, traces

_RETRIEVAL_SHARE = 0.5
_SAVE_TIMEOUT_S = 2.0
_MODELS: frozenset[ServedBy] = frozenset({"primary", "local"})


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, where to look, and how long it may take."""

    question: str
    scope: Scope = field(default_factory=Scope)
    conversation_id: str | None = None
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """What the answer will rest on, and what was missing while looking."""

    passages: tuple[Passage, ...]
    degraded: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Forget the text so far: another link starts a whole new answer; `reason` is a code from CODES."""

    link: str
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The whole answer; its text is the one to keep."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Interrupted:
    """No link could finish; the answer holds what was sent and must not be shown as complete."""

    answer: Answer


Event = PassagesFound | Delta | Restart | Done | Interrupted


class Searches(Protocol):
    """The part of Retrieval that answering needs."""

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found: ...


class Records(Pages, Protocol):
    """The part of the ledger that answering needs."""

    async def save_answer(self, answer: Answer, conversation_id: str | None, now_s: float) -> None: ...


class _State:
    """One question on its way to its answer."""

    def __init__(self, ask: Ask, now_s: float, deadline: Deadline) -> None:
        self.ask = ask
        self.id = new_id("ans", now_s)
        self.deadline = deadline
        self.started_s = deadline.clock()
        self.passages: tuple[Passage, ...] = ()
        self.searched = False
        self.reasons: list[Reason] = []
        self.timings_s: dict[str, float] = {}
        self.text = ""
        self.sent_by: ServedBy = "busy"
        self.restart: Restart | None = None

    def mark(self, name: str) -> None:
        """Notes when something happened for the first time, in seconds from the question."""
        self.timings_s.setdefault(name, round(self.deadline.clock() - self.started_s, 6))

    def add(self, component: str, code: str) -> None:
        """Notes once why the answer is degraded."""
        if (reason := Reason(component, code)) not in self.reasons:
            self.reasons.append(reason)

    def moved(self, event: Moved) -> None:
        """Notes that a link failed; the restart is told when the next link really has something to say."""
        target = event.target.name if event.target else "busy"
        self.add(event.source.name, event.error.code)
        labels = {"from": event.source.name, "to": target, "reason": event.error.code}
        metrics.FALLBACKS.labels(**labels).inc()
        logger.bind(component=event.source.name, code=event.error.code, to=target).warning("link_failed")
        if event.text_was_sent:
            self.sent_by = event.source.served_by
        if self.text:
            self.restart = Restart(target, event.error.code)

    def answer(self, text: str, served_by: ServedBy) -> Answer:
        """The answer as it stands now."""
        self.mark("first_token")
        self.mark("total")
        return Answer(
            id=self.id,
            question=self.ask.question,
            answer=text,
            served_by=served_by,
            degraded=bool(self.reasons),
            reasons=tuple(self.reasons),
            citations=(),
            trace_id=traces.current().trace_id,
            timings_s=dict(self.timings_s),
        )

    def ended(self, event: Ended) -> Answer:
        """The whole answer of a link, with its citations."""
        if event.finish.cut:
            self.add(event.link.name, "answer_cut")
        answer = self.answer("", event.link.served_by)
        text, citations = cite(self.id, self.text, self.passages, event.finish.quotes)
        return replace(answer, answer=text, citations=citations, usage=event.finish.usage)

    def without_chain(self) -> Answer:
        """Says that nothing was found, or that nothing can be said now."""
        if self.searched and not self.passages:
            return self.answer(phrases.nothing_found(self.ask.question), "extractive")
        return self.answer(phrases.busy(self.ask.question), "busy")


class Answering:
    """Answers questions; whatever is down, there is a reply within the deadline that says how good it is."""

    def __init__(
        self,
        *,
        retrieval: Searches,
        chain: Chain,
        ledger: Records,
        deadline_s: float = 30.0,
        clock: Clock = time.time,
        passages: int = 6,
    ) -> None:
        self._retrieval = retrieval
        self._chain = chain
        self._ledger = ledger
        self._deadline_s = deadline_s
        self._clock = clock
        self._passages = passages

    async def answer(self, ask: Ask) -> Answer:
        """The whole answer; raises Refused when the scope names an unknown document."""
        async with aclosing(self._events(ask, interruptible=False)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("the events of a question end with Done")

    async def stream(self, ask: Ask) -> AsyncGenerator[Event]:
        """PassagesFound, Deltas (a Restart between them makes earlier ones void), then Done or Interrupted.

        Closing the generator closes the connection to the model.
        """
        async with aclosing(self._events(ask, interruptible=True)) as events:
            async for event in events:
                yield event

    async def _events(self, ask: Ask, *, interruptible: bool) -> AsyncGenerator[Event]:
        with traces.span("answer"):
            state = _State(ask, self._clock(), Deadline.within(ask.deadline_s or self._deadline_s))
            await self._look(state)
            yield PassagesFound(state.passages, tuple(state.reasons))
            result: Answer | None = None
            async with aclosing(self._ask_chain(state)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        result = event
                    else:
                        yield event
            if result is None and state.text and interruptible:
                yield Interrupted(await self._keep(ask, state.answer(state.text, state.sent_by)))
                return
            if result is None:
                result = state.without_chain()
                yield Delta(result.answer)
            yield Done(await self._keep(ask, result))

    async def _look(self, state: _State) -> None:
        """Finds the passages that stand on their pages, and what was missing while looking."""
        ask = state.ask
        try:
            with traces.span("retrieve"), anyio.fail_after(state.deadline.left_s() * _RETRIEVAL_SHARE):
                found = await self._retrieval.search(ask.question, ask.scope, top_k=self._passages)
                for reason in found.degraded:
                    state.add(reason.component, reason.code)
                state.passages = await standing(self._ledger, found.passages)
            state.searched = True
        except TimeoutError:
            state.add("retrieval", "timeout")
        except Unavailable as error:
            state.add("retrieval", error.code)
        state.mark("retrieval")

    async def _ask_chain(self, state: _State) -> AsyncGenerator[Delta | Restart | Answer]:
        """What the links send, and the Answer if one of them came to its end."""
        if not state.passages:  # no model is asked to answer from nothing
            return
        waiting_since_s: float | None = state.deadline.clock()
        link: Link | None = self._chain.links[0] if self._chain.links else None
        async with aclosing(
            self._chain.stream(Prompt(state.ask.question, state.passages), state.deadline)
        ) as pieces:
            async for piece in pieces:
                match piece:
                    case Moved():
                        state.moved(piece)
                        waiting_since_s, link = state.deadline.clock(), piece.target
                    case Ended():
                        yield state.ended(piece)
                    case Delta():
                        if waiting_since_s is not None and link is not None:
                            _observe_first_token(link, state.deadline.clock() - waiting_since_s)
                            waiting_since_s = None
                        if state.restart:
                            yield state.restart
                            state.restart, state.text = None, ""
                        state.mark("first_token")
                        state.text += piece.text
                        yield piece

    async def _keep(self, ask: Ask, answer: Answer) -> Answer:
        """The answer, counted and written down; a client that leaves now does not stop the writing."""
        try:
            with anyio.CancelScope(shield=True), anyio.fail_after(_SAVE_TIMEOUT_S):
                await self._ledger.save_answer(answer, ask.conversation_id, self._clock())
        except (KotaemonError, TimeoutError) as error:
            code = error.code if isinstance(error, KotaemonError) else "timeout"
            logger.bind(component="ledger", code=code).warning("answer_not_saved")
            answer = replace(answer, degraded=True, reasons=(*answer.reasons, Reason("ledger", code)))
        _report(answer)
        return answer


def _observe_first_token(link: Link, waited_s: float) -> None:
    if link.served_by in _MODELS:
        metrics.LLM_TTFT.labels(link=link.name).observe(waited_s)


def _report(answer: Answer) -> None:
    duration_s = answer.timings_s["total"]
    metrics.ANSWERS.labels(served_by=answer.served_by).inc()
    metrics.ANSWER_DURATION.labels(served_by=answer.served_by).observe(duration_s)
    logger.bind(
        answer_id=answer.id,
        served_by=answer.served_by,
        degraded=answer.degraded,
        reasons=[f"{reason.component}:{reason.code}" for reason in answer.reasons],
        citations=len(answer.citations),
        duration_s=duration_s,
    ).info("answer_given")
