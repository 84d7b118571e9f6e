"""`make bench-load`: many questions, streams and uploads at once for some minutes, and what they met.

Everybody does the same again as soon as he has his reply, or after the time that Retry-After says. Ends with
1 when anything else came than what was asked for or such a refusal, a stream broke, memory passed its bound,
or a document that was accepted did not become ready afterwards.
"""

import argparse
import itertools
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import httpx
from httpx_sse import aconnect_sse

from kotaemon_async.cli.client import TRY_AGAIN_STATUSES, Client, Json
from kotaemon_async.cli.render import print_json
from kotaemon_async.cli.throwaway import Throwaway, throwaway_service
from tests.bench.bounds import Bound, flat, print_bounds
from tests.bench.figures import lag_figures, lag_of, machine, print_table, quantiles_ms
from tests.bench.pages import FOLDERS, sources_of, texts
from tests.bench.scale_fill import Questions, sentences_of
from tests.bench.throughput import ingested
from tests.soak.__main__ import logged_errors
from tests.soak.figures import Sample, take

MINUTES: Final = 5.0
COLLECTION: Final = "load"
ASKERS: Final = 50
UPLOADERS: Final = 20
#: Streams of each kind: of all documents and conversations, and of answers, one after another.
FOLLOWERS: Final = 5
READERS: Final = 5
#: One in so many documents of the pack is there before.
EVERY: Final = 4
#: A queue that is full within seconds, so that its refusals are met, and is done within minutes.
ENV: Final = {"KOTAEMON_INGEST__MAX_QUEUED": "300"}
REPLY_LIMIT_S: Final = 120.0
READY_LIMIT_S: Final = 900.0
SAMPLE_EVERY_S: Final = 5.0
POLL_S: Final = 1.0
PERCENTS: Final = (50, 95, 99)
BOUNDS: Final = (
    Bound("memory_mb.peak", 900, 0.05),
    Bound("trouble", 0, 0),
    Bound("afterwards.lost", 0, 0),
)


@dataclass
class Met:
    """What clients met: how long what they asked for took, and replies by kind and status."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    replies: Counter[str] = field(default_factory=Counter)
    served_by: Counter[str] = field(default_factory=Counter)
    trouble: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, reply: httpx.Response, began_s: float) -> float:
        """Note the reply, and return for how many seconds its client has to wait."""
        status = reply.status_code
        self.replies[f"{kind} {status}"] += 1
        if status < 300:
            self.seconds[kind].append(time.monotonic() - began_s)
            return 0.0
        asked = reply.headers.get("retry-after", "")
        if status not in TRY_AGAIN_STATUSES or not asked.isdecimal():
            self.trouble[f"{kind} {status}, Retry-After: {asked or 'none'}"] += 1
        return float(asked) if asked.isdecimal() else 1.0


class Load:
    """Clients of one service, all at once."""

    def __init__(self, url: str, questions: Questions, pages: Iterator[str]) -> None:
        self.met = Met()
        self._url, self._questions, self._pages = url, questions, pages
        self._numbers = itertools.count(1)
        self._http = httpx.AsyncClient()

    async def run(self, for_s: float) -> None:
        """Let all of them go on for so long."""
        people = (
            ("question", ASKERS, self._ask),
            ("upload", UPLOADERS, self._upload),
            ("feed", FOLLOWERS, self._follow),
            ("answer stream", READERS, self._read),
        )
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=self._url, trust_env=False, timeout=REPLY_LIMIT_S, limits=limits
        ) as self._http:
            with anyio.move_on_after(for_s):
                async with anyio.create_task_group() as group:
                    for kind, count, act in people:
                        for _ in range(count):
                            group.start_soon(self._again, kind, act)

    async def _again(self, kind: str, act: Callable[[], Awaitable[float]]) -> None:
        while True:
            try:
                await anyio.sleep(await act())
            except httpx.TransportError as error:
                self.met.trouble[f"{kind}: {type(error).__name__}"] += 1
                await anyio.sleep(1.0)

    async def _ask(self) -> float:
        began_s = time.monotonic()
        reply = await self._http.post("/api/v1/answers", json={"question": self._questions.next()})
        if reply.is_success:
            answer = reply.json()
            why = sorted({f"{one['component']} {one['code']}" for one in answer["reasons"]})
            self.met.served_by[": ".join(filter(None, (answer["served_by"], ", ".join(why))))] += 1
        return self.met.note("question", reply, began_s)

    async def _upload(self) -> float:
        file = (f"page-{next(self._numbers)}.txt", next(self._pages).encode())
        began_s = time.monotonic()
        reply = await self._http.post(
            "/api/v1/documents", files={"file": file}, data={"collection": COLLECTION}
        )
        return self.met.note("upload", reply, began_s)

    async def _follow(self) -> float:
        """Follow what happens to documents and conversations, without an end."""
        began_s = time.monotonic()
        about = {"about": ["documents", "conversations"]}
        async with self._http.stream("GET", "/api/v1/events", params=about) as reply:
            wait_s = self.met.note("feed", reply, began_s)
            async for _ in reply.aiter_raw():
                self.met.replies["feed pieces"] += 1
        if reply.is_success:
            self.met.trouble["a feed has ended"] += 1
        return wait_s

    async def _read(self) -> float:
        """Ask, and read the answer as it comes."""
        began_s, last = time.monotonic(), "nothing"
        body = {"question": self._questions.next(), "stream": True}
        async with aconnect_sse(self._http, "POST", "/api/v1/answers", json=body) as events:
            reply = events.response
            if not reply.is_success:
                return self.met.note("answer stream", reply, began_s)
            async for event in events.aiter_sse():
                last = event.event
        if last != "done":
            self.met.trouble[f"an answer's stream ended with {last}"] += 1
        return self.met.note("answer stream", reply, began_s)


class Samples:
    """Memory, descriptors, threads and tasks of a service, now and then."""

    def __init__(self, service: Throwaway) -> None:
        self._service = service
        self.taken: list[Sample] = []

    def add(self) -> None:
        """Take one."""
        with httpx.Client(base_url=self._service.url, trust_env=False, timeout=30) as http:
            self.taken.append(take(self._service, http))

    async def go_on(self) -> None:
        """Take one after the other."""
        while True:
            await anyio.to_thread.run_sync(self.add)
            await anyio.sleep(SAMPLE_EVERY_S)

    def figures(self, name: str) -> dict[str, float]:
        """Return one figure at the start, at its most, and in the end."""
        values = [sample.values[name] for sample in self.taken]
        return {"start": round(values[0]), "peak": round(max(values)), "end": round(values[-1])}


async def under_load(service: Throwaway, load: Load, for_s: float) -> Samples:
    """Return what the service looked like under the load."""
    samples = Samples(service)
    async with anyio.create_task_group() as group:
        group.start_soon(samples.go_on)
        await load.run(for_s)
        group.cancel_scope.cancel()
    return samples


def afterwards(client: Client, accepted: int) -> Json:
    """Wait until nothing is left to be read; return how long that took, and how many did not become ready."""
    began_s = time.monotonic()
    while any(client.documents(status=one, limit=1)["items"] for one in ("queued", "processing")):
        if time.monotonic() > began_s + READY_LIMIT_S:
            break
        time.sleep(POLL_S)
    held = client.collection(COLLECTION)
    lost = max(accepted, held["documents"]) - held["ready"]
    return {"accepted": accepted, "lost": lost, "took_s": round(time.monotonic() - began_s, 1)}


def figures_of(load: Load, samples: Samples) -> Json:
    """Return what clients met, and what the service looked like meanwhile."""
    met = load.met
    quantiles = {f"{kind.replace(' ', '_')}_ms": quantiles_ms(s, PERCENTS) for kind, s in met.seconds.items()}
    return {
        **quantiles,
        "replies": dict(sorted(met.replies.items())),
        "answers_by": dict(met.served_by),
        "memory_mb": samples.figures("PSS, MB"),
        "threads": samples.figures("threads"),
        "tasks": samples.figures("asyncio tasks"),
    }


def measure(pack: Path, minutes: float) -> Json:
    """Return all figures of one run."""
    sources = sources_of(pack)
    questions = Questions(sentences_of([pack / name for name in FOLDERS], random.Random(3)))
    with throwaway_service(ENV) as service, closing(Client(service.url)) as client:
        ingested(client, [one.file for one in sources[::EVERY]])
        lag = lag_of(service)
        load = Load(service.url, questions, texts(sources, random.Random(2)))
        samples = anyio.run(under_load, service, load, 60 * minutes)
        lag_ms = lag_figures(lag, lag_of(service))
        done = afterwards(client, load.met.replies["upload 202"])
        samples.add()
        trouble = load.met.trouble + logged_errors(service)
    return {
        **machine(),
        "minutes": minutes,
        **figures_of(load, samples),
        "loop_lag_ms": lag_ms,
        "afterwards": done,
        "met": dict(trouble),
        "trouble": trouble.total(),
    }


def main() -> int:
    """Return 0 when nothing but replies and honest refusals came, and all of the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, required=True, help="folder with PDFs in docs_en and docs_zh")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    given = parser.parse_args()
    figures = measure(given.pack, given.minutes)
    print_table(figures)
    holds = print_bounds(dict(flat(figures)), BOUNDS)
    print_json(figures)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
