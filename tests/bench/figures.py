"""Figures of a running service: times and their quantiles, CPU of all its processes, how late its loop is."""

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import httpx
from rich.table import Table

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.terminal import out
from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.resilience.memory import processes

_BUCKET: Final = re.compile(r'^kotaemon_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
#: Fields of /proc/PID/stat behind the name: CPU of the process, and of its children that have ended.
_CPU_FIELDS: Final = slice(11, 15)

Lag = dict[float, float]


def machine() -> Json:
    """Return what the figures were measured on, and when."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that the work takes."""
    began_s = time.monotonic()
    work()
    return time.monotonic() - began_s


def quantiles_ms(seconds: Sequence[float], percents: Sequence[int] = (50, 95)) -> dict[str, float]:
    """Return quantiles in milliseconds, and of how many they are."""
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    found = {f"p{one}": ordered[min(len(ordered) - 1, one * len(ordered) // 100)] for one in percents}
    return {name: round(1000 * value, 1) for name, value in found.items()} | {"count": len(ordered)}


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of all below it, those that have ended included."""
    return sum(_cpu_ticks(Path("/proc", str(one))) for one in processes(pid=pid)) / _TICKS_PER_S


def _cpu_ticks(folder: Path) -> int:
    try:
        after_name = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:  # it has ended meanwhile
        return 0
    return sum(map(int, after_name[_CPU_FIELDS]))


def lag_of(service: Throwaway) -> Lag:
    """Return the cumulative histogram of loop lag: upper bound in seconds -> count."""
    page = httpx.get(f"{service.url}/metrics", timeout=10, trust_env=False).text
    return {float(bound): float(count) for bound, count in _BUCKET.findall(page)}


def lag_max_s(client: Client) -> float:
    """Return the largest lag of the last minute, from the health report."""
    _, report = client.health()
    return float(report["components"]["event_loop"]["max_s"])


def lag_figures(before: Lag, after: Lag) -> dict[str, float]:
    """Return quantiles in milliseconds as upper bounds of their buckets, so never better than the truth."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    total = max(counts.values(), default=0)
    shares = {"p50_at_most": 0.5, "p99_at_most": 0.99, "max_at_most": 1.0}
    return {
        name: next((1000 * bound for bound, count in counts.items() if count >= share * total), 0.0)
        for name, share in shares.items()
    }


def print_table(figures: Json) -> None:
    """Print one line for each figure."""
    table = Table("figure", "value", box=None, pad_edge=False)
    for name, value in figures.items():
        if isinstance(value, dict):
            for inner, figure in value.items():
                table.add_row(f"{name}.{inner}", str(figure))
        else:
            table.add_row(name, str(value))
    out().print(table)
