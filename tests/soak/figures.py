"""What a soak measures, how it is read from a running service, and which slopes count as zero."""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Final

import httpx

from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.operations.incidents.forecasts import theil_sen
from kotaemon_async.resilience.memory import processes, pss_bytes

HOUR_S: Final = 3600.0
#: Processes of the service, as memory.py names them.
ROLES: Final = ("main", "vectors", "parser")
#: How the names of such files in the data folder begin; anything else is the ledger's or a document.
VECTORS: Final = "vectors"
TRACES: Final = "telemetry.db"
_TASKS = re.compile(r"^kotaemon_asyncio_tasks (\S+)$", re.MULTILINE)
_ANONYMOUS_KB = re.compile(rb"^Pss_Anon:\s+(\d+) kB", re.MULTILINE)
#: Quantile of the normal distribution for an interval of 99 %: five figures are judged at once.
_Z: Final = 2.576

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """What is measured; its slope may be `per_hour`.

    It is over that when its whole 99 % interval is, and the line rises by more than `least` over the whole
    time: what comes and goes with the traffic moves an end of the line by about that much.
    """

    name: str
    per_hour: float
    least: float
    digits: int = 0


FIGURES: Final = (
    Figure("PSS, MB", 5.0, 1.0, 1),
    # What files are mapped is shared with other services on the machine, which come and go; this is not.
    Figure("PSS without files, MB", 5.0, 1.0, 1),
    *(Figure(f"of it {name}, MB", math.inf, 0.0, 1) for name in ROLES),
    Figure("file descriptors", 0.0, 2.0),
    Figure("threads", 0.0, 2.0),
    Figure("asyncio tasks", 0.0, 2.0),
    Figure("disk: ledger and files, MB", 0.0, 1.0, 2),
    # Chroma keeps up to 1,000 changes before it clears them away, and deleted vectors for good, 1.7 KB each.
    Figure("disk: vectors, MB", 0.0, 3.0, 2),
    Figure("disk: traces, MB", 0.0, 1.0, 2),
)

#: What is there or not, so that a rest can be told from a rest.
COUNTED: Final = ("file descriptors", "threads", "asyncio tasks")


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures at one moment."""

    at_s: float
    values: Values


@dataclass(frozen=True, slots=True)
class Trend:
    """The line through a figure: where it starts and ends, its slope per hour and the 99 % interval of it."""

    start: float
    end: float
    per_hour: float
    low: float
    high: float

    @property
    def rise(self) -> float:
        return self.end - self.start

    def is_over(self, figure: Figure) -> bool:
        """Whether it rises more than it may, and that is no noise."""
        return self.low > figure.per_hour and self.rise > figure.least


def take(service: Throwaway, http: httpx.Client) -> Sample:
    """Figures of the service and all its children, now; takes some 20 ms of a core."""
    pss = fds = threads = 0.0
    unshared = dict.fromkeys(ROLES, 0.0)
    for pid, name in processes(pid=service.process.pid).items():
        folder = Path("/proc", str(pid))
        pss += pss_bytes(folder) / 1e6
        unshared[name] = unshared.get(name, 0.0) + _anonymous_kb(folder) * 1024 / 1e6
        fds += _entries(folder / "fd")
        threads += _entries(folder / "task")
    tasks = _TASKS.search(http.get("/metrics").text)
    disk = _disk_mb(service.data_dir)
    kept = [sum(size for name, size in disk.items() if name.startswith(one)) for one in (VECTORS, TRACES)]
    memory = (pss, sum(unshared.values()), *(unshared[name] for name in ROLES))
    counts = (fds, threads, float(tasks[1]) if tasks else math.nan)
    found = (*memory, *counts, sum(disk.values()) - sum(kept), *kept)
    names = [figure.name for figure in FIGURES]
    return Sample(time.monotonic(), dict(zip(names, found, strict=True)))


def middle(samples: Sequence[Sample]) -> dict[str, float]:
    """The median of every figure."""
    return {one.name: median([sample.values[one.name] for sample in samples]) for one in FIGURES}


def trends(samples: Sequence[Sample], block_s: float) -> dict[str, Trend]:
    """The trend of every figure, over the medians of blocks: neighbours in time are too alike to count."""
    return {one.name: _trend(_blocks(samples, block_s, one.name)) for one in FIGURES}


def _blocks(samples: Sequence[Sample], block_s: float, name: str) -> list[tuple[float, float]]:
    """Middle time and median of each block, in order."""
    first_s, blocks = samples[0].at_s, dict[int, list[Sample]]()
    for sample in samples:
        blocks.setdefault(int((sample.at_s - first_s) / block_s), []).append(sample)
    return [
        (median([one.at_s for one in block]), median([one.values[name] for one in block]))
        for block in blocks.values()
    ]


def _trend(points: Sequence[tuple[float, float]]) -> Trend:
    slope = theil_sen(points)
    low, high = interval(points)
    start = slope.level - slope.per_s * (points[-1][0] - points[0][0])
    return Trend(start, slope.level, slope.per_s * HOUR_S, low * HOUR_S, high * HOUR_S)


def interval(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Between these slopes the true one lies in 99 of 100 cases.

    Source: Sen (1968), equation 2.6, without the correction for ties.
    """
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    if not slopes:
        return -math.inf, math.inf
    count = len(points)
    spread = _Z * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    first = max(0, math.floor((len(slopes) - spread) / 2))
    return slopes[first], slopes[len(slopes) - 1 - first]


def table(found: Mapping[str, Trend], rests: tuple[Values, Values]) -> str:
    """Markdown; the first and the last column are levels at rest, without any traffic."""
    head = "| figure | at rest before | start | end | slope per hour | 99 % | bound | at rest after |"
    rows = [_row(one, found[one.name], rests[0][one.name], rests[1][one.name]) for one in FIGURES]
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|--:|--:|", *rows])


def _row(figure: Figure, trend: Trend, before: float, after: float) -> str:
    show: Callable[[float], str] = f"{{:.{figure.digits}f}}".format
    slopes = f"{trend.per_hour:+.1f} | {trend.low:+.1f} … {trend.high:+.1f}"
    bound = "" if math.isinf(figure.per_hour) else f"≤ {figure.per_hour:g}" if figure.per_hour else "0"
    verdict = f"{bound} **over**" if trend.is_over(figure) else bound
    cells = (figure.name, show(before), show(trend.start), show(trend.end), slopes, verdict, show(after))
    return f"| {' | '.join(cells)} |"


def _anonymous_kb(folder: Path) -> int:
    """PSS of what no file holds; 0 when the process has ended meanwhile."""
    try:
        match = _ANONYMOUS_KB.search((folder / "smaps_rollup").read_bytes())
    except OSError:
        return 0
    return int(match[1]) if match else 0


def _entries(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:  # the process has ended meanwhile
        return 0


def _disk_mb(folder: Path) -> dict[str, float]:
    """Megabytes that the files take, by the name at the top of the folder."""
    sizes: dict[str, float] = {}
    for path in folder.rglob("*"):
        try:
            size_mb = path.lstat().st_blocks * 512 / 1e6
        except OSError:  # deleted meanwhile
            continue
        top = path.relative_to(folder).parts[0]
        sizes[top] = sizes.get(top, 0.0) + size_mb
    return sizes
