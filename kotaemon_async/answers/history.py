"""Use cases on what was asked before: conversations, turns and their versions, opinions of answers."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from kotaemon_async.answers.conversation_changes import Change
from kotaemon_async.answers.llm.base import Clock
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Document, Vote, new_id
from kotaemon_async.stores.conversations import Conversation, Conversations, Opinion, Turn
from kotaemon_async.stores.feedback import Feedback, Feedbacks
from kotaemon_async.stores.turns import FIRST_PLACE, Place, Turns

#: A longer conversation shows its latest turns.
MAX_TURNS: Final = 500
#: One that is taken away whole is read in such parts.
_TURNS_AT_ONCE: Final = 100


class Sources(Protocol):
    """What knows which documents a caller may read."""

    async def several(self, caller: Caller, document_ids: Sequence[str]) -> list[Document]: ...


class AnswerHistory:
    """The answers that a caller was given, and the conversations that they stand in.

    Those of others are refused as what is not there. Whoever follows a conversation is told what changes.
    """

    def __init__(
        self,
        turns: Turns,
        conversations: Conversations,
        feedback: Feedbacks,
        documents: Sources,
        running: RunningTurns,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._turns = turns
        self._conversations = conversations
        self._feedback = feedback
        self._documents = documents
        self._running = running
        self._clock = clock

    async def answer(self, caller: Caller, answer_id: str) -> Turn:
        """Return the answer as it stands, its lost sources marked; raises Refused `not_found`."""
        return (await self._shown(caller, [await self._turns.get(answer_id, caller)]))[0]

    async def begin(self, caller: Caller, title: str) -> Conversation:
        """Begin a conversation and return it; without a title it gets that of its first question."""
        now_s = self._clock()
        begun = await self._conversations.begin(new_id("conv", now_s), title.strip(), caller, now_s)
        return self._changed(begun)

    async def conversations(
        self, caller: Caller, *, q: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Conversation], str | None]:
        """Return one page, pinned ones first, and the cursor of the next; `q` is looked for in all texts."""
        return await self._conversations.page(caller, q=q, limit=limit, cursor=cursor)

    async def head(self, caller: Caller, conversation_id: str) -> Conversation:
        """Return the conversation without its turns; raises Refused `not_found`."""
        return await self._conversations.get(conversation_id, caller)

    async def conversation(self, caller: Caller, conversation_id: str) -> tuple[Conversation, list[Turn]]:
        """Return the conversation with its latest turns, in order, each as its current version.

        Raises: Refused `not_found`.
        """
        found = await self._conversations.get(conversation_id, caller)
        return found, await self._shown(caller, await self._turns.of(conversation_id, MAX_TURNS))

    async def pages(self, caller: Caller, conversation_id: str) -> AsyncIterator[list[Turn]]:
        """Yield all turns of a conversation, in order, as `conversation` returns them, some at a time."""
        await self._conversations.get(conversation_id, caller)
        place: Place | None = FIRST_PLACE
        while place is not None:
            turns, place = await self._turns.from_place(conversation_id, place, _TURNS_AT_ONCE)
            yield await self._shown(caller, turns)

    async def rename(self, caller: Caller, conversation_id: str, title: str) -> Conversation:
        """Rename the conversation and return it; raises Refused `not_found`."""
        renamed = await self._conversations.rename(conversation_id, title.strip(), caller, self._clock())
        return self._changed(renamed)

    async def pin(self, caller: Caller, conversation_id: str, *, pinned: bool) -> Conversation:
        """Have the conversation listed first, or no longer, and return it; raises Refused `not_found`."""
        at_s = self._clock() if pinned else None
        return self._changed(await self._conversations.pin(conversation_id, at_s, caller))

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Delete the conversation and its answers; raises Refused `not_found`."""
        await self._conversations.get(conversation_id, caller)
        await self._running.stop_all_of(conversation_id)
        gone = await self._conversations.delete(conversation_id, caller)
        self._running.changes.tell(Change("gone", gone.id, gone.owner))

    async def delete_several(self, caller: Caller, conversation_ids: Sequence[str]) -> list[str]:
        """Delete those of the conversations that are the caller's, and return which those were."""
        deleted = []
        for one in await self._conversations.of_caller(conversation_ids, caller):
            try:
                await self.delete(caller, one)
            except Refused:
                continue  # another was faster
            deleted.append(one)
        return deleted

    async def make_current(self, caller: Caller, conversation_id: str, answer_id: str) -> Turn:
        """Have the version stand in the conversation, and return it; raises Refused `not_found`."""
        turn = await self._turns.make_current(conversation_id, answer_id, caller)
        self._turn_changed(turn)
        return (await self._shown(caller, [turn]))[0]

    async def stop(self, caller: Caller, answer_id: str) -> Turn:
        """Stop the answer and return it with what there is of it; raises Refused `not_found`."""
        stopped = await self._running.stop(caller, answer_id)
        self._turn_changed(stopped)
        return await self.answer(caller, answer_id)

    async def delete_answer(self, caller: Caller, answer_id: str) -> None:
        """Delete this version; the turn goes with its last one. Raises: Refused `not_found`."""
        if self._running.get(answer_id) is not None:
            await self._running.stop(caller, answer_id)
        deleted, instead = await self._turns.delete(answer_id, caller)
        if deleted.conversation_id is not None:
            change = Change("deleted", deleted.conversation_id, deleted.owner, answer_id)
            self._running.changes.tell(change)
            if instead is not None:
                self._running.changes.tell(replace(change, kind="turn", answer_id=instead))
            self._running.changes.tell(replace(change, kind="conversation", answer_id=""))

    async def judge(self, caller: Caller, answer_id: str, verdict: Vote, reason: str, comment: str) -> Turn:
        """Keep what the caller thinks of the answer, and return it; raises Refused `not_found`."""
        opinion = Opinion(verdict, reason, comment, self._clock())
        await self._feedback.put(answer_id, opinion, caller)
        return await self._judged(caller, answer_id)

    async def forget_judgement(self, caller: Caller, answer_id: str) -> None:
        """Take back what the caller thinks of the answer; raises Refused `not_found`."""
        await self._feedback.delete(answer_id, caller)
        await self._judged(caller, answer_id)

    async def judgements(
        self, *, verdict: Vote | None, limit: int, cursor: str | None
    ) -> tuple[list[Feedback], str | None]:
        """Return one page of what everybody thinks, the latest first, and the cursor of the next one."""
        return await self._feedback.page(verdict=verdict, limit=limit, cursor=cursor)

    async def _judged(self, caller: Caller, answer_id: str) -> Turn:
        turn = await self.answer(caller, answer_id)
        self._turn_changed(turn)
        return turn

    def _changed(self, conversation: Conversation) -> Conversation:
        self._running.changes.tell(Change("conversation", conversation.id, conversation.owner))
        return conversation

    def _turn_changed(self, turn: Turn) -> None:
        if turn.conversation_id is not None:
            change = Change("turn", turn.conversation_id, turn.owner, turn.answer.id)
            self._running.changes.tell(change)

    async def _shown(self, caller: Caller, turns: Sequence[Turn]) -> list[Turn]:
        """Return the turns as they stand now, citations marked whose document the caller sees no more."""
        answers = [self._as_it_stands(turn).answer for turn in turns]
        cited = {one.document_id for answer in answers for one in answer.citations}
        there = {one.id for one in await self._documents.several(caller, sorted(cited))} if cited else set()
        gone = cited - there
        return [
            replace(turn, answer=_marked(answer, gone)) for turn, answer in zip(turns, answers, strict=True)
        ]

    def _as_it_stands(self, turn: Turn) -> Turn:
        running = self._running.get(turn.answer.id)
        return turn if running is None else running.state()


def _marked(answer: Answer, gone: set[str]) -> Answer:
    citations = tuple(replace(one, gone=one.document_id in gone) for one in answer.citations)
    return replace(answer, citations=citations)
