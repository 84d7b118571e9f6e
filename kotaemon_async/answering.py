"""From a question to a cited answer: the conversation, the cache, passages, the chain, quotes, the record."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

import anyio
from loguru import logger

from kotaemon_async.answer_cache import AnswerCache, KeptPrompt
from kotaemon_async.answer_state import AnswerState, given_again, heard_as
from kotaemon_async.asking import Ask, Done, Event, Interrupted, PassagesFound, Restart
from kotaemon_async.errors import KotaemonError, Unavailable
from kotaemon_async.flights import Flights
from kotaemon_async.grounding import Pages, standing
from kotaemon_async.llm.base import Clock, Deadline, Delta, Link
from kotaemon_async.llm.chain import Chain, Ended, Moved, guarded
from kotaemon_async.llm.guard import LinkState
from kotaemon_async.model import Answer, Found, Mode, Passage, Reason, Scope, ServedBy
from kotaemon_async.telemetry import metrics, traces

__all__ = ["Answering", "Ask", "Done", "Event", "Interrupted", "PassagesFound", "Restart"]

_RETRIEVAL_SHARE = 0.5
_SAVE_TIMEOUT_S = 2.0
_MODELS: frozenset[ServedBy] = frozenset({"primary", "local"})


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


@dataclass(frozen=True, slots=True)
class Tiers:
    """Who answers: the whole chain, those that need no passages, and those that judge them."""

    chain: Chain
    without_passages: Chain
    without_extractive: Chain

    @classmethod
    def of(cls, models: Sequence[Link], kept: Link | None, extractive: Link, static: Link | None) -> "Tiers":
        """The order of the promise: models, stale cache, extractive, static knowledge."""
        models = [guarded(model) for model in models]
        chain = [*models, kept, extractive, static]
        return cls(
            Chain([link for link in chain if link is not None]),
            Chain([link for link in (kept, static) if link is not None]),
            Chain([link for link in (*models, kept, static) if link is not None]),
        )

    def next_model(self) -> Link | None:
        """The model that a question would be asked of now."""
        models = [link for link in self.chain.links if link.served_by in _MODELS]
        states = self.chain.states()
        away = ("open", "misconfigured")
        well = [link for link in models if states[link.name]["state"] not in away]
        return well[0] if well else None

    def chain_for(self, state: AnswerState) -> Chain:
        """No model is asked to answer from nothing, and no sentence that misses the question is picked."""
        if not state.passages:
            return self.without_passages
        return self.chain if state.relevant else self.without_extractive


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
                            yield Done(await self._keep(ask, heard_as(answer, state)))
                        case Interrupted(answer) if interruptible:
                            yield Interrupted(await self._keep(ask, heard_as(answer, state)))
                        case Interrupted(answer):
                            state.reasons = list(answer.reasons)
                            yield Done(await self._keep(ask, state.without_chain()))
                        case _:
                            yield event

    async def _state(self, ask: Ask) -> AnswerState:
        deadline = Deadline.within(ask.deadline_s or self._deadline_s)
        question = ask.question
        if self._standalone is not None:
            question = await self._standalone.question(ask, deadline)
        state = AnswerState(ask, question, self._clock(), deadline)
        if self._cache is not None:
            state.place = await self._cache.place(question, ask.scope)
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
        found = await self._cache.fresh(state.place, link.name)
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
        if result is None and state.text:
            yield Interrupted(state.answer(state.text, state.sent_by))
            return
        if result is None:
            result = state.without_chain()
            yield Delta(result.answer)
        yield Done(result)

    async def _look(self, state: AnswerState) -> None:
        """Finds the passages that stand on their pages, and what was missing while looking."""
        try:
            with traces.span("retrieve"), anyio.fail_after(state.deadline.left_s() * _RETRIEVAL_SHARE):
                found = await self._retrieval.search(state.standalone, state.ask.scope, top_k=self._passages)
                for reason in found.degraded:
                    state.add(reason.component, reason.code)
                state.passages = await standing(self._ledger, found.passages)
                if self._relevance is not None:
                    state.relevant = await self._relevance.holds(state.standalone, state.passages)
            state.searched = True
        except TimeoutError:
            state.add("retrieval", "timeout")
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
        if self._cache is not None and state.place is not None and link.served_by in _MODELS:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_SAVE_TIMEOUT_S):
                await self._cache.keep(state.place, answer, link.name)

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
