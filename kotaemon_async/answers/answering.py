"""From a question to a cited answer: the conversation, the cache, passages, the chain, quotes, the record."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Protocol

import anyio
from loguru import logger

from kotaemon_async.answers.cache import AnswerCache, KeptPrompt
from kotaemon_async.answers.citations import Pages, standing
from kotaemon_async.answers.coalescing import Flights
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, PassagesFound, Restart
from kotaemon_async.answers.llm.base import Clock, Deadline, Delta, Link
from kotaemon_async.answers.llm.chain import Ended, Moved
from kotaemon_async.answers.llm.guard import LinkState
from kotaemon_async.answers.state import AnswerState, given_again, heard_as
from kotaemon_async.answers.tiers import MODELS, Tiers
from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.domain.model import Answer, Found, Mode, Passage, Reason, Scope
from kotaemon_async.resilience.patience import in_time
from kotaemon_async.search.retrieval import SearchLost
from kotaemon_async.telemetry import impacted, metrics, traces
from kotaemon_async.telemetry.health import Health

__all__ = ["Answering", "Ask", "Done", "Event", "Interrupted", "PassagesFound", "Restart"]

#: The part of the time that the search may take, and the longest one; lanes have shorter limits of their own.
_RETRIEVAL_SHARE = 0.5
_RETRIEVAL_AT_MOST_S = 8.0
#: An answer waits to be written down for this part of what is left of its time, between two bounds.
_SAVE_SHARE = 0.5
_SAVE_BOUNDS_S = (0.2, 2.0)


class Searches(Protocol):
    """The part of Retrieval that answering needs."""

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found: ...


class Records(Pages, Protocol):
    """The part of the ledger that answering needs."""

    async def save_answer(self, answer: Answer, conversation_id: str | None, now_s: float) -> None: ...


class Judges(Protocol):
    """Tells whether passages have to do with a question."""

    async def holds(self, question: str, passages: Sequence[Passage]) -> bool: ...


class Standalone(Protocol):
    """Makes a question that leans on the ones before it stand alone; never fails."""

    async def question(self, ask: Ask, deadline: Deadline) -> str: ...


class Answering:
    """Answers questions; whatever is down, there is a reply within the deadline that says how good it is."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        retrieval: Searches,
        tiers: Tiers,
        ledger: Records,
        cache: AnswerCache | None = None,
        standalone: Standalone | None = None,
        relevance: Judges | None = None,
        deadline_s: float = 30.0,
        clock: Clock = time.time,
        passages: int = 6,
    ) -> None:
        self._retrieval = retrieval
        self._tiers = tiers
        self._ledger = ledger
        self._cache = cache
        self._standalone = standalone
        self._relevance = relevance
        self._deadline_s = deadline_s
        self._clock = clock
        self._passages = passages
        self._flights = Flights[Event]()

    def links(self) -> dict[str, LinkState]:
        """How each model's link stands, by name, in order."""
        return self._tiers.chain.states()

    def register_in(self, health: Health) -> None:
        """How each model's link stands is part of the report."""
        self._tiers.register_in(health)

    async def answer(self, ask: Ask) -> Answer:
        """The whole answer; raises Refused when the scope names an unknown document."""
        async with aclosing(self._events(ask, interruptible=False)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("the events of a question end with Done")

    async def stream(self, ask: Ask) -> AsyncGenerator[Event]:
        """PassagesFound, Deltas (a Restart between them makes earlier ones void), then Done or Interrupted.

        Closing the generator closes the connection to the model, unless others listen to the same answer.
        """
        async with aclosing(self._events(ask, interruptible=True)) as events:
            async for event in events:
                yield event

    async def _events(self, ask: Ask, *, interruptible: bool) -> AsyncGenerator[Event]:
        with traces.span("answer"):
            state = await self._state(ask)
            async with aclosing(self._heard(state)) as events:
                async for event in events:
                    match event:
                        case Done(answer):
                            yield Done(await self._keep(state, heard_as(answer, state)))
                        case Interrupted(answer) if interruptible:
                            yield replace(event, answer=await self._keep(state, heard_as(answer, state)))
                        case Interrupted(_, instead):
                            yield Done(await self._keep(state, heard_as(instead, state)))
                        case _:
                            yield event

    async def _state(self, ask: Ask) -> AnswerState:
        deadline = Deadline.within(ask.deadline_s or self._deadline_s)
        question = ask.question
        if self._standalone is not None:
            question = await self._standalone.question(ask, deadline)
        state = AnswerState(ask, question, self._clock(), deadline)
        if self._cache is not None:
            state.place = await self._cache.place(question, ask.scope, deadline)
        return state

    async def _heard(self, state: AnswerState) -> AsyncGenerator[Event]:
        """A fresh answer that is kept, or what the work says, shared with who asks the same."""
        kept = await self._fresh(state)
        if kept is not None:
            yield PassagesFound((), ())
            yield Delta(kept.answer)
            yield Done(kept)
        elif state.place is None:
            async with aclosing(self._work(state)) as events:
                async for event in events:
                    yield event
        else:
            flight = self._flights.share(state.place, state.deadline.at_s, lambda: self._work(state))
            async with aclosing(flight) as events:
                async for event in events:
                    yield event

    async def _fresh(self, state: AnswerState) -> Answer | None:
        """What the link that would be asked now said not long ago."""
        link = self._tiers.next_model()
        if self._cache is None or state.place is None or link is None:
            return None
        found = await self._cache.fresh(state.place, link.name, state.deadline)
        if found is not None:
            traces.event("cache_hit", age_s=found[1])
        return found and given_again(found[0], state.answer("", link.served_by), found[1])

    async def _work(self, state: AnswerState) -> AsyncGenerator[Event]:
        await self._look(state)
        yield PassagesFound(state.passages, tuple(state.reasons))
        result: Answer | None = None
        async with aclosing(self._ask_chain(state)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    result = event
                else:
                    yield event
        if result is not None:
            yield Done(result)
            return
        instead = state.without_chain()
        if state.text:
            sent = replace(state.answer(state.text, state.sent_by), complete=False)
            yield Interrupted(sent, instead)
        else:
            yield Delta(instead.answer)
            yield Done(instead)

    async def _look(self, state: AnswerState) -> None:
        """Finds the passages that stand on their pages, and what was missing while looking."""
        limit_s = min(_RETRIEVAL_AT_MOST_S, state.deadline.left_s() * _RETRIEVAL_SHARE)
        try:
            with traces.span("retrieve"), anyio.fail_after(limit_s):
                found = await self._retrieval.search(state.standalone, state.ask.scope, top_k=self._passages)
                for reason in found.degraded:
                    state.add(reason.component, reason.code)
                state.passages = await standing(self._ledger, found.passages)
                if self._relevance is not None:
                    state.relevant = await self._relevance.holds(state.standalone, state.passages)
            state.searched = True
        except TimeoutError:
            state.add("retrieval", "timeout")
        except SearchLost as error:
            for reason in error.lost:
                state.add(reason.component, reason.code)
        except Unavailable as error:
            state.add("retrieval", error.code)
        state.mark("retrieval")

    async def _ask_chain(self, state: AnswerState) -> AsyncGenerator[Delta | Restart | Answer]:
        """What the links send, and the Answer if one of them came to its end."""
        chain = self._tiers.chain_for(state)
        prompt = KeptPrompt(state.standalone, state.passages, state.place)
        if not chain.links:
            return
        waiting_since_s: float | None = state.deadline.clock()
        link: Link | None = chain.links[0]
        searched_well = not state.reasons
        async with aclosing(chain.stream(prompt, state.deadline)) as pieces:
            async for piece in pieces:
                match piece:
                    case Moved():
                        state.moved(piece)
                        waiting_since_s, link = state.deadline.clock(), piece.target
                    case Ended():
                        answer = state.ended(piece)
                        if searched_well and not piece.finish.cut:
                            await self._remember(state, answer, piece.link)
                        yield answer
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

    async def _remember(self, state: AnswerState, answer: Answer, link: Link) -> None:
        """A model's answer that rests on a whole search may be given again."""
        if self._cache is not None and state.place is not None and link.served_by in MODELS:
            keeping = self._cache.keep(state.place, answer, link.name)
            with anyio.CancelScope(shield=True), suppress(TimeoutError):
                await in_time(keeping, _save_limit_s(state))

    async def _keep(self, state: AnswerState, answer: Answer) -> Answer:
        """The answer, counted and written down; a client that leaves now does not stop the writing."""
        saving = self._ledger.save_answer(answer, state.ask.conversation_id, self._clock())
        try:
            with anyio.CancelScope(shield=True):
                await in_time(saving, _save_limit_s(state))
        except (KotaemonError, TimeoutError) as error:
            code = error.code if isinstance(error, KotaemonError) else "timeout"
            logger.bind(component="ledger", code=code).warning("answer_not_saved")
            answer = replace(answer, degraded=True, reasons=(*answer.reasons, Reason("ledger", code)))
        _report(answer)
        return answer


def _save_limit_s(state: AnswerState) -> float:
    least_s, most_s = _SAVE_BOUNDS_S
    return min(most_s, max(least_s, state.deadline.left_s() * _SAVE_SHARE))


def _observe_first_token(link: Link, waited_s: float) -> None:
    if link.served_by in MODELS:
        metrics.LLM_TTFT.labels(link=link.name).observe(waited_s)


def _report(answer: Answer) -> None:
    duration_s = answer.timings_s["total"]
    traces.mark(answer_id=answer.id, served_by=answer.served_by, degraded=answer.degraded)
    metrics.ANSWERS.labels(served_by=answer.served_by).inc()
    if answer.degraded:
        metrics.ANSWERS_DEGRADED.labels(served_by=answer.served_by).inc()
    for reason in answer.reasons:
        impacted.note(reason.component, reason.code)
    metrics.ANSWER_DURATION.labels(served_by=answer.served_by).observe(duration_s)
    logger.bind(
        answer_id=answer.id,
        served_by=answer.served_by,
        degraded=answer.degraded,
        reasons=[f"{reason.component}:{reason.code}" for reason in answer.reasons],
        citations=len(answer.citations),
        duration_s=duration_s,
    ).info("answer_given")
