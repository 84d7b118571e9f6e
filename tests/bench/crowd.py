"""`make bench-net`: slow and many clients at once, and how others fare beside them.

`python -m tests.bench.crowd` starts a service of its own; `--descriptors 1024` with so many descriptors. The
crowd is a process of its own, `python -m tests.bench.crowd PORT SECONDS STREAMS HEADS BODIES IDLE ENDLESS`:
after a line on its standard input it opens so many connections of each kind, opens those anew that are
closed, and prints what they met, as JSON.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from kotaemon_async.cli.render import print_json
from kotaemon_async.cli.throwaway import Throwaway, free_port
from kotaemon_async.resilience.memory import pss_bytes
from tests.bench.figures import print_table

#: How many of each: streams, half heads, half bodies (of questions and uploads in turn), idle, endless heads.
FULL: Final = (500, 200, 200, 200, 50)
_QUESTION: Final = b'{"query": "pressure of the pump", "mode": "keyword"}'
_FORM_KIND: Final = "multipart/form-data; boundary=x"
_FORM: Final = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHi.\r\n--x--\r\n'
_PROBE_EVERY_S: Final = 0.02
_ASK_EVERY_S: Final = 0.25
_UPLOAD_TURNS: Final = 4
_AGAIN_S: Final = 0.5


async def _follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /api/v1/documents/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    while await reader.read(65_536):
        pass


async def _slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _trickle(reader, writer, b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")


async def _slow_question(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    kind = b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    await _trickle(reader, writer, b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\n" + kind)


async def _slow_upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    kind = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000\r\n\r\n"
    await _trickle(reader, writer, b"POST /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\n" + kind)


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begin: bytes) -> None:
    writer.write(begin)
    for _ in range(10_000):
        writer.write(b"-")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                if not await reader.read(65_536):
                    return


async def _idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def _endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
    while not reader.at_eof():
        writer.write(b"a" * 16_384)
        await writer.drain()


_KINDS: Final = ((_follow,), (_slow_head,), (_slow_question, _slow_upload), (_idle,), (_endless_head,))


async def _again(
    port: int, client: Callable[..., Awaitable[None]], name: str, met: Counter[str], open_now: Counter[str]
) -> None:
    """Connect, behave, and do it again when the service has had enough."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            met[f"{name} refused"] += 1
            await asyncio.sleep(_AGAIN_S)
            continue
        open_now[name] += 1
        try:
            await client(reader, writer)
        except OSError:
            met[f"{name} reset"] += 1
        finally:
            open_now[name] -= 1
            writer.close()
        met[f"{name} ended"] += 1
        await asyncio.sleep(_AGAIN_S)


async def _crowd(port: int, seconds: float, counts: tuple[int, ...]) -> None:
    met: Counter[str] = Counter()
    open_now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    tasks = []
    for kind, count in zip(_KINDS, counts, strict=True):
        for number in range(count):
            client = kind[number % len(kind)]
            name = client.__name__.strip("_")
            tasks.append(asyncio.create_task(_again(port, client, name, met, open_now)))
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        await asyncio.sleep(0.1)
        most |= open_now
    for task in tasks:
        task.cancel()
    sys.stdout.write(json.dumps({"most_open": most, "met": met}))


@dataclass
class Figures:
    """How others fared beside the crowd; times in milliseconds or seconds as they are named."""

    livez_p50_ms: float
    livez_p99_ms: float
    livez_max_ms: float
    served: dict[str, int]
    longest_refusal_s: dict[str, float]
    memory_before_mb: float
    memory_more_mb: float
    crowd: dict[str, Any]


class Others:
    """Well-behaved clients on new connections each time: health, searches, uploads of the same few words."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.livez_s: list[float] = []
        self.served: Counter[str] = Counter()
        self.longest_refusal_s: dict[str, float] = {"search": 0.0, "upload": 0.0}
        self._refused_since_s: dict[str, float] = {}

    def probe(self) -> None:
        """Ask whether it lives."""
        began_s = time.monotonic()
        self._request("GET", "/livez")
        self.livez_s.append(time.monotonic() - began_s)

    def ask(self) -> None:
        """Search."""
        self._note("search", "/api/v1/search", _QUESTION, "application/json")

    def upload(self) -> None:
        """Hand the words in."""
        self._note("upload", "/api/v1/documents", _FORM, _FORM_KIND)

    def _note(self, name: str, path: str, body: bytes, kind: str) -> None:
        """Note how long this has been refused without a break."""
        began_s = time.monotonic()
        if self._request("POST", path, body, kind) in {200, 202}:
            self.served[name] += 1
            self._refused_since_s.pop(name, None)
            return
        since_s = self._refused_since_s.setdefault(name, began_s)
        self.longest_refusal_s[name] = max(self.longest_refusal_s[name], round(time.monotonic() - since_s, 1))

    def _request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            reply = connection.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
        return reply.status


class Crowd:
    """The process of the crowd, which waits for its turn: it has the descriptors of who started it."""

    def __init__(self, port: int, seconds: float, counts: tuple[int, ...] = FULL) -> None:
        words = [str(port), str(seconds), *map(str, counts)]
        command = [sys.executable, "-m", "tests.bench.crowd", *words]
        self.port = port
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self) -> None:
        """Let it come."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def met(self) -> dict[str, Any]:
        """Return what it met, when it has gone."""
        assert self.process.stdout is not None
        with self.process:
            found: dict[str, Any] = json.loads(self.process.stdout.read())
        return found


def measure(crowd: Crowd, pid: int) -> Figures:
    """Return how others of the service with this process id fare while the crowd is there."""
    others, proc = Others(crowd.port), Path(f"/proc/{pid}")
    for _ in range(20):
        others.probe()
        others.ask()
        others.upload()
    others.livez_s.clear()
    before = highest = pss_bytes(proc)
    crowd.begin()
    asked_s, turn = 0.0, 0
    while crowd.process.poll() is None:
        others.probe()
        if time.monotonic() > asked_s + _ASK_EVERY_S:
            asked_s, turn = time.monotonic(), turn + 1
            others.ask()
            if turn % _UPLOAD_TURNS == 0:
                others.upload()
            highest = max(highest, pss_bytes(proc))
        time.sleep(_PROBE_EVERY_S)
    times_ms = sorted(1000 * one for one in others.livez_s)
    return Figures(
        livez_p50_ms=round(times_ms[len(times_ms) // 2], 1),
        livez_p99_ms=round(times_ms[int(len(times_ms) * 0.99)], 1),
        livez_max_ms=round(times_ms[-1], 1),
        served=dict(others.served),
        longest_refusal_s=others.longest_refusal_s,
        memory_before_mb=round(before / 1e6, 1),
        memory_more_mb=round((highest - before) / 1e6, 1),
        crowd=crowd.met(),
    )


def main() -> int:
    """Return 0 when others were served as promised."""
    parser = argparse.ArgumentParser(description="How others fare beside slow and many clients.")
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--descriptors", type=int, default=0, help="of the service; 0 leaves them")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kotaemon-crowd-") as folder:
        service = Throwaway(Path(folder), free_port())
        crowd = Crowd(service.port, given.seconds)
        if given.descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (given.descriptors, given.descriptors))
        try:
            service.start()
            figures = measure(crowd, service.process.pid)
        finally:
            service.stop()
    print_table(asdict(figures))
    print_json(asdict(figures))
    good = figures.livez_p99_ms <= 100 and figures.memory_more_mb <= 60
    return 0 if good and max(figures.longest_refusal_s.values()) <= 5 else 1


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1].isdecimal():
        sys.stdin.readline()
        port, seconds, *counts = sys.argv[1:]
        asyncio.run(_crowd(int(port), float(seconds), tuple(map(int, counts))))
    else:
        sys.exit(main())
