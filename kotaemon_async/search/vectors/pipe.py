"""The vector child as its parent sees it: a process and a stream that carries requests and replies."""

import hashlib
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import anyio
import msgspec

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.process import ChildProcess

#: One request at a time: more threads would only cost memory.
ONE_THREAD_EACH: Final = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKIO_WORKER_THREADS": "1"}
#: How a stream says that the other end is no more.
_GONE: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
CHILD: Final = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class Home:
    """Where the index lives and what it holds: vectors of one model and length."""

    folder: Path
    model: str
    dimension: int

    @property
    def model_tag(self) -> str:
        """A few characters for the model's name, which may hold any."""
        return hashlib.sha256(self.model.encode()).hexdigest()[:12]


class Request(msgspec.Struct, omit_defaults=False):
    """What the child is asked; each `op` reads its own fields."""

    op: Literal["apply", "search", "count", "ids_present", "ids", "compare"]
    id: int = 0
    ids: list[str] = []
    document_ids: list[str] = []
    collections: list[str] = []
    vectors: bytes = b""
    deletes: list[str] = []
    limit: int = 0
    offset: int = 0
    where: dict[str, object] | None = None


class Reply(msgspec.Struct):
    """What the child says; an error that has a `reason` is the folder's: lost, changed, model, broken."""

    id: int
    error: str | None = None
    reason: str = ""
    generation: str = ""
    count: int = 0
    places: int = 0
    ids: list[str] = []
    differing: list[str] = []
    scores: list[float] = []


def unavailable(message: str, *, retry_after_s: float | None = None) -> Unavailable:
    return Unavailable(message, code="vectors_unavailable", retry_after_s=retry_after_s)


class Child:
    """The running process and its stream."""

    def __init__(self, process: ChildProcess) -> None:
        self.process = process
        self._in = process.requests
        self._out = process.replies
        self._last_id = 0

    @classmethod
    async def spawn(cls, home: Home) -> Self:
        command = [sys.executable, str(CHILD), str(home.folder), str(home.dimension), home.model_tag]
        try:
            return cls(await ChildProcess.start(command, env=os.environ | ONE_THREAD_EACH))
        except OSError as error:
            raise unavailable("The vector index's process cannot be started.") from error

    async def read(self) -> Reply:
        """Raises: Unavailable when the child dies or writes nonsense."""
        try:
            (size,) = struct.unpack(">I", await self._out.receive_exactly(4))
            return msgspec.msgpack.decode(await self._out.receive_exactly(size), type=Reply)
        except (anyio.IncompleteRead, anyio.EndOfStream, *_GONE) as error:
            raise unavailable("The vector index's process died.") from error
        except msgspec.MsgspecError as error:
            raise unavailable("The vector index's process wrote something unreadable.") from error

    async def exchange(self, request: Request) -> Reply:
        self._last_id += 1
        request.id = self._last_id
        body = msgspec.msgpack.encode(request)
        try:
            await self._in.send(struct.pack(">I", len(body)) + body)
        except _GONE as error:
            raise unavailable("The vector index's process is gone.") from error
        reply = await self.read()
        if reply.id != request.id:
            raise unavailable("The vector index's process answered another question.")
        return reply

    async def close(self, grace_s: float) -> int | None:
        """The exit status; the child gets `grace_s` to leave by itself."""
        try:
            with anyio.move_on_after(grace_s):
                self.process.say_end()
                await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.aclose()
        return self.process.returncode
