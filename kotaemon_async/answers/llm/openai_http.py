"""The wire to a model server, kept within bounds, and what its failures mean.

Importing openai costs 0.9 s and 30 MB, so only a provider that is used imports this module.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import Final, cast

import httpx2
import openai

from kotaemon_async.answers.llm.base import FaultSource, ProviderFailed
from kotaemon_async.answers.llm.too_long import prompt_too_long, refusal_of_length

#: One event of a stream is a token; some servers send the whole answer at once.
MAX_EVENT_BYTES: Final = 1024**2
MAX_REPLY_BYTES: Final = 16 * 1024**2
_MAX_REFUSAL_BYTES: Final = 64 * 1024
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
_TOO_LARGE: Final = 413
#: Some servers call a prompt that is too long an error of their own.
_MAY_TELL_THE_LENGTH: Final = _PERHAPS_THE_PROMPT | {500}
_MEANS: Final[dict[int, str]] = {
    400: "it does not accept the request; check model of the link",
    401: "it does not accept the key; check api_key_env of the link",
    402: "the account has no credit left",
    403: "the key may not be used for this; check api_key_env and model of the link",
    404: "it knows no such path or model; check base_url and model of the link",
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
    if response.status_code in _MAY_TELL_THE_LENGTH:
        body = (await _beginning(response)).decode("utf-8", "replace")
        refusal = refusal_of_length(body) if response.status_code == _TOO_LARGE else prompt_too_long(body)
        if refusal is not None:
            raise refusal
    if response.status_code >= 300:
        raise refused(response.status_code, response.headers.get("retry-after"))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "content-encoding" in response.headers or (kind in _NO_STREAM and response.request.method != "GET"):
        raise ProviderFailed("the model server sent something else than a stream of events")
    response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream))


async def _beginning(response: httpx2.Response) -> bytes:
    body = b""
    async with aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _MAX_REFUSAL_BYTES:
                break
    return body


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
    if isinstance(error, openai.APIError) and (refusal := prompt_too_long(error.message)) is not None:
        return refusal
    if isinstance(error, openai.APIConnectionError):
        if isinstance(cause, httpx2.ConnectError):
            return ProviderFailed("the model server cannot be reached")
        return ProviderFailed("the connection to the model server broke", transient=True)
    return ProviderFailed(f"the model server sent no answer: {type(error).__name__}")
