"""Mixed traffic over a long time, and whether anything grows: `python -m tests.soak --minutes 30`.

Caches, pools and histories fill during the first half, which is not measured. No backups are made: to
verify one, the service opens a second one for some seconds. The exit status is 0 only when nothing grows.
"""

import argparse
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import httpx

from kotaemon_async.cli.throwaway import Throwaway, free_port
from tests.soak.figures import COUNTED, FIGURES, Sample, Trend, middle, table, take, trends
from tests.soak.traffic import Pace, Traffic
from tests.support.llm_server import LlmServer, llm_server

#: The bounds that the service keeps are set low enough to be reached during the warm-up.
ENV: Final = {
    "KOTAEMON_BACKUPS__EVERY_S": "0",
    "KOTAEMON_MAINTENANCE__EVERY_S": "120",
    "KOTAEMON_ANSWERS__CACHE_ROWS": "50",
    "KOTAEMON_TRACES__MAX_ROWS": "4000",
    "KOTAEMON_INGEST__BACKOFF_BASE_S": "1",
    "KOTAEMON_EMBEDDING__THREADS": "1",
}
USUAL: Final = Pace()
#: At the usual pace caches and histories of the main process still fill in the 20th minute.
WARM_SHARE: Final = 1 / 2
#: Longer than worker threads and kept connections stay without work.
REST_S: Final = 15.0
REST_SAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Times:
    """How long the parts of a soak take, in seconds; slopes are taken over medians of `block_s`.

    With `fills` the cache of pictures is full before the warm-up. A busy machine may need longer: for
    `least_acts` in each of both parts, and up to `patience_s` for a rest that is as the one before.
    """

    warm_s: float
    measured_s: float
    rest_s: float = REST_S
    every_s: float = 5.0
    block_s: float = 60.0
    fills: bool = True
    least_acts: int = 0
    patience_s: float = 0.0

    @classmethod
    def of(cls, minutes: float) -> "Times":
        whole_s = minutes * 60
        return cls(whole_s * WARM_SHARE, whole_s * (1 - WARM_SHARE))


@dataclass
class Soak:
    """One service under traffic, and what was seen of it."""

    service: Throwaway
    traffic: Traffic
    times: Times
    say: Callable[[str], None]
    samples: list[Sample] = field(default_factory=list)
    rests: list[dict[str, float]] = field(default_factory=list)

    async def run(self) -> None:
        """Warm-up, rest, the measured time, rest."""
        with httpx.Client(base_url=self.service.url, trust_env=False, timeout=30) as http:
            if self.times.fills:
                await self.traffic.fill()
            await self._visit(http, self.times.warm_s, "warm-up")
            await self._rest(http)
            first = len(self.samples)
            await self._visit(http, self.times.measured_s, "measured")
            self.samples = self.samples[first:]
            await self._rest(http)

    def trends(self) -> dict[str, Trend]:
        """The trend of every figure in the measured time."""
        return trends(self.samples, self.times.block_s)

    async def _visit(self, http: httpx.Client, for_s: float, name: str) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch, http, name)
            await self.traffic.visit(for_s, self.times.least_acts)
            group.cancel_scope.cancel()

    async def _watch(self, http: httpx.Client, name: str) -> None:
        began_s = time.monotonic()
        while True:
            await anyio.sleep(self.times.every_s)
            sample = await anyio.to_thread.run_sync(take, self.service, http)
            self.samples.append(sample)
            self._tell(name, sample.at_s - began_s, sample)

    async def _rest(self, http: httpx.Client) -> None:
        """The levels without traffic, all children being there."""
        await self.traffic.gather()
        began_s = time.monotonic()
        await anyio.sleep(self.times.rest_s)
        found: deque[Sample] = deque(maxlen=REST_SAMPLES)
        patient_until_s = time.monotonic() + self.times.patience_s
        while len(found) < REST_SAMPLES or not (
            self._is_as_before(found) or time.monotonic() > patient_until_s
        ):
            found.append(await anyio.to_thread.run_sync(take, self.service, http))
            self._tell("rest", time.monotonic() - began_s, found[-1])
            await anyio.sleep(1.0)
        self.rests.append(middle(found))

    def _is_as_before(self, found: Sequence[Sample]) -> bool:
        """Whether nothing that is counted is more than at the rest before."""
        before, now = (self.rests or [middle(found)])[-1], middle(found)
        return all(now[name] <= before[name] for name in COUNTED)

    def _tell(self, name: str, at_s: float, sample: Sample) -> None:
        figures = {one: round(value, 2) for one, value in sample.values.items()}
        self.say(json.dumps({"phase": name, "at_s": round(at_s, 1), **figures}))


async def soaked(
    folder: Path, times: Times, *, seed: int, say: Callable[[str], None], pace: Pace = USUAL
) -> Soak:
    """What a soak of a throwaway service in an empty folder has shown."""
    async with llm_server("ok") as llm:
        service = Throwaway(folder, free_port(), {**ENV, "KOTAEMON_LLM__LINKS": _links(llm)})
        soak = Soak(service, Traffic(service, llm, random.Random(seed), pace), times, say)
        try:
            await anyio.to_thread.run_sync(service.start)
            await soak.run()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(service.stop)
        soak.traffic.trouble += logged_errors(service)
    return soak


def logged_errors(service: Throwaway) -> Counter[str]:
    """How often the service has logged an error, by its event: nothing that is done here may cause one."""
    lines = service.log_path.read_text("utf8").splitlines()
    records = [
        json.loads(line) if line.startswith("{") else {"level": "error", "event": line} for line in lines
    ]
    return Counter(f"log: {one['event']}" for one in records if one["level"] in {"error", "critical"})


def _links(llm: LlmServer) -> str:
    limits = {
        "thoughts_wait_s": 0.0,
        "first_token_timeout_s": 1.0,
        "idle_timeout_s": 1.0,
        "total_timeout_s": 4.0,
    }
    return json.dumps([{"name": "scripted", "base_url": llm.base_url, "model": "m", **limits}])


def report(soak: Soak, seed: int) -> str:
    """Markdown: the figures, and what was done meanwhile."""
    times = soak.times
    traffic = soak.traffic
    results = {
        "warm-up, not measured": f"{times.warm_s / 60:.1f} min",
        "measured": f"{times.measured_s / 60:.1f} min, a sample each {times.every_s:g} s,"
        f" medians of {times.block_s:g} s",
        "acts": _counted(traffic.acts),
        "answers by": _counted(traffic.served_by),
        "seed": seed,
        "trouble": _counted(traffic.trouble) or "none",
    }
    rows = [f"| {name} | {value} |" for name, value in results.items()]
    figures = table(soak.trends(), (soak.rests[0], soak.rests[1]))
    return "\n".join([figures, "", "| | |", "|---|---|", *rows])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def main(words: Sequence[str] | None = None) -> int:
    """0 when every slope is within its bound and no reply was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="warm-up and measured time together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of all that is random")
    parser.add_argument("--samples", type=Path, help="file for every sample, one JSON object a line")
    given = parser.parse_args(words)
    times = Times.of(given.minutes)
    _say(f"{given.minutes:g} min, of them {times.warm_s / 60:.1f} min warm-up; --seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="kotaemon-soak-") as scratch, _lines(given.samples) as say:
        soak = anyio.run(partial(soaked, Path(scratch), times, seed=given.seed, say=say))
    _say("\n" + report(soak, given.seed))
    found = soak.trends()
    is_over = any(found[figure.name].is_over(figure) for figure in FIGURES)
    return 1 if is_over or soak.traffic.trouble else 0


@contextmanager
def _lines(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Writes lines to the file, if there is one."""
    if path is None:
        yield lambda _line: None
        return
    with path.open("w", buffering=1) as file:
        yield lambda line: print(line, file=file)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
