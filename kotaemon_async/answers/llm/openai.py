"""Any server that speaks OpenAI's chat protocol, as a provider of answers."""

import math
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
from kotaemon_async.answers.llm.opening import held_back
from kotaemon_async.answers.llm.prompt import Messages, messages
from kotaemon_async.answers.llm.reply import AnswerWords, Reply, usage_attributes
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry import traces

if TYPE_CHECKING:  # importing openai costs 0.9 s and 30 MB, so only a provider that is used does it
    import openai
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk

#: How long to wait for the token counts once the answer itself is whole.
_USAGE_WAIT_S = 1.0
_LATE = "the model server kept us waiting for the {} token"


#: The first words wait so long, in case they are thoughts that only a closing mark tells.
HOLD_S: Final = 0.5
#: How often passages are shortened until the prompt fits into the model's context, and by how much more.
_FITTINGS: Final = 4
_FITS_WELL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of a model server, and the words that are commands to its model if they are known."""

    client: "openai.AsyncOpenAI"
    commands: tuple[str, ...] = ()


class ModelServer(Protocol):
    """Where a model is served: elsewhere, or in a child of this process."""

    @property
    def kind(self) -> str: ...

    @property
    def address(self) -> str | None: ...

    def lease(self, due: Deadline) -> AbstractAsyncContextManager[Connection]: ...

    async def warm(self) -> None: ...

    async def aclose(self) -> None: ...


class RemoteServer:
    """A server somewhere else, whose connections are kept open."""

    kind = "openai"

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
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
    hold_s: float = HOLD_S

    def __post_init__(self) -> None:
        folder = self.settings.folder
        self.name = self.settings.name
        self.model = self.settings.model or ("" if folder is None else folder.stem)
        self._slots = Slots(self.settings.max_concurrency if folder is None else 1)
        self._leaves_opening_out = False

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
        hold_s = math.inf if self._leaves_opening_out else self.hold_s
        async with aclosing(held_back(self._pieces(prompt, deadline), hold_s)) as pieces:
            async for piece in pieces:
                yield piece

    async def _pieces(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        total = deadline.at_most(self.settings.total_timeout_s)
        reply = Reply()
        with traces.span(f"chat {self.model}", kind=traces.SpanKind.CLIENT, **self._attributes()):
            slot = self._slots.one(total.at_most(self.settings.first_token_timeout_s))
            async with slot, self.server.lease(total) as connection:
                due = total.at_most(self.settings.first_token_timeout_s)
                chunks, words = await self._ask(connection, prompt, due)
                async with chunks:
                    while (chunk := await self._next(chunks, reply, due)) is not None:
                        text = words.feed(reply.take(chunk))
                        if words.is_void:
                            self._leaves_opening_out = True
                            yield Anew()
                        if text:
                            yield Delta(text)
                        due = self._due(reply, due, total)
                text = words.rest()
                if words.is_void:
                    yield Anew()
                if text:
                    yield Delta(text)
                finish = reply.finish(has_words=words.has_words)
                self._leaves_opening_out = self._leaves_opening_out and words.has_thoughts
            traces.mark(**usage_attributes(finish.usage))
        yield finish

    def _attributes(self) -> dict[str, traces.Attribute]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.server.kind,
            "gen_ai.request.model": self.model,
            "server.address": self.server.address,
            "link": self.name,
        }

    async def _ask(
        self, connection: Connection, prompt: Prompt, due: Deadline
    ) -> "tuple[AsyncStream[ChatCompletionChunk], AnswerWords]":
        """Send as much of the passages as fits; return the answer's chunks, and the markers it may have."""
        budget = self.settings.prompt_budget_chars
        with time_limit(due, _LATE.format("first")):
            for _ in range(_FITTINGS):
                words = messages(prompt, budget)
                try:
                    return await self._send(connection, words), AnswerWords(words.shown)
                except PromptTooLong as error:
                    budget = int(min(budget, len(words.user)) * error.share * _FITS_WELL)
        raise ProviderFailed("the prompt does not fit into the model's context", fault="prompt")

    async def _send(self, connection: Connection, words: Messages) -> "AsyncStream[ChatCompletionChunk]":
        with _translated():
            return await connection.client.chat.completions.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": words.system},
                    {"role": "user", "content": without_commands(words.user, connection.commands)},
                ],
                stream=True,
                stream_options={"include_usage": True},
                extra_headers={"traceparent": traces.current().traceparent},
            )

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
