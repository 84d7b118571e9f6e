"""A real redis-server that comes and goes, and a wire to it that can be slow or dead."""

import asyncio
import shutil
import signal
import subprocess
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self, cast

import anyio

READY_S = 60.0
_PIECE_BYTES = 64 * 1024


class RedisServer:
    """redis-server on a socket in a folder of its own; it keeps nothing over a restart."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.socket = folder / "redis.sock"
        self._command = [shutil.which("redis-server") or "redis-server", "--port", "0", "--save", ""]
        self._command += ["--unixsocket", str(self.socket), "--dir", str(folder), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._script: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it and return when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        self._until_it_says("PONG")

    def stop(self) -> None:
        """Kill it, with everything it knew."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(READY_S)
            self._process = None
        if self._script is not None:
            self._script.wait(READY_S)

    def freeze(self) -> None:
        """Let it accept connections and answer nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def begin_endless_script(self) -> None:
        """Let it answer BUSY to everybody until it gets SCRIPT KILL."""
        self.cli("CONFIG", "SET", "busy-reply-threshold", "100")
        command = ["redis-cli", "-s", str(self.socket), "EVAL", "while true do end", "0"]
        self._script = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._until_it_says("BUSY")

    def end_endless_script(self) -> None:
        """Let it answer as ever."""
        self.cli("SCRIPT", "KILL")
        self._until_it_says("PONG")

    def cli(self, *words: str) -> str:
        """Return what redis-cli prints."""
        command = ["redis-cli", "-s", str(self.socket), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=READY_S)
        return done.stdout.strip()

    def _until_it_says(self, word: str) -> None:
        end_s = time.monotonic() + READY_S
        while word not in self.cli("PING"):
            assert time.monotonic() < end_s, f"redis-server does not say {word}"
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Wire:
    """Carries bytes between a socket of its own and a server's; replies come late by `delay_s`.

    Not over anyio's sockets: 4.16 raises InvalidStateError in the loop where a connection is cancelled in the
    moment in which bytes arrive.
    """

    def __init__(self, path: Path, server: Path) -> None:
        self.path = path
        self.delay_s = 0.0
        self._server = server
        self._open: dict[asyncio.Task[None], anyio.CancelScope] = {}

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def cut(self) -> None:
        """Cut every connection through it; new ones are possible."""
        for scope in self._open.values():
            scope.cancel()

    async def close(self) -> None:
        """Cut every connection and wait until it is gone."""
        self.cut()
        await asyncio.gather(*self._open)

    async def carry(self, near_in: StreamReader, near_out: StreamWriter) -> None:
        """Serve one connection."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        with anyio.CancelScope() as self._open[task]:
            await self._connect(near_in, near_out)
        near_out.close()
        del self._open[task]

    async def _connect(self, near_in: StreamReader, near_out: StreamWriter) -> None:
        try:
            far_in, far_out = await asyncio.open_unix_connection(self._server)
        except OSError:
            return  # the server is away: the caller's connection ends
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._copy, near_in, far_out, 0.0)
                await self._copy(far_in, near_out, None)
                group.cancel_scope.cancel()
        finally:
            far_out.close()

    async def _copy(self, source: StreamReader, sink: StreamWriter, delay_s: float | None) -> None:
        with suppress(ConnectionError):
            while data := await source.read(_PIECE_BYTES):
                await anyio.sleep(self.delay_s if delay_s is None else delay_s)
                sink.write(data)
                await sink.drain()


@asynccontextmanager
async def wire(path: Path, server: Path) -> AsyncIterator[Wire]:
    """Open a wire that listens on `path`."""
    made = Wire(path, server)
    async with await asyncio.start_unix_server(made.carry, path):
        try:
            yield made
        finally:
            await made.close()
