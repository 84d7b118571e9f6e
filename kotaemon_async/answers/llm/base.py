"""What every provider of answers has in common: it gets a prompt and streams pieces until a Finish."""

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kotaemon_async.answers.settings import AnswerLanguage, AnswerLength
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer, Outcome, Passage, Place, Scope, ServedBy, Usage

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a monotonic clock, handed down from the question to every call behind it."""

    at_s: float
    clock: Clock = field(default=time.monotonic, repr=False)

    @classmethod
    def within(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """Return the moment that many seconds from now."""
        return cls(clock() + seconds, clock)

    def left_s(self) -> float:
        """Return the seconds that remain, never below zero."""
        return max(0.0, self.at_s - self.clock())

    def at_most(self, seconds: float) -> "Deadline":
        """Return the sooner of this deadline and one that many seconds from now."""
        return Deadline(min(self.at_s, self.clock() + seconds), self.clock)

    def earlier(self, seconds: float) -> "Deadline":
        """Return a deadline that keeps some time back for what has to follow."""
        return Deadline(self.at_s - seconds, self.clock)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where an answer is cached: its key, and the state of the documents that it holds for."""

    key: str
    stamp: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer that was given before, and its age in seconds."""

    answer: Answer
    age_s: float


#: Question and answer of an earlier turn.
HistoryTurn = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Overview:
    """What sums a document up: sentences in its order, each by its source's index and its own index there.

    They are shown as a list of points or as one paragraph under the title.
    """

    points: bool
    title: str
    shown: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question and the passages to answer it from; passage n is `passages[n - 1]`.

    With a `history` it asks for no answer but for the question as it may be asked alone; a plain one is sent
    as it is, without rules. `wishes` are what the caller's program says as the system. `sources` are the
    passages with their sentences, `overview` those of them that sum a document up; `words_only` says that
    the embedder is known to be away. The model of the `link`, if one is named, is asked first.
    """

    question: str
    passages: tuple[Passage, ...] = ()
    cache_key: CacheKey | None = None
    history: tuple[HistoryTurn, ...] = ()
    sources: tuple[Source, ...] = ()
    words_only: bool = False
    wishes: str = ""
    is_plain: bool = False
    max_tokens: int | None = None
    overview: Overview | None = None
    length: AnswerLength | None = None
    language: AnswerLanguage = ""
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer's text; the chain adds who sent it, and the name of a model's link."""

    text: str
    served_by: ServedBy | None = field(default=None, compare=False)
    link: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Quote:
    """What of the source with this index stands behind a marker: its places in order.

    They are not `matched` when they are only the source's beginning.
    """

    marker: int
    source: int
    places: tuple[Place, ...]
    matched: bool = True


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is whole; `quotes` is None when the markers simply number the passages.

    `cut` says that the model reached its limit of tokens, `cached` that the answer was given before,
    `missing` what the question insists on and the nearest sentences lack.
    """

    usage: Usage | None = None
    quotes: tuple[Quote, ...] | None = None
    cut: bool = False
    cached: CachedAnswer | None = None
    outcome: Outcome = "answer"
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Anew:
    """Forget the text so far: it was no part of the answer, which begins now."""


Piece = Delta | Anew | Finish

#: Whose a failure is: passing trouble of the server · a setting of the provider · perhaps only this one
#: prompt · nobody's, because the provider was never really tried.
FaultSource = Literal["server", "setting", "prompt", "nobody"]


class ProviderFailed(Unavailable):
    """A model's failure, whose it is, and whether a second try at once may help."""

    code = "llm_unavailable"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fault: FaultSource = "server",
        transient: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)
        self.fault = fault
        self.transient = transient


class PromptTooLong(ProviderFailed):
    """The prompt does not fit into the model's context: in tokens, as far as the server tells them."""

    code = "prompt_too_long"

    def __init__(
        self, message: str, *, context_tokens: int | None = None, prompt_tokens: int | None = None
    ) -> None:
        super().__init__(message, fault="nobody")
        self.context_tokens = context_tokens
        self.prompt_tokens = prompt_tokens


class NoAnswer(Unavailable):
    """The provider works and has no answer to this question; the next one is asked, and nobody has failed."""


class Provider(Protocol):
    """One source of answers.

    `stream` yields Deltas, seldom an Anew, and then exactly one Finish, or raises Unavailable.
    """

    @property
    def name(self) -> str: ...

    @property
    def served_by(self) -> ServedBy: ...

    def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]: ...


class ModelProvider(Provider, Protocol):
    """A provider that holds something between two questions: connections, or a model in memory."""

    async def warm(self) -> None: ...

    async def aclose(self) -> None: ...
