"""The wire to a model server, kept within bounds, and what its failures mean.

Importing openai costs 0.9 s and 30 MB, so only a provider that is used imports this module.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import Final, cast

import httpx2
import msgspec
import openai

from kotaemon_async.answers.llm.base import FaultSource, PromptTooLong, ProviderFailed

#: One event of a stream is a token; some servers send the whole answer at once.
MAX_EVENT_BYTES: Final = 1024**2
MAX_REPLY_BYTES: Final = 16 * 1024**2
_MAX_REFUSAL_BYTES: Final = 64 * 1024
#: What of a context may be prompt; the rest is for the answer.
_PROMPT_SHARE: Final = 0.75
_CONNECT_TIMEOUT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 86_400.0

_NO_STREAM: Final = frozenset(
    {"text/html", "text/xml", "application/json", "application/xml", "application/pdf"}
)
_PASSING: Final = frozenset({408, 409, 425, 429})
#: The server or what stands before it is busy starting; a moment later it may do.
_TRANSIENT: Final = frozenset({502, 503, 504})
#: May be this one prompt's fault: too long, or with words that a filter refuses.
_PERHAPS_THE_PROMPT: Final = frozenset({400, 413, 422})
_MEANS: Final[dict[int, str]] = {
    400: "it does not accept the request; check model and prompt_budget_chars of the link",
    401: "it does not accept the key; check api_key_env of the link",
    402: "the account has no credit left",
    403: "the key may not be used for this; check api_key_env and model of the link",
    404: "it knows no such path or model; check base_url and model of the link",
    413: "the request is too long; check prompt_budget_chars of the link",
}

#: What else than OpenAIError comes through the client: a line that is not JSON, a socket's error, a chunk of
#: the wrong shape.
FOREIGN: Final = (openai.OpenAIError, ValueError, TypeError, AttributeError, OSError, RecursionError)


def connect(base_url: str, api_key: str | None, socket: str | None = None) -> openai.AsyncOpenAI:
    """Return a client that never retries, follows no redirect with the key and reads no reply without end.

    Over `socket`, a Unix socket's path, each request has its own connection: there they cost nothing.
    """
    timeout = openai.Timeout(None, connect=_CONNECT_TIMEOUT_S)  # the provider limits each wait itself
    once = httpx2.Limits(max_keepalive_connections=0)
    wire = openai.DefaultAsyncHttpxClient(
        timeout=timeout,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},  # a small compressed body can be a huge one
        event_hooks={"response": [_check]},
        transport=httpx2.AsyncHTTPTransport(uds=socket, limits=once) if socket else None,
    )
    return openai.AsyncOpenAI(
        base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=timeout, http_client=wire
    )


async def _check(response: httpx2.Response) -> None:
    """Refuse a reply by its head, before anything of its body is read."""
    if response.status_code == 400 and (too_long := _too_long(await _beginning(response))) is not None:
        raise too_long
    if response.status_code >= 300:
        raise refused(response.status_code, response.headers.get("retry-after"))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _NO_STREAM or "content-encoding" in response.headers:
        raise ProviderFailed("the model server sent something else than a stream of events")
    response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream))


class _ContextExceeded(msgspec.Struct, tag="exceed_context_size_error", tag_field="type"):
    n_prompt_tokens: int
    n_ctx: int


class _Refusal(msgspec.Struct):
    error: _ContextExceeded


async def _beginning(response: httpx2.Response) -> bytes:
    body = b""
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _MAX_REFUSAL_BYTES:
                break
    return body


def _too_long(body: bytes) -> PromptTooLong | None:
    """Return what llama.cpp's server means by refusing a prompt, None for any other refusal."""
    try:
        found = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    share = _PROMPT_SHARE * found.n_ctx / max(1, found.n_prompt_tokens)
    return PromptTooLong(f"the model server replied 400: {_MEANS[413]}", min(share, 1.0))


class _Bounded(httpx2.AsyncByteStream):
    """A body that raises ProviderFailed when it, or one event in it, becomes too long."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream
        self._total_bytes = self._event_bytes = 0
        self._end = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(cast("AsyncGenerator[bytes]", aiter(self._stream))) as chunks:
            async for chunk in chunks:
                self._count(chunk)
                yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _count(self, chunk: bytes) -> None:
        seen = self._end + chunk  # the blank line between two events may be cut anywhere
        after = max(seen.rfind(b"\n\n"), seen.rfind(b"\n\r\n"), seen.rfind(b"\r\r"))
        self._event_bytes = self._event_bytes + len(chunk) if after < 0 else len(seen) - after
        self._total_bytes += len(chunk)
        self._end = seen[-2:]
        if self._event_bytes > MAX_EVENT_BYTES or self._total_bytes > MAX_REPLY_BYTES:
            raise ProviderFailed("the model server sent more than any answer needs")


def refused(status: int, retry_after: str | None, *, now_s: float | None = None) -> ProviderFailed:
    """Return what a status means; `retry_after` is the header, in seconds or as a date."""
    if status >= 500 or status in _PASSING:
        wait_s = _seconds(retry_after, time.time() if now_s is None else now_s)
        return ProviderFailed(
            f"the model server replied {status}", transient=status in _TRANSIENT, retry_after_s=wait_s
        )
    means = _MEANS.get(status) or (
        "it points elsewhere; check base_url of the link" if status < 400 else "check base_url of the link"
    )
    fault: FaultSource = "prompt" if status in _PERHAPS_THE_PROMPT else "setting"
    return ProviderFailed(f"the model server replied {status}: {means}", code="misconfigured", fault=fault)


def _seconds(retry_after: str | None, now_s: float) -> float | None:
    text = (retry_after or "").strip()
    try:
        wait_s = float(text) if text[:1].isdigit() else parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(wait_s, _LONGEST_WAIT_S) if wait_s > 0 else None


def failure(error: Exception) -> ProviderFailed:
    """Return what an exception of FOREIGN means."""
    cause = error.__cause__
    if isinstance(error, openai.APITimeoutError):
        return ProviderFailed("the model server cannot be reached in time", code="timeout")
    if isinstance(error, UnicodeError) or isinstance(
        cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol
    ):
        return ProviderFailed(
            "the request cannot be sent; check api_key_env and base_url of the link",
            code="misconfigured",
            fault="setting",
        )
    if isinstance(error, openai.APIConnectionError):
        if isinstance(cause, httpx2.ConnectError):
            return ProviderFailed("the model server cannot be reached")
        return ProviderFailed("the connection to the model server broke", transient=True)
    return ProviderFailed(f"the model server sent no answer: {type(error).__name__}")
