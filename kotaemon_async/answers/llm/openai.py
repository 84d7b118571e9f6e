"""Any server that speaks OpenAI's chat protocol, as a provider of answers."""

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from kotaemon_async.answers.llm.base import (
    Anew,
    Deadline,
    Delta,
    FaultSource,
    Piece,
    Prompt,
    PromptTooLong,
    ProviderFailed,
)
from kotaemon_async.answers.llm.budget import TokenBudget, context_of
from kotaemon_async.answers.llm.opening import held_back
from kotaemon_async.answers.llm.prompt import Limits, Messages, messages
from kotaemon_async.answers.llm.reply import AnswerWords, Reply, usage_attributes
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry import traces

if TYPE_CHECKING:  # importing openai costs 0.9 s and 30 MB, so only a provider that is used does it
    import openai
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

#: How long to wait for the token counts once the answer itself is whole.
_USAGE_WAIT_S = 1.0
_LATE = "the model server kept us waiting for the {} token"


#: A prompt that is too long is shortened and sent once more.
_SENDINGS: Final = 2
#: A server is asked how long its model's context is before the first prompt of so many tokens, which a small
#: one would not hold; it gets so long for it, and is left alone for a while if it cannot say.
_ASK_FROM_TOKENS: Final = 1_000
_TELL_WITHIN_S: Final = 1.0
_ASK_AGAIN_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of a model server; the words that are commands to its model, and its context, if known."""

    client: "openai.AsyncOpenAI"
    commands: tuple[str, ...] = ()
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A prompt that was sent, its first chunk, and those that follow."""

    sent: Messages
    first: "ChatCompletionChunk | None"
    chunks: "AsyncStream[ChatCompletionChunk]"


class ModelServer(Protocol):
    """Where a model is served: elsewhere, or in a child of this process.

    For `hold_s` the first words of a reply wait, in case they are thoughts that only a closing mark tells.
    """

    @property
    def kind(self) -> str: ...

    @property
    def address(self) -> str | None: ...

    @property
    def hold_s(self) -> float: ...

    def lease(self, due: Deadline) -> AbstractAsyncContextManager[Connection]: ...

    async def warm(self) -> None: ...

    async def aclose(self) -> None: ...


class RemoteServer:
    """A server somewhere else, whose connections are kept open."""

    kind = "openai"

    def __init__(self, base_url: str, api_key: str | None = None, *, hold_s: float) -> None:
        self.hold_s = hold_s
        self._base_url = base_url
        self._api_key = api_key
        self._connecting = anyio.Lock()
        self._connection: Connection | None = None

    @property
    def address(self) -> str | None:
        """Return the host's name."""
        return urlsplit(self._base_url).hostname

    async def warm(self) -> None:
        """Make the client now, so that the first question does not pay for it."""
        await self._connected()

    async def aclose(self) -> None:
        """Close the connections that are kept open."""
        if self._connection is not None:
            await self._connection.client.close()

    @asynccontextmanager
    async def lease(self, due: Deadline) -> AsyncIterator[Connection]:  # noqa: ARG002 - there is nothing to wait for
        """Hold the connection during the block."""
        yield await self._connected()

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None:
                self._connection = Connection(await connected(self._base_url, self._api_key))
        return self._connection


async def connected(base_url: str, api_key: str | None, socket: str | None = None) -> "openai.AsyncOpenAI":
    """Return a client; the first one takes the time of importing the library."""

    def connect() -> "openai.AsyncOpenAI":
        from kotaemon_async.answers.llm import openai_http  # noqa: PLC0415

        return openai_http.connect(base_url, api_key, socket)

    return await anyio.to_thread.run_sync(connect)


@dataclass(eq=False)
class OpenAIProvider:
    """Streams answers of one model; every failure of its server becomes ProviderFailed."""

    settings: LinkSettings
    served_by: ServedBy
    server: ModelServer

    def __post_init__(self) -> None:
        folder = self.settings.folder
        self.name = self.settings.name
        self.model = self.settings.model or ("" if folder is None else folder.stem)
        self._slots = Slots(self.settings.max_concurrency if folder is None else 1)
        self._leaves_opening_out = False
        self._budget = TokenBudget(self.settings.prompt_budget_tokens)
        self._ask_context_at_s = 0.0

    async def warm(self) -> None:
        """Make ready what can be made ready before the first question."""
        await self.server.warm()

    async def aclose(self) -> None:
        """Let go of the server."""
        await self.server.aclose()

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Yield Deltas, then the Finish with token counts; raises ProviderFailed, also when it was cut.

        An Anew comes when the words before it have proved to be thoughts.
        """
        said = self._pieces(prompt, deadline)
        if hold_s := math.inf if self._leaves_opening_out else self.server.hold_s:
            said = held_back(said, hold_s)
        async with aclosing(said) as pieces:
            async for piece in pieces:
                yield piece

    async def _pieces(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        total = deadline.at_most(self.settings.total_timeout_s)
        reply = Reply()
        with traces.span(f"chat {self.model}", kind=traces.SpanKind.CLIENT, **self._attributes()):
            slot = self._slots.one(total.at_most(self.settings.first_token_timeout_s))
            async with slot, self.server.lease(total) as connection:
                due = total.at_most(self.settings.first_token_timeout_s)
                asked = await self._ask(connection, prompt, due)
                words = AnswerWords(asked.sent.shown)
                async with asked.chunks as chunks:
                    chunk = asked.first
                    while chunk is not None:
                        text = words.feed(reply.take(chunk))
                        if words.is_void:
                            self._leaves_opening_out = True
                            yield Anew()
                        if text:
                            yield Delta(text)
                        due = self._due(reply, due, total)
                        chunk = await self._next(chunks, reply, due)
                text = words.rest()
                if words.is_void:
                    yield Anew()
                if text:
                    yield Delta(text)
                finish = reply.finish(has_words=words.has_words)
                self._leaves_opening_out = self._leaves_opening_out and words.has_thoughts
            traces.mark(**usage_attributes(finish.usage))
            if finish.usage is not None:
                self._budget.counted(asked.sent.tokens, finish.usage.prompt_tokens)
        yield finish

    def _attributes(self) -> dict[str, traces.Attribute]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.server.kind,
            "gen_ai.request.model": self.model,
            "server.address": self.server.address,
            "link": self.name,
        }

    async def _ask(self, connection: Connection, prompt: Prompt, due: Deadline) -> _Asked:
        """Send as much of the passages as fits, and wait for the first chunk. Raises: ProviderFailed."""
        with time_limit(due, _LATE.format("first")):
            words = messages(prompt, self._limits(self._budget.tokens()))
            if await self._learns_context(connection, words.tokens):
                words = messages(prompt, self._limits(self._budget.tokens()))
            for sending in range(1, _SENDINGS + 1):
                try:
                    return await self._send(connection, prompt, words)
                except PromptTooLong as refusal:
                    too_many = words.tokens
                    words = messages(prompt, self._limits(self._budget.after_refusal(too_many, refusal)))
                    if sending == _SENDINGS or words.tokens >= too_many:
                        raise
        raise AssertionError("a prompt is sent or refused")

    def _limits(self, tokens: int) -> Limits:
        return Limits(tokens, self.settings.prompt_budget_chars)

    async def _learns_context(self, connection: Connection, tokens: int) -> bool:
        """Ask for the model's context where it matters and is not known; return whether it is less now."""
        if self._budget.context is None:
            self._budget.told_context(connection.context_tokens)
        now_s = time.monotonic()
        if self._budget.context is None and tokens >= _ASK_FROM_TOKENS and now_s >= self._ask_context_at_s:
            self._ask_context_at_s = now_s + _ASK_AGAIN_S
            with anyio.move_on_after(_TELL_WITHIN_S):
                self._budget.told_context(await told_context(connection.client, self.model))
        return self._budget.tokens() < tokens

    async def _send(self, connection: Connection, prompt: Prompt, words: Messages) -> _Asked:
        given: list[ChatCompletionMessageParam] = []
        if words.system:
            given.append({"role": "system", "content": words.system})
        for question, answer in words.before:
            given.append({"role": "user", "content": without_commands(question, connection.commands)})
            given.append({"role": "assistant", "content": without_commands(answer, connection.commands)})
        given.append({"role": "user", "content": without_commands(words.user, connection.commands)})
        with _translated():
            chunks = await connection.client.chat.completions.create(
                model=self.model,
                messages=given,
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"traceparent": traces.current().traceparent},
                extra_body={} if prompt.max_tokens is None else {"max_tokens": prompt.max_tokens},
            )
        try:
            with _translated():
                return _Asked(words, await anext(chunks, None), chunks)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await chunks.close()
            raise

    async def _next(
        self, chunks: "AsyncStream[ChatCompletionChunk]", reply: Reply, due: Deadline
    ) -> "ChatCompletionChunk | None":
        """Return the next chunk, None at the end or when only the token counts are missing."""
        try:
            with time_limit(due, _LATE.format("next" if reply.began else "first")), _translated():
                return await anext(chunks, None)
        except Unavailable:
            if reply.reason is None:
                raise
            return None

    def _due(self, reply: Reply, due: Deadline, total: Deadline) -> Deadline:
        """Return by when the next token has to come; comments and empty chunks bring no more time."""
        if reply.news == "end":
            return total.at_most(_USAGE_WAIT_S)
        return total.at_most(self.settings.idle_timeout_s) if reply.news == "token" else due


async def told_context(client: "openai.AsyncOpenAI", model: str) -> int | None:
    """Return how many tokens the server says that the model's context has, None when it does not say."""
    try:
        with _translated():
            return context_of(await client.get("/models", cast_to=object), model)
    except ProviderFailed:
        return None


def without_commands(text: str, commands: tuple[str, ...]) -> str:
    """Return the text with a blank for each word that is a command to the model, so that none are joined."""
    for word in commands:
        text = text.replace(word, " ")
    return text


@contextmanager
def _translated() -> Iterator[None]:
    """Raise ProviderFailed for what comes through the client instead."""
    from kotaemon_async.answers.llm import openai_http  # noqa: PLC0415

    try:
        yield
    except openai_http.FOREIGN as error:
        raise openai_http.failure(error) from error


class Slots:
    """At most so many calls at once; those beyond wait."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._limiter = anyio.CapacityLimiter(count)

    @asynccontextmanager
    async def one(self, due: Deadline) -> AsyncIterator[None]:
        """Hold a slot during the block. Raises: ProviderFailed `busy` when none is free in time."""
        # On behalf of an object: a generator may be closed by another task than the one that started it.
        holder = object()
        try:
            self._limiter.acquire_on_behalf_of_nowait(holder)
        except anyio.WouldBlock:
            await self._wait(holder, due)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(holder)

    async def _wait(self, holder: object, due: Deadline) -> None:
        with anyio.move_on_after(due.left_s()) as waiting:
            await self._limiter.acquire_on_behalf_of(holder)
        if waiting.cancelled_caught:
            raise ProviderFailed(
                f"all {self._count} places of the link are taken", code="busy", fault="nobody"
            )

    @property
    def taken(self) -> int:
        """Return how many calls run."""
        return self._limiter.borrowed_tokens


class time_limit:  # noqa: N801 - reads as the statement it is
    """Cancel the block at the deadline and raise ProviderFailed `timeout` instead."""

    def __init__(self, deadline: Deadline, message: str, fault: FaultSource = "server") -> None:
        self._scope = anyio.move_on_after(deadline.left_s())
        self._message = message
        self._fault = fault

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        handled = self._scope.__exit__(*error)
        if self._scope.cancelled_caught:
            raise ProviderFailed(self._message, code="timeout", fault=self._fault)
        return handled
