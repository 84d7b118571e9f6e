"""A model server for tests: speaks OpenAI's chat protocol over a loopback socket and fails as scripted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Script = Literal[
    "ok", "hang", "slow_first", "stall", "cut", "length", "empty", "garbage", "html", "odd_json",
    "error_event", "400", "401", "404", "429", "500", "503",
]  # fmt: skip

_STREAM = "text/event-stream"


@dataclass
class LlmServer:
    """What it is told to play, and what it saw."""

    script: Script = "ok"
    words: tuple[str, ...] = ("Paris ", "is the ", "capital [", "1].")
    cut_after: int = 2
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    base_url: str = ""
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Plays the script once for the one request of a connection."""
        try:
            request = await _request(reader)
            if request is None:
                return
            self.requests.append(request["body"])
            self.keys.append(request["headers"].get("authorization", ""))
            gone = asyncio.ensure_future(reader.read(1))
            playing = asyncio.ensure_future(self._play(writer, request["body"]))
            await asyncio.wait({gone, playing}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                self.left.set()
            for task in (gone, playing):
                task.cancel()
            await asyncio.gather(gone, playing, return_exceptions=True)
        finally:
            writer.close()

    async def _play(self, writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
        if self.script.isdigit():
            error = json.dumps({"error": {"message": "scripted", "type": "scripted", "code": None}})
            return await _reply(writer, int(self.script), "application/json", error)
        if self.script == "hang":
            await asyncio.Event().wait()
        if self.script == "html":
            return await _reply(writer, 200, "text/html", "<html><body>Welcome to the proxy</body></html>")
        if not body.get("stream"):
            return await _reply(writer, 200, "application/json", json.dumps(self._whole()))
        await _head(writer, 200, _STREAM)
        await self._stream(writer)
        return None

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if self.script == "slow_first":
            await asyncio.Event().wait()
        odd = {"garbage": "{not json", "odd_json": '{"choices": "none"}'}.get(self.script)
        if odd:
            return await _send(writer, f"data: {odd}\n\ndata: [DONE]\n\n")
        if self.script == "error_event":
            return await _send(writer, 'data: {"error": {"message": "out of memory"}}\n\n')
        words = () if self.script == "empty" else self.words
        for number, word in enumerate(words):
            if number == self.cut_after and self.script == "cut":
                return None
            if number == self.cut_after and self.script == "stall":
                await asyncio.Event().wait()
            await _send(writer, _chunk({"content": word}))
        await _send(writer, _chunk({}, "length" if self.script == "length" else "stop"))
        await _send(writer, _chunk(None, usage=_USAGE) + "data: [DONE]\n\n")
        return None

    def _whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.words)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "c1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": _USAGE}


_USAGE = {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127}


def _chunk(
    delta: dict[str, str] | None, reason: str | None = None, usage: dict[str, int] | None = None
) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return f"data: {json.dumps({**body, 'usage': usage})}\n\n"


async def _request(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    lines = head.split("\r\n")[1:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return {"headers": headers, "body": json.loads(body or b"{}")}


async def _head(writer: asyncio.StreamWriter, status: int, kind: str) -> None:
    extra = "retry-after: 7\r\n" if status == 429 else ""
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n{extra}\r\n".encode())
    await writer.drain()


async def _send(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(text.encode())
    await writer.drain()


async def _reply(writer: asyncio.StreamWriter, status: int, kind: str, body: str) -> None:
    await _head(writer, status, kind)
    await _send(writer, body)


@asynccontextmanager
async def llm_server(script: Script = "ok") -> AsyncIterator[LlmServer]:
    """A server on a free port of the loopback address."""
    played = LlmServer(script)
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    played.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield played
