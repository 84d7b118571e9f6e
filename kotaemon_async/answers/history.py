"""Use cases on what was asked before: read an answer; begin, list, read, rename and delete conversations."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from kotaemon_async.answers.llm.base import Clock
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Answer, Document, new_id
from kotaemon_async.stores.answers import Answers
from kotaemon_async.stores.conversations import Conversation, Conversations, Turn

#: A longer conversation shows its latest turns.
MAX_TURNS = 500


class Sources(Protocol):
    """What knows which documents a caller may read."""

    async def several(self, caller: Caller, document_ids: Sequence[str]) -> list[Document]: ...


class AnswerHistory:
    """The answers that a caller was given, and the conversations that they stand in.

    Those of others are refused as what is not there.
    """

    def __init__(
        self,
        answers: Answers,
        conversations: Conversations,
        documents: Sources,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._answers = answers
        self._documents = documents
        self._conversations = conversations
        self._clock = clock

    async def answer(self, caller: Caller, answer_id: str) -> Answer:
        """Return the answer as it was given, its lost sources marked; raises Refused `not_found`."""
        (answer,) = await self._marked(caller, [await self._answers.get(answer_id, caller)])
        return answer

    async def begin(self, caller: Caller, title: str) -> Conversation:
        """Begin a conversation and return it."""
        now_s = self._clock()
        return await self._conversations.begin(new_id("conv", now_s), title.strip(), caller, now_s)

    async def conversations(
        self, caller: Caller, *, q: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Conversation], str | None]:
        """Return one page, the latest first, and the cursor of the next; `q` is looked for in titles."""
        return await self._conversations.page(caller, q=q, limit=limit, cursor=cursor)

    async def conversation(self, caller: Caller, conversation_id: str) -> tuple[Conversation, list[Turn]]:
        """Return the conversation with its latest turns, in order; raises Refused `not_found`."""
        found = await self._conversations.get(conversation_id, caller)
        turns = await self._conversations.turns(conversation_id, caller, MAX_TURNS)
        answers = await self._marked(caller, [turn.answer for turn in turns])
        return found, [replace(turn, answer=answer) for turn, answer in zip(turns, answers, strict=True)]

    async def rename(self, caller: Caller, conversation_id: str, title: str) -> Conversation:
        """Rename the conversation and return it; raises Refused `not_found`."""
        return await self._conversations.rename(conversation_id, title.strip(), caller, self._clock())

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Delete the conversation and its answers; raises Refused `not_found`."""
        await self._conversations.delete(conversation_id, caller)

    async def _marked(self, caller: Caller, answers: list[Answer]) -> list[Answer]:
        """Return the answers, those citations marked whose document the caller sees no more."""
        cited = {one.document_id for answer in answers for one in answer.citations}
        there = {one.id for one in await self._documents.several(caller, sorted(cited))} if cited else set()
        gone = cited - there
        return [
            replace(
                answer,
                citations=tuple(replace(one, gone=one.document_id in gone) for one in answer.citations),
            )
            for answer in answers
        ]
