"""Memory and CPU of this process and its children, from /proc, and the limit they live under."""

import ctypes
import gc
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import anyio
import anyio.to_thread

from kotaemon_async.telemetry import metrics

_PSS_KB = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
#: What stands in a child's command line -> its name in metrics.
_ROLES: Final = (
    (b"vectors/child.py", "vectors"),
    (b"llama_child", "llm"),
    (b"parsing/child.py", "parser"),
    (b"parsing/child_ocr.py", "ocr"),
    (b"backup\0verify", "backup"),
)
PROCESS_NAMES: Final = ("main", *(name for _, name in _ROLES), "other")


class ProcessUsage(NamedTuple):
    """Proportional set size (shared pages split among their users) and CPU time so far."""

    memory_bytes: int
    cpu_s: float


def processes(proc: Path = Path("/proc"), pid: int | None = None) -> dict[int, str]:
    """Return this process and all below it, by id, with their names."""
    root = pid or os.getpid()
    parents = {int(entry.name): _parent(entry) for entry in proc.iterdir() if entry.name.isdigit()}
    found = {root: "main"}
    grown = True
    while grown:
        new = {one: _role(proc / str(one)) for one, parent in parents.items() if parent in found} | found
        grown, found = len(new) > len(found), new | {root: "main"}
    return found


def usage(proc: Path = Path("/proc"), pid: int | None = None) -> dict[str, ProcessUsage]:
    """Return memory and CPU by process name, added up for each name; takes some milliseconds."""
    sums: dict[str, ProcessUsage] = {}
    for one, name in processes(proc, pid).items():
        before = sums.get(name, ProcessUsage(0, 0.0))
        folder = proc / str(one)
        sums[name] = ProcessUsage(before.memory_bytes + pss_bytes(folder), before.cpu_s + _cpu_s(folder))
    return sums


def pss_bytes(folder: Path) -> int:
    """Return the PSS of the process behind a /proc folder, else its RSS; 0 when it is gone."""
    match = _PSS_KB.search(_read(folder / "smaps_rollup"))
    return int(match[1]) * 1024 if match else _rss_bytes(folder)


def resident_bytes(pid: int) -> int:
    """Return the RSS of one process, 0 when it is gone; microseconds, unlike PSS."""
    return _rss_bytes(Path("/proc", str(pid)))


def limit_bytes(root: Path = Path("/")) -> int:
    """Return the smallest limit of the control groups this process is in, or the machine's memory."""
    limits = [_machine_bytes(root)]
    for line in _read(root / "proc/self/cgroup").decode().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _group_limits(root / "sys/fs/cgroup", path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _group_limits(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes")
    return min(limits)


def trim() -> None:
    """Give freed memory back to the machine, as far as the C library keeps it."""
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; others do so by themselves
    if malloc_trim is not None:
        malloc_trim(0)


async def trim_in_thread() -> None:
    """Give freed memory back, off the event loop."""
    await anyio.to_thread.run_sync(trim)


class Sampler:
    """Keeps the memory and CPU metrics fresh."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: tuple[float, dict[str, ProcessUsage]] = (clock(), {})
        self.total_bytes = 0

    def take(self, now: dict[str, ProcessUsage]) -> None:
        """Set the metrics from one reading and the one before."""
        before_s, before = self._before
        now_s = self._clock()
        for name in before.keys() | now.keys():
            part = now.get(name, ProcessUsage(0, 0.0))
            metrics.MEMORY.labels(process=name).set(part.memory_bytes)
            # children come and go, and with them their CPU time; a negative ratio would mean nothing
            spent_s = max(0.0, part.cpu_s - before[name].cpu_s) if name in before else 0.0
            metrics.CPU_RATIO.labels(process=name).set(spent_s / max(now_s - before_s, 1e-6))
        self._before = (now_s, now)
        self.total_bytes = sum(part.memory_bytes for part in now.values())


def _read(path: Path) -> bytes:
    """Return the file's bytes, none when it is gone or not ours to read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _rss_bytes(folder: Path) -> int:
    fields = _read(folder / "statm").split()
    return int(fields[1]) * _PAGE_BYTES if len(fields) > 1 else 0


def _stat(folder: Path) -> list[bytes]:
    """Return the fields of /proc/N/stat after the name, which may hold blanks and brackets itself."""
    return _read(folder / "stat").rpartition(b")")[2].split()


def _parent(folder: Path) -> int:
    fields = _stat(folder)
    return int(fields[1]) if len(fields) > 1 else 0


def _cpu_s(folder: Path) -> float:
    fields = _stat(folder)
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S if len(fields) > 12 else 0.0


def _role(folder: Path) -> str:
    command = _read(folder / "cmdline")
    return next((name for part, name in _ROLES if part in command), "other")


def _group_limits(mount: Path, path: str, file: str) -> list[int]:
    """Return the limits of the group and all above it; in a container only the top may be visible."""
    group = Path(path.lstrip("/"))
    folders = [mount, *(mount / part for part in (group, *group.parents) if ".." not in part.parts)]
    texts = [_read(folder / file).strip() for folder in folders]
    return [int(text) for text in texts if text.isdigit()]


def _machine_bytes(root: Path) -> int:
    match = re.search(rb"^MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    return int(match[1]) * 1024 if match else os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
