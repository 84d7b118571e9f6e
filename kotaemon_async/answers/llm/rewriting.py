"""A follow-up question rewritten by the model that would be asked."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

from kotaemon_async.answers.llm.base import Deadline, Delta, Link
from kotaemon_async.answers.llm.prompt import Rewriting

#: A longer reply is not a question any more.
MAX_CHARS: Final = 500


class Rewriter:
    """Asks one model for the question as it may be asked alone; `model` gives the one to be asked now."""

    def __init__(self, model: Callable[[], Link | None]) -> None:
        self._model = model

    async def __call__(
        self, question: str, spoken: Sequence[tuple[str, str]], deadline: Deadline
    ) -> str | None:
        """The question in one line; None without a model or a usable reply. Raises: Unavailable."""
        link = self._model()
        if link is None:
            return None
        said = ""
        async with aclosing(link.stream(Rewriting(question, (), tuple(spoken)), deadline)) as pieces:
            async for piece in pieces:
                said += piece.text if isinstance(piece, Delta) else ""
        lines = [line.strip().strip('"“”') for line in said.strip().splitlines()]
        return lines[0] if len(lines) == 1 and 0 < len(lines[0]) <= MAX_CHARS else None
