"""A connection of the service's own class over a transport and a clock that a test moves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from kotaemon_async.http.connection import HttpConnection
from kotaemon_async.http.connection_places import ConnectionPlaces
from kotaemon_async.http.request_meter import ConnectionLimits


class Pipe(asyncio.Transport):
    """A transport that remembers what was written, whether it reads and how it was ended."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__({"peername": (host, 1)})
        self.reads, self.written, self.unsent_bytes = True, b"", 0
        self.ended = ""

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.ended in {"closed", "aborted"}

    def write(self, data: Any) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = "half closed"

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


@dataclass
class Timer:
    """A call to come."""

    at_s: float
    call: Callable[[], object]
    is_over: bool = False

    def cancel(self) -> None:
        self.is_over = True


@dataclass
class Loop:
    """The running loop, with timers that go off when a test lets time pass."""

    now_s: float = 1000.0
    timers: list[Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, call: Callable[..., object], *args: object) -> Timer:
        self.timers.append(Timer(self.now_s + delay_s, lambda: call(*args)))
        return self.timers[-1]

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        for timer in [one for one in self.timers if not one.is_over and one.at_s <= self.now_s]:
            timer.is_over = True
            timer.call()


def connected(
    app: Any,
    places: ConnectionPlaces | None = None,
    limits: ConnectionLimits | None = None,
    *,
    loop: Any = None,
    host: str = "127.0.0.1",
) -> tuple[HttpConnection, Pipe]:
    """Return a connection that has just been made, and its transport."""
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    given = {"config": config, "server_state": ServerState(), "app_state": {}, "_loop": loop}
    connection = HttpConnection(places or ConnectionPlaces(100), limits or ConnectionLimits(), **given)
    pipe = Pipe(host)
    connection.connection_made(pipe)
    return connection, pipe


def feed(connection: HttpConnection, data: bytes, at_once: int = 1 << 20) -> None:
    """Hand the bytes over as the loop does, at most so many at once."""
    while data:
        buffer = connection.get_buffer(-1)
        size = min(len(buffer), len(data), at_once)
        buffer[:size], data = data[:size], data[size:]
        connection.buffer_updated(size)


def status_of(pipe: Pipe) -> int:
    """Return the status of the first reply, 0 without one."""
    return int(pipe.written.split()[1]) if pipe.written else 0
