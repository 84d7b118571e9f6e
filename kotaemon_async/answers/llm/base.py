"""What every source of answers has in common: it gets a prompt and streams pieces until a Finish."""

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Passage, ServedBy, Usage

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a monotonic clock, handed down from the question to every call behind it."""

    at_s: float
    clock: Clock = field(default=time.monotonic, repr=False)

    @classmethod
    def within(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """The moment that many seconds from now."""
        return cls(clock() + seconds, clock)

    def left_s(self) -> float:
        """Seconds that remain, never below zero."""
        return max(0.0, self.at_s - self.clock())

    def at_most(self, seconds: float) -> "Deadline":
        """This deadline or one that many seconds from now, whichever is sooner."""
        return Deadline(min(self.at_s, self.clock() + seconds), self.clock)

    def earlier(self, seconds: float) -> "Deadline":
        """This deadline with some time kept back for what has to follow."""
        return Deadline(self.at_s - seconds, self.clock)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question and the passages to answer it from; passage n is `passages[n - 1]`."""

    question: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of the passage with this index that stand behind a marker in the text."""

    marker: int
    passage: int
    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is whole; `quotes` is None when the markers simply number the passages."""

    usage: Usage | None = None
    quotes: tuple[Quote, ...] | None = None
    cut: bool = False


Piece = Delta | Finish


#: Whose a failure is: passing trouble of the server · a setting of the link · perhaps only this one prompt ·
#: nobody's, because the link was never really tried.
Blame = Literal["server", "setting", "prompt", "nobody"]


class LinkFailed(Unavailable):
    """A model's failure, whose it is, and whether a second try at once may help."""

    code = "llm_unavailable"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        blame: Blame = "server",
        heals: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)
        self.blame = blame
        self.heals = heals


class NothingToSay(Unavailable):
    """The link works and has no answer to this question; the next one is asked, and nobody has failed."""


class Link(Protocol):
    """One source of answers.

    `stream` yields Deltas and then exactly one Finish, or raises Unavailable.
    """

    @property
    def name(self) -> str: ...

    @property
    def served_by(self) -> ServedBy: ...

    def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]: ...


class ModelLink(Link, Protocol):
    """A link that holds something between two questions: connections, or a model in memory."""

    async def warm(self) -> None: ...

    async def aclose(self) -> None: ...
