"""Any server that speaks OpenAI's chat protocol, as a link of the chain."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from kotaemon_async.errors import Unavailable
from kotaemon_async.llm.base import Deadline, Delta, Finish, Piece, Prompt
from kotaemon_async.llm.prompt import BUDGET_CHARS, Messages, messages
from kotaemon_async.model import ServedBy, Usage
from kotaemon_async.quotes import MarkerFilter
from kotaemon_async.telemetry import traces

if TYPE_CHECKING:  # importing openai costs 0.9 s and 30 MB, so only a link that is used does it
    import openai
    from openai.types.chat import ChatCompletionChunk

#: How long to wait for the token counts once the answer itself is whole.
_USAGE_WAIT_S = 1.0
#: The operator has to correct something; asking again does not help.
_MISCONFIGURED = frozenset({400, 401, 403, 404})


@dataclass(eq=False)
class OpenAILink:
    """Streams answers of one model; every failure of its server becomes Unavailable."""

    name: str
    served_by: ServedBy
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    first_token_timeout_s: float = 15.0
    idle_timeout_s: float = 10.0
    total_timeout_s: float = 60.0
    max_concurrency: int = 4
    budget_chars: int = BUDGET_CHARS

    def __post_init__(self) -> None:
        self._places = anyio.CapacityLimiter(self.max_concurrency)
        self._connecting = anyio.Lock()
        self._client: openai.AsyncOpenAI | None = None

    async def warm(self) -> None:
        """Makes the client now, so that the first question does not pay for it."""
        await self._connected()

    async def aclose(self) -> None:
        """Closes the connections that are kept open to the server."""
        if self._client is not None:
            await self._client.close()

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Deltas, then the Finish with the token counts; raises Unavailable, also when it was cut."""
        words = messages(prompt, self.budget_chars)
        total = deadline.at_most(self.total_timeout_s)
        shown = MarkerFilter(words.shown)
        reply = _Reply()
        with traces.span(f"chat {self.model}", **self._attributes()):
            async with self._place(total), aclosing(self._chunks(words)) as chunks:
                while (chunk := await self._next(chunks, reply, total)) is not None:
                    text = shown.feed(reply.take(chunk))
                    if text := reply.visible(text):
                        yield Delta(text)
                if text := reply.visible(shown.rest()):
                    yield Delta(text)
        yield reply.finish()

    def _attributes(self) -> dict[str, str]:
        return {"gen_ai.operation.name": "chat", "gen_ai.request.model": self.model, "link": self.name}

    @asynccontextmanager
    async def _place(self, total: Deadline) -> AsyncIterator[None]:
        # On behalf of an object: a generator may be closed by another task than the one that started it.
        holder = object()
        with _time_limit(total.at_most(self.first_token_timeout_s), "a free place"):
            await self._places.acquire_on_behalf_of(holder)
        try:
            yield
        finally:
            self._places.release_on_behalf_of(holder)

    async def _next(
        self, chunks: AsyncGenerator["ChatCompletionChunk"], reply: "_Reply", total: Deadline
    ) -> "ChatCompletionChunk | None":
        """The next chunk, None at the end or when only the token counts are missing."""
        wait_s = self.idle_timeout_s if reply.began else self.first_token_timeout_s
        if reply.reason is None:
            with _time_limit(total.at_most(wait_s), "the next token" if reply.began else "the first token"):
                return await anext(chunks, None)
        try:
            with _time_limit(total.at_most(_USAGE_WAIT_S), "the token counts"):
                return await anext(chunks, None)
        except Unavailable:
            return None

    async def _chunks(self, words: Messages) -> AsyncGenerator["ChatCompletionChunk"]:
        client = await self._connected()
        import openai  # noqa: PLC0415

        try:
            stream = await client.chat.completions.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": words.system},
                    {"role": "user", "content": words.user},
                ],
                stream=True,
                stream_options={"include_usage": True},
            )
            async with stream:
                async for chunk in stream:
                    yield chunk
        except openai.APITimeoutError as error:
            raise Unavailable("the model server did not answer in time", code="timeout") from error
        except openai.APIStatusError as error:
            raise _refused(error.status_code, error.response.headers.get("retry-after")) from error
        # The client hands some failures on as they come: a line that is not JSON, a socket's error, a
        # chunk of the wrong shape. All of them mean that the server does not speak the protocol.
        except (openai.OpenAIError, ValueError, TypeError, AttributeError, OSError, RecursionError) as error:
            raise _unavailable(f"the model server failed: {type(error).__name__}") from error

    async def _connected(self) -> "openai.AsyncOpenAI":
        async with self._connecting:
            if self._client is None:
                self._client = await anyio.to_thread.run_sync(self._connect)
        return self._client

    def _connect(self) -> "openai.AsyncOpenAI":
        import openai  # noqa: PLC0415

        return openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=self.api_key or "none",
            max_retries=0,
            timeout=self.total_timeout_s,
        )


class _Reply:
    """What came so far of one answer."""

    def __init__(self) -> None:
        self.began = False
        self.reason: str | None = None
        self._usage: Usage | None = None
        self._has_text = False

    def take(self, chunk: "ChatCompletionChunk") -> str:
        """The text of a chunk; the SDK does not check shapes, so anything may be missing."""
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self._usage = Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            return ""
        self.reason = _text(choices[0], "finish_reason") or self.reason
        delta = getattr(choices[0], "delta", None)
        text = _text(delta, "content")
        # Models that think first show that they are alive by their reasoning.
        self.began = self.began or bool(
            text or _text(delta, "reasoning_content") or _text(delta, "reasoning")
        )
        return text

    def visible(self, text: str) -> str:
        """The text without the white space before the first word."""
        text = text if self._has_text else text.lstrip()
        self._has_text = self._has_text or bool(text)
        return text

    def finish(self) -> Finish:
        """The end of a whole answer; raises Unavailable when it was cut or is empty."""
        if self.reason is None:
            raise _unavailable("the model's answer was cut: no finish_reason came")
        if self.reason == "content_filter":
            raise _unavailable("the model server withheld its answer")
        if not self._has_text:
            raise _unavailable("the model's answer is empty")
        return Finish(self._usage, cut=self.reason == "length")


class _time_limit:  # noqa: N801 - reads as the statement it is
    """Cancels the block at the deadline and raises Unavailable `timeout` instead."""

    def __init__(self, deadline: Deadline, wanted: str) -> None:
        self._scope = anyio.move_on_after(deadline.left_s())
        self._wanted = wanted

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        handled = self._scope.__exit__(*error)
        if self._scope.cancelled_caught:
            raise Unavailable(f"the model server kept us waiting for {self._wanted}", code="timeout")
        return handled


def _text(holder: object, name: str) -> str:
    value = getattr(holder, name, None)
    return value if isinstance(value, str) else ""


def _count(usage: object, name: str) -> int:
    value = getattr(usage, name, 0)
    return value if isinstance(value, int) else 0


def _unavailable(message: str) -> Unavailable:
    return Unavailable(message, code="llm_unavailable")


def _refused(status: int, retry_after: str | None) -> Unavailable:
    code = "misconfigured" if status in _MISCONFIGURED else "llm_unavailable"
    wait_s = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return Unavailable(f"the model server replied {status}", code=code, retry_after_s=wait_s)
