"""The operator's kept answers as the last source of the chain."""

from collections.abc import AsyncGenerator

from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, NothingToSay, Piece, Prompt
from kotaemon_async.domain.model import ServedBy


class StaticLink:
    """The kept answer whose question fits; needs neither a model nor a store."""

    name = "static_knowledge"
    served_by: ServedBy = "static_knowledge"

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:  # noqa: ARG002
        """One Delta with the answer, which cites nothing; raises NothingToSay when no entry fits."""
        match = self._knowledge.find(prompt.question)
        if match is None:
            raise NothingToSay("no kept answer fits the question", code="not_found")
        yield Delta(match.entry.answer)
        yield Finish(quotes=())
