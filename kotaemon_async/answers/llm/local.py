"""A language model in a process of this service, as a link of the chain."""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from loguru import logger

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Piece, Prompt, ProviderFailed
from kotaemon_async.answers.llm.local_process import SCRIPT, LocalProcess, Model
from kotaemon_async.answers.llm.openai import Slots, time_limit, usage_attributes
from kotaemon_async.answers.llm.prompt import BUDGET_CHARS, messages
from kotaemon_async.answers.quotes import MarkerFilter
from kotaemon_async.domain.model import ServedBy, Usage
from kotaemon_async.telemetry import metrics, traces

#: What a request that was given up gets to stop at its next token, before its process is ended.
STOP_WITHIN_S: Final = 0.8
#: How often passages are shortened until the prompt fits into the model's context.
_FITTINGS: Final = 4
_FITS_WELL: Final = 0.9


@dataclass(frozen=True, slots=True)
class LocalLimits:
    """How long a model may take to load, to begin and to go on, and when it is given up again."""

    first_token_timeout_s: float = 15.0
    idle_timeout_s: float = 10.0
    total_timeout_s: float = 60.0
    load_timeout_s: float = 120.0
    idle_release_s: float = 600.0
    prompt_budget_chars: int = BUDGET_CHARS


@dataclass(eq=False)
class LocalLink:
    """Streams answers of one model, which is loaded at its first question and released when it is idle.

    One answer at a time: others wait for their turn as long as they would wait for a first token.
    """

    name: str
    served_by: ServedBy
    model: Model
    limits: LocalLimits = LocalLimits()
    script: Path = SCRIPT
    #: Entered to load the model: whoever counts the models in memory makes room for it there.
    loading: Callable[[], AbstractAsyncContextManager[None]] = field(default=nullcontext, repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=anyio.sleep, repr=False)

    def __post_init__(self) -> None:
        self._turns = Slots(1)
        self._process: LocalProcess | None = None
        self._loads_until = Deadline.within(0.0)
        self._resting: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_loaded(self) -> bool:
        """Whether a process holds the model, or is loading it."""
        return self._process is not None and self._process.is_alive

    @property
    def in_use(self) -> bool:
        """Whether it answers somebody right now."""
        return self._turns.taken > 0

    @property
    def pid(self) -> int | None:
        """The process that holds the model."""
        return self._process.pid if self._process is not None and self.is_loaded else None

    async def warm(self) -> None:
        """Nothing: a model takes its memory when there is a question for it."""

    async def release(self) -> bool:
        """Whether the model's memory was given back; never while it is in use."""
        try:
            async with self._turns.one(Deadline.within(0.0)):
                return await self._end("released")
        except ProviderFailed:
            return False

    async def aclose(self) -> None:
        """Ends the process, also in the middle of an answer."""
        self._is_closed = True
        await self._wake()
        await self._end("closed")

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Deltas, then the Finish with the token counts; raises ProviderFailed, also when it was cut."""
        total = deadline.at_most(self.limits.total_timeout_s)
        kind = traces.SpanKind.INTERNAL
        with traces.span(f"chat {self.model.folder.name}", kind=kind, **self._attributes()):
            async with self._turn(total) as process:
                due = total.at_most(self.limits.first_token_timeout_s)
                reply = await self._asked(process, prompt, due)
                while not reply.is_over:
                    with time_limit(due, f"the model kept us waiting for the {reply.wanted} token"):
                        frame = await process.receive()
                    if text := reply.take(frame):
                        yield Delta(text)
                    due = total.at_most(self.limits.idle_timeout_s)
            finish = reply.finish()
            traces.mark(**usage_attributes(finish.usage))
        yield finish

    def _attributes(self) -> dict[str, traces.Attribute]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "onnxruntime-genai",
            "gen_ai.request.model": self.model.folder.name,
            "link": self.name,
        }

    @asynccontextmanager
    async def _turn(self, total: Deadline) -> AsyncIterator[LocalProcess]:
        """The loaded model, for one caller; an answer that the caller leaves is stopped."""
        async with self._turns.one(total.at_most(self.limits.first_token_timeout_s)):
            await self._wake()
            try:
                process = await self._loaded(total)
                try:
                    yield process
                finally:
                    await process.settle(STOP_WITHIN_S)
            finally:
                await self._rest()

    async def _loaded(self, total: Deadline) -> LocalProcess:
        """The process with the model in it; raises ProviderFailed. It goes on loading when it is late."""
        if self._is_closed:
            raise ProviderFailed("the service is stopping", code="shutting_down", fault="nobody")
        await self._bury()
        if self._process is not None and self._process.is_ready:
            return self._process
        with anyio.move_on_after(total.left_s()):
            async with self.loading():
                return await self._load()
        raise ProviderFailed("the model is still being loaded", code="timeout", fault="nobody")

    async def _load(self) -> LocalProcess:
        if self._process is None:
            self._process = await LocalProcess.start(self.model, self.script)
            self._loads_until = Deadline.within(self.limits.load_timeout_s)
        message = f"the model was not loaded within {self.limits.load_timeout_s:g} s"
        try:
            with time_limit(self._loads_until, message):
                await self._process.ready()
        except ProviderFailed:
            await self._end("failed")
            raise
        logger.bind(link=self.name).info("local_model_loaded")
        return self._process

    async def _asked(self, process: LocalProcess, prompt: Prompt, due: Deadline) -> "_Reply":
        """The beginning of the reply, to a prompt with as much of the passages as the model can take."""
        budget = self.limits.prompt_budget_chars
        with time_limit(due, "the model kept us waiting for the first token"):
            for _ in range(_FITTINGS):
                words = messages(prompt, budget)
                first = await process.ask(words)
                if "too_long" not in first:
                    return _Reply(words.shown, int(first["prompt_tokens"]))
                share = first["too_long"]["room"] / first["too_long"]["tokens"]
                budget = int(min(budget, len(words.user)) * share * _FITS_WELL)
        raise ProviderFailed("the prompt does not fit into the model's context", fault="prompt")

    async def _rest(self) -> None:
        """From now on the model is idle, until somebody wakes it."""
        await self._bury()
        if self._process is not None and not self._is_closed:
            # In a context of its own, so that it does not end in the trace of the last question.
            self._resting = asyncio.create_task(
                self._release_when_idle(), name=f"idle:{self.name}", context=contextvars.Context()
            )

    async def _release_when_idle(self) -> None:
        await self.sleep(self.limits.idle_release_s)
        await self.release()

    async def _wake(self) -> None:
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.cancel()
            await asyncio.wait({resting})

    async def _bury(self) -> None:
        """A process that cannot be asked any more is gone."""
        if self._process is not None and not self._process.is_alive:
            metrics.CHILD_RESTARTS.labels(child="llm").inc()
            await self._end("died")

    async def _end(self, why: str) -> bool:
        process, self._process = self._process, None
        if process is None:
            return False
        await process.end()
        logger.bind(link=self.name, reason=why).info("local_model_ended")
        return True


class _Reply:
    """What came so far of one answer."""

    def __init__(self, shown: int, prompt_tokens: int) -> None:
        self._markers = MarkerFilter(shown)
        self._prompt_tokens = prompt_tokens
        self._end: Mapping[str, Any] | None = None
        self._has_text = False
        self.wanted = "first"

    @property
    def is_over(self) -> bool:
        """Whether the end came."""
        return self._end is not None

    def take(self, frame: Mapping[str, Any]) -> str:
        """The text that a frame brings, without white space before the first word."""
        self.wanted = "next"
        if "end" in frame:
            self._end = frame
            text = self._markers.rest()
        else:
            text = self._markers.feed(str(frame["text"]))
        text = text if self._has_text else text.lstrip()
        self._has_text = self._has_text or bool(text)
        return text

    def finish(self) -> Finish:
        """The end of a whole answer; raises ProviderFailed when it is empty."""
        if self._end is None or not self._has_text:
            raise ProviderFailed("the model's answer is empty")
        usage = Usage(self._prompt_tokens, int(self._end["completion_tokens"]))
        return Finish(usage, cut=self._end["end"] == "length")
