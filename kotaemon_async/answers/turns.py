"""Questions of conversations as they are answered: kept from the first letter on, whoever stays to listen.

The task that answers belongs to the process. It goes on when its reader leaves, and ends when a person stops
it or the service does; what there is by then is kept.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.answers.conversation_changes import Change, ConversationChanges
from kotaemon_async.answers.draft import AnswerRecords, Draft, Question
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, Restart
from kotaemon_async.answers.llm.base import Clock, Delta
from kotaemon_async.answers.quotes import markers
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import KotaemonError, Refused, Unavailable
from kotaemon_async.domain.model import Answer, AnswerStatus, Citation, Reason, new_id
from kotaemon_async.resilience.background import wait_at_most
from kotaemon_async.stores.conversations import Turn
from kotaemon_async.stores.turns import NewTurn, unknown
from kotaemon_async.telemetry import traces

#: What there is of running answers is kept so often.
KEEP_EVERY_S: Final = 0.8
#: Answers of processes that are gone are looked for after so many of these.
_LOOK_EVERY: Final = 20
#: So many answers go on for nobody; more are stopped soon after their readers have left.
MOST_ALONE: Final = 50
#: A question waits so long for being kept before it is answered all the same.
_BEGIN_S: Final = 2.0
#: An answer is given up so long after its deadline: it is written down after it.
_SLACK_S: Final = 30.0
#: What could not be kept is tried again, for so many answers.
_MOST_LATE: Final = 1_000


class AnswersQuestions(Protocol):
    """What answers a question, once it is clear where its caller may look."""

    async def question(self, ask: Ask, records: AnswerRecords | None = None) -> Question: ...
    def stream_of(self, question: Question) -> AsyncGenerator[Event]: ...


class KeptTurns(Protocol):
    """The part of the ledger that keeps turns."""

    async def begin(self, new: NewTurn) -> Turn: ...
    async def keep(self, answers: Sequence[Answer]) -> list[str]: ...
    async def end(self, answer: Answer, status: AnswerStatus) -> None: ...
    async def get(self, answer_id: str, caller: Caller) -> Turn: ...
    async def stop_elsewhere(self, answer_id: str, caller: Caller) -> Turn: ...
    async def interrupt_left(self, now_s: float | None = None) -> int: ...


class RunningTurn:
    """One answer as it comes about, for all who listen: they get its events from the first one on."""

    def __init__(self, turn: Turn, question: Question, owner: str) -> None:
        self.turn = turn
        self.owner = owner
        self.draft = Draft(question)
        self.events: list[Event] = []
        self.restarts = 0
        self.is_kept = True
        self.is_over = False
        self.is_ending = False
        self.ends_as: AnswerStatus = "interrupted"
        self.failure: Exception | None = None
        self.task: asyncio.Task[None] | None = None
        self.readers = 0
        self.kept_events = 0
        #: The first so many letters as they were last shown, for all who show them.
        self.html: tuple[int, str] | None = None
        self._trace_id = traces.current().trace_id
        self._changed = anyio.Event()
        self._cited: tuple[tuple[int, ...], tuple[Citation, ...]] | None = None

    @property
    def id(self) -> str:
        """Return the answer's id."""
        return self.turn.answer.id

    @property
    def text(self) -> str:
        """Return what has been sent so far."""
        return self.draft.text

    def state(self) -> Turn:
        """Return the turn as it stands: with the text and the sources so far while it runs."""
        if self.is_over:
            return self.turn
        named = (len(self.draft.evidence.sources), *markers(self.text))
        answer = self.draft.so_far(self._cited[1] if self._cited and self._cited[0] == named else None)
        self._cited = named, answer.citations
        # Readers count the letters that were sent.
        answer = replace(answer, answer=self.text, trace_id=self._trace_id)
        return replace(self.turn, answer=answer)

    def hear(self, event: Event) -> None:
        """Pass the event on to all who listen."""
        self.draft.hear(event)
        self.events.append(event)
        self.restarts += isinstance(event, Restart)
        self._wake()

    def end(self, answer: Answer, status: AnswerStatus) -> None:
        """Note how it ended."""
        self.turn = replace(self.turn, answer=answer, status=status)
        versions = (replace(one, status=status) if one.id == self.id else one for one in self.turn.versions)
        self.turn = replace(self.turn, versions=tuple(versions))

    def close(self) -> None:
        """Tell all who listen that nothing more comes."""
        self.is_over = True
        self._wake()

    async def follow(self) -> AsyncGenerator[Event]:
        """Yield every event, and end when it is over. Raises what the answer has failed with."""
        self.readers += 1
        try:
            sent = 0
            while sent < len(self.events) or not self.is_over:
                while sent < len(self.events):
                    sent += 1
                    yield self.events[sent - 1]
                if not self.is_over:
                    await self._changed.wait()
            if self.failure is not None:
                raise self.failure
        finally:
            self.readers -= 1

    async def ended(self) -> Turn:
        """Return the turn once it is over."""
        async with aclosing(self.follow()) as events:
            async for _ in events:
                pass
        return self.turn

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Records:
    """Keeps the answer of one running turn: as it is when it ends."""

    def __init__(self, turns: "RunningTurns") -> None:
        self._turns = turns
        self.running: RunningTurn | None = None

    async def save(self, answer: Answer, conversation_id: str | None, caller: Caller, now_s: float) -> None:
        """Keep the answer; raises Unavailable."""
        if self.running is not None:
            await self._turns.keep_end(self.running, answer, conversation_id, caller, now_s)


class RunningTurns:
    """Runs the questions of conversations, and knows those that run."""

    def __init__(
        self,
        answering: AnswersQuestions,
        turns: KeptTurns,
        answers: AnswerRecords,
        changes: ConversationChanges,
        *,
        clock: Clock = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._answering = answering
        self._turns = turns
        self._answers = answers
        self.changes = changes
        self._clock = clock
        self._sleep = sleep
        self._running: dict[str, RunningTurn] = {}
        self._late: dict[str, Turn] = {}

    @property
    def active(self) -> int:
        """Return how many answers are under way."""
        return len(self._running)

    def of(self, conversation_id: str) -> list[RunningTurn]:
        """Return the turns of the conversation that run, in order."""
        return [one for one in self._running.values() if one.turn.conversation_id == conversation_id]

    def get(self, answer_id: str) -> RunningTurn | None:
        """Return the answer if it runs."""
        return self._running.get(answer_id)

    async def begin(self, ask: Ask) -> RunningTurn:
        """Keep the question in its conversation and begin to answer it; return the running turn.

        While the ledger is away it is answered all the same, and kept at its end.

        Raises: Refused `not_found` when the conversation, the collection or what it replaces is another's.
        """
        now_s = self._clock()
        ask = replace(await self._placed(ask), answer_id=new_id("ans", now_s))
        records = _Records(self)
        question = await self._answering.question(ask, records)
        if ask.replaces is not None and ask.replaces in self._running:
            await self.stop(ask.caller, ask.replaces)
        running = await self._kept(question, now_s)
        records.running = running
        self._running[running.id] = running
        running.task = asyncio.create_task(self._run(running), name="turn")
        self._tell(running)
        return running

    async def stop(self, caller: Caller, answer_id: str) -> Turn:
        """Stop the answer and return it with what there is of it; one that has ended stays as it is.

        Raises: Refused `not_found`.
        """
        running = self._running.get(answer_id)
        if running is None:
            return await self._turns.stop_elsewhere(answer_id, caller)
        if running.owner not in caller.reads_of:
            raise unknown(answer_id)
        await self._end([running], "stopped")
        return running.turn

    async def stop_most_alone(self) -> None:
        """Stop the latest of those that go on for nobody, where they are too many."""
        alone = [one for one in self._running.values() if not one.readers and not one.is_over]
        await self._end(alone[MOST_ALONE:], "stopped")

    async def stop_all_of(self, conversation_id: str) -> None:
        """Stop what runs in the conversation."""
        await self._end(self.of(conversation_id), "stopped")

    async def aclose(self) -> None:
        """End everything that runs, as interrupted, with what there is of it."""
        with anyio.CancelScope(shield=True):
            await self._end(list(self._running.values()), "interrupted")

    async def run(self) -> None:
        """Keep what there is of running answers, again and again, and give up those that run no more."""
        looks = 0
        while True:
            await self.stop_most_alone()
            try:
                if looks % _LOOK_EVERY == 0 and (count := await self._turns.interrupt_left(self._clock())):
                    logger.bind(count=count).warning("turns_given_up")
                await self.keep()
            except Unavailable as error:
                logger.bind(component="ledger", code=error.code).warning("turns_not_kept")
            looks += 1
            await self._sleep(KEEP_EVERY_S)

    async def keep(self) -> None:
        """Keep what there is of running answers, in one write, and what could not be kept before.

        Raises: Unavailable.
        """
        for turn in list(self._late.values()):
            await self._turns.end(turn.answer, turn.status)
            self._late.pop(turn.answer.id, None)
        changed = [one for one in self._running.values() if len(one.events) > one.kept_events]
        states = []
        for one in changed:
            states.append((one, len(one.events), one.state().answer))
            await anyio.lowlevel.checkpoint()
        if not states:
            return
        ended = await self._turns.keep([answer for one, _, answer in states if one.is_kept])
        for one, events, _ in states:
            one.kept_events = events
        # Another process of this folder was asked to stop or to delete them.
        await self._end([one for one, _, _ in states if one.id in ended and not one.is_over], "stopped")

    async def keep_end(
        self,
        running: RunningTurn,
        answer: Answer,
        conversation_id: str | None,
        caller: Caller,
        now_s: float,
    ) -> None:
        """Keep the answer as it was given; what cannot be kept now is tried again. Raises: Unavailable."""
        running.end(answer, "done" if answer.complete else running.ends_as)
        turn = running.turn
        try:
            if running.is_kept:
                await self._turns.end(answer, turn.status)
            else:
                await self._answers.save(answer, conversation_id, caller, now_s)
        except Unavailable:
            if running.is_kept and len(self._late) < _MOST_LATE:
                self._late[answer.id] = turn
            raise

    async def _placed(self, ask: Ask) -> Ask:
        """Return the question with the conversation of the answer that it replaces. Raises: Refused."""
        if ask.replaces is None:
            return ask
        replaced = await self._turns.get(ask.replaces, ask.caller)
        if replaced.conversation_id is None:
            raise Refused("The answer to replace stands in no conversation.")
        if ask.conversation_id not in (None, replaced.conversation_id):
            raise unknown(ask.replaces)
        return replace(ask, conversation_id=replaced.conversation_id)

    async def _kept(self, question: Question, now_s: float) -> RunningTurn:
        """Return the turn, which is in the ledger; while that is away, only here."""
        ask, answer = question.ask, replace(Draft(question).answer("", "busy"), complete=False)
        conversation_id = ask.conversation_id or ""
        ends_by_s = now_s + question.deadline.left_s() + _SLACK_S
        new = NewTurn(answer, conversation_id, ask.caller, now_s, ends_by_s, ask.replaces)
        try:
            turn = await wait_at_most(self._turns.begin(new), _BEGIN_S)
        except (Unavailable, TimeoutError) as error:
            code = error.code if isinstance(error, Unavailable) else "timeout"
            logger.bind(component="ledger", code=code).warning("turn_not_kept")
            turn = Turn(answer, now_s, "running", conversation_id, answer.id)
            running = RunningTurn(replace(turn, versions=(turn.as_version,)), question, ask.caller.user)
            running.is_kept = False
            return running
        return RunningTurn(turn, question, turn.owner)

    async def _run(self, running: RunningTurn) -> None:
        try:
            async with aclosing(self._answering.stream_of(running.draft.question)) as events:
                async for event in events:
                    if isinstance(event, Done | Interrupted):
                        running.end(event.answer, "done" if event.answer.complete else running.ends_as)
                    running.hear(event)
                    kind: str = "text" if isinstance(event, Delta) else "turn"
                    self._tell_of(running, kind)
        except asyncio.CancelledError:
            pass  # stopped by `_end`, for good: nobody waits for the cancellation
        except Exception as error:
            running.failure = error
        await self._over(running)

    async def _over(self, running: RunningTurn) -> None:
        """Let nobody wait for it any more."""
        if running.turn.status == "running":
            await self._end_broken(running, running.failure)
        self._running.pop(running.id, None)
        running.close()
        self._tell(running)

    async def _end_broken(self, running: RunningTurn, error: Exception | None) -> None:
        """Keep what there is of an answer that nothing else has kept."""
        answer, status = running.state().answer, running.ends_as
        if error is not None:
            code = error.code if isinstance(error, KotaemonError) else "internal"
            reasons = (*answer.reasons, Reason("service", code))
            answer = replace(answer, degraded=True, reasons=reasons)
            if not isinstance(error, KotaemonError):
                logger.opt(exception=error).error("turn_failed")
        running.end(answer, status)
        try:
            await wait_at_most(self._turns.end(answer, status), _BEGIN_S)
        except (Unavailable, TimeoutError) as failed:
            code = failed.code if isinstance(failed, Unavailable) else "timeout"
            logger.bind(component="ledger", code=code).warning("answer_not_saved")

    async def _end(self, some: Sequence[RunningTurn], status: AnswerStatus) -> None:
        """End the answers and return when they are kept."""
        tasks = [one.task for one in some if one.task is not None]
        for one in some:
            if one.task is not None and not one.is_ending:
                one.is_ending, one.ends_as = True, status
                one.task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for one in some:
            if not one.is_over:  # its task had not begun
                await self._over(one)

    def _tell(self, running: RunningTurn) -> None:
        """Tell that it has begun or ended."""
        self._tell_of(running, "turn")
        self._tell_of(running, "conversation")

    def _tell_of(self, running: RunningTurn, kind: str) -> None:
        conversation_id = running.turn.conversation_id or ""
        answer_id = "" if kind == "conversation" else running.id
        self.changes.tell(Change(kind, conversation_id, running.owner, answer_id))  # type: ignore[arg-type]
