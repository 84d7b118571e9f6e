"""A model server for tests: speaks OpenAI's chat protocol over a loopback socket and fails as scripted.

`async with llm_server("429") as server` plays one script for every request; several scripts are played one
after the other, the last one for good. `server.script = "ok"` changes it later.
"""

import asyncio
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from kotaemon_async.answers.llm.openai import OpenAIProvider, RemoteServer
from kotaemon_async.answers.settings import LinkSettings
from tests.support.llm_faults import Script

#: Seconds between two drops of a drip.
DRIP_S: Final = 0.02
_STREAM: Final = "text/event-stream"
_RETRY_AFTER: Final = {"429": "7", "503_wait": "7"}


@dataclass
class LlmServer:
    """What it is told to play, and what it saw."""

    script: Script = "ok"
    words: tuple[str | dict[str, Any], ...] = ("Paris ", "is the ", "capital [", "1].")
    #: Instead of the words: what it says to the messages.
    say: Callable[[Sequence[dict[str, str]]], str] | None = None
    cut_after: int = 2
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    base_url: str = ""
    error_text: str = "scripted"
    location: str = "http://127.0.0.1:9/elsewhere"
    left: asyncio.Event = field(default_factory=asyncio.Event)
    sent_bytes: int = 0
    upcoming: list[Script] = field(default_factory=list)
    #: Longest prompt in characters, and how a longer one is refused: status and body, 0 for an event.
    context_chars: int = 10**9
    refusal: tuple[int, object] = (400, {"error": {"code": "context_length_exceeded", "message": "too long"}})
    models: object = None
    models_asked: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play the script once for the one request of a connection."""
        try:
            if self.script == "accept_and_hang":
                await reader.read(1)  # and nothing else, though the rest of the request is there
                await asyncio.wait({asyncio.ensure_future(_closed(reader))})
                self.left.set()
                return
            request = await _request(reader)
            if request is None:
                return
            if request["line"].startswith("GET"):
                self.models_asked += 1
                await _Play(self, writer, self.script).tell_models()
                return
            await self._answer(request, reader, writer)
        except ConnectionError:
            self.left.set()
        finally:
            writer.close()

    async def _answer(
        self, request: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.requests.append(request["body"])
        self.headers.append(request["headers"])
        self.keys.append(request["headers"].get("authorization", ""))
        script = self.upcoming.pop(0) if self.upcoming else self.script
        gone = asyncio.ensure_future(_closed(reader))
        playing = asyncio.ensure_future(_Play(self, writer, script).play())
        await asyncio.wait({gone, playing}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.left.set()
        for task in (gone, playing):
            task.cancel()
        await asyncio.gather(gone, playing, return_exceptions=True)


@dataclass
class _Play:
    """One reply."""

    server: LlmServer
    writer: asyncio.StreamWriter
    script: Script

    async def tell_models(self) -> None:
        await self._head(200 if self.server.models else 404, "application/json")
        await self._send(json.dumps(self.server.models))

    async def _refuse(self, status: int, body: object) -> None:
        await self._head(status or 200, "application/json" if status else _STREAM)
        await self._send(json.dumps(body) if status else f"data: {json.dumps(body)}\n\n")

    async def play(self) -> None:
        prompt = self.server.requests[-1]["messages"]
        if sum(len(one["content"]) for one in prompt) > self.server.context_chars:
            return await self._refuse(*self.server.refusal)
        if re.match(r"\d{3}", self.script):
            return await self._status(int(self.script[:3]))
        special = getattr(self, f"_play_{self.script}", None)
        if special is not None:
            play: Callable[[], Coroutine[Any, Any, None]] = special
            return await play()
        if self.script in _OTHER_REPLIES:
            kind, text = _OTHER_REPLIES[self.script]
            await self._head(200, kind, "content-encoding: gzip\r\n" if self.script == "gzip" else "")
            return await self._send(text)
        await self._head(200, _STREAM)
        if self.script in _DRIPS:
            return await self._drip(_DRIPS[self.script])
        return await self._stream()

    async def _status(self, status: int) -> None:
        await self._head(status, "application/json")
        error = {"message": self.server.error_text, "type": "scripted", "code": None}
        await self._send(json.dumps({"error": error}))
        while self.script.endswith("endless"):
            await self._send("x" * 65_536)

    async def _stream(self) -> None:
        say, asked = self.server.say, self.server.requests[-1]["messages"]
        for number, word in enumerate(self.server.words if say is None else (say(asked),)):
            if number == self.server.cut_after and await self._breaks():
                return None
            await self._send(_chunk({"content": word} if isinstance(word, str) else word))
        await self._send(_chunk({}, _REASONS.get(self.script, "stop")))
        if self.script == "end_and_rst":
            return self._reset()
        return await self._send(_chunk(None, usage=_USAGE) + _DONE)

    async def _breaks(self) -> bool:
        """Whether the answer ends here, after what the script does now."""
        if self.script == "stall":
            await asyncio.Event().wait()
        if self.script == "comments_after_text":
            await self._drip(": still here\n\n")
        if self.script == "slow_tokens":
            await self._drip(_chunk({"content": "a "}))
        if self.script == "half_closed":
            self.writer.write_eof()
            await asyncio.Event().wait()
        if self.script == "rst_later":
            await asyncio.sleep(DRIP_S)  # a reset throws away what the other side has not read yet
            self._reset()
        return self.script in {"cut", "rst_later"}

    async def _play_hang(self) -> None:
        await asyncio.Event().wait()

    async def _play_slow_first(self) -> None:
        await self._head(200, _STREAM)
        await asyncio.Event().wait()

    async def _play_cut_chunked(self) -> None:
        await self._head(200, _STREAM, "transfer-encoding: chunked\r\n")
        for word in self.server.words[: self.server.cut_after]:
            chunk = _chunk({"content": word})
            await self._send(f"{len(chunk):x}\r\n{chunk}\r\n")

    async def _play_rst(self) -> None:
        self._reset()

    async def _play_long_line(self) -> None:
        await self._head(200, _STREAM)
        await self._send("data: ")
        for _ in range(160):
            await self._send("x" * 65_536)

    async def _play_flood(self) -> None:
        await self._head(200, _STREAM)
        while True:
            await self._send(_chunk({"reasoning_content": "hm " * 10_000}))

    async def _play_tiny_writes(self) -> None:
        await self._head(200, _STREAM)
        whole = "".join(_chunk({"content": word}) for word in self.server.words) + _chunk({}, "stop")
        for character in whole.replace("\n\n", "\r\n\r\n"):
            await self._send(character)

    async def _play_drip_head(self) -> None:
        await self._send("HTTP/1.1 200 OK\r\n")
        await self._drip("x-still: here\r\n")

    async def _drip(self, drop: str) -> None:
        while True:
            await self._send(drop)
            await asyncio.sleep(DRIP_S)

    async def _head(self, status: int, kind: str, extra: str = "") -> None:
        if self.script in _RETRY_AFTER:
            extra += f"retry-after: {_RETRY_AFTER[self.script]}\r\n"
        if 300 <= status < 400:
            extra += f"location: {self.server.location}\r\n"
        await self._send(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n{extra}\r\n")

    async def _send(self, text: str) -> None:
        self.writer.write(text.encode("latin-1"))
        await self.writer.drain()
        self.server.sent_bytes += len(text)

    def _reset(self) -> None:
        """Close with RST instead of FIN."""
        own = self.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


_USAGE = {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127}


def _chunk(
    delta: dict[str, Any] | None, reason: str | None = None, usage: dict[str, int] | None = None
) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return f"data: {json.dumps({**body, 'usage': usage})}\n\n"


_REASONS: Final[dict[Script, str]] = {"length": "length", "finish_error": "error", "tool_calls": "tool_calls"}
_DONE = "data: [DONE]\n\n"
#: Whole replies that are no answer: content type and body.
_OTHER_REPLIES: Final[dict[Script, tuple[str, str]]] = {
    "html": ("text/html", "<html><body>Welcome to the proxy</body></html>"),
    "json": ("application/json", '{"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}'),
    "gzip": (_STREAM, "\x1f"),
    "garbage": (_STREAM, "data: {not json\n\n" + _DONE),
    "odd_json": (_STREAM, 'data: {"choices": "none"}\n\n' + _DONE),
    "error_event": (_STREAM, 'data: {"error": {"message": "out of memory"}}\n\n'),
    "empty": (_STREAM, _chunk({"content": ""}) + _chunk({}, "stop") + _DONE),
    "content_filter": (_STREAM, _chunk({}, "content_filter") + _DONE),
    "thoughts_only": (_STREAM, _chunk({"content": "<think>Three?"}) + _chunk({}, "stop") + _DONE),
    "thoughts_cut": (_STREAM, _chunk({"content": "<think>Three?"}) + _chunk({}, "length") + _DONE),
    "thoughts_apart": (_STREAM, _chunk({"reasoning_content": "Three?"}) + _chunk({}, "stop") + _DONE),
    "cut_first": (_STREAM, _chunk({"role": "assistant"})),
}
#: What is sent for ever, drop by drop.
_DRIPS: Final[dict[Script, str]] = {
    "drip_comments": ": still here\n\n",
    "drip_roles": _chunk({"role": "assistant", "content": ""}),
    "drip_reasoning": _chunk({"reasoning_content": "hm "}),
}


async def _closed(reader: asyncio.StreamReader) -> None:
    """Ends when the other side has closed the connection."""
    while await reader.read(65_536):
        pass


async def _request(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    return {"line": head, "headers": headers, "body": json.loads(body or b"{}")}


@asynccontextmanager
async def llm_server(*scripts: Script) -> AsyncIterator[LlmServer]:
    """A server on a free port of the loopback address; for `refuse` the port is held and nobody listens."""
    *first, last = scripts or ("ok",)
    played = LlmServer(last, upcoming=list(first))
    with socket.create_server(("127.0.0.1", 0)) if last != "refuse" else _deaf() as listener:
        played.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        if last == "refuse":
            yield played
            return
        server = await asyncio.start_server(played.serve, sock=listener)
        async with server:
            yield played


def _deaf() -> socket.socket:
    """A socket whose port nobody else can take and where connections are refused."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


def provider_of(
    server: LlmServer, name: str = "main", key: str = "k-1", hold_s: float = 0.0, **limits: Any
) -> OpenAIProvider:
    """Return a provider of the server's model; the one called `main` is the first, others come after it."""
    settings = LinkSettings(name=name, base_url=server.base_url, model="m", **limits)
    return OpenAIProvider(
        settings, "primary" if name == "main" else "local", RemoteServer(server.base_url, key, hold_s=hold_s)
    )
