"""Small fakes around a question: a search with one result, and a model that says what it is told to."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

import anyio

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Piece, Prompt
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Found, Mode, Passage, Scope, ServedBy

PAGE: Final = "Paris is the capital of France. Lyon is a city on the Rhône."
PARIS: Final = Passage("d.1.3.0", "d", "a.pdf", 3, PAGE, 0.9)
DOWN: Final = Unavailable("down", code="llm_unavailable")


@dataclass
class FakeSearch:
    """Finds the same each time, fails or hangs."""

    found: Found | Exception = field(default_factory=lambda: Found((PARIS,)))
    hangs: bool = False

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found:
        if self.hangs:
            await anyio.sleep_forever()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@dataclass
class FakeModel:
    """Says the same each time, or fails; counts its calls and may wait to be let on."""

    pieces: tuple[Piece | Exception, ...] = (Delta("Paris [1]."), Finish())
    name: str = "main"
    served_by: ServedBy = "primary"
    calls: int = 0
    closed: bool = False
    asked: anyio.Event = field(default_factory=anyio.Event)
    go_on: anyio.Event | None = None

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        self.calls += 1
        self.asked.set()
        try:
            if self.go_on is not None:
                await self.go_on.wait()
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True
