"""What a child may not do: outlive its parent, take all memory, time or disk, multiply.

Beside it: which files it may open (child_paths.py) and which calls it may make (child_calls.py).

Imports the standard library only; runs inside the child.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICENESS = 5
_OOM_SCORE = 500


def die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent ends, also when it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(0)


def step_back() -> None:
    """Give the service precedence: for the CPU, and when memory runs out."""
    os.nice(_NICENESS)
    with contextlib.suppress(OSError):  # /proc may be missing or read-only in a container
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def limit(memory_bytes: int, file_size_bytes: int, *, of: int = resource.RLIMIT_AS) -> None:
    """Set ceilings for the whole life of this process; call it when everything is imported.

    `of` is what of its memory counts: all addresses, or with RLIMIT_DATA not the files that are mapped.
    """
    _lower(of, memory_bytes)
    _lower(resource.RLIMIT_FSIZE, file_size_bytes)
    _lower(resource.RLIMIT_CORE, 0)


def allow_cpu(cpu_s: float) -> None:
    """Allow this many more seconds of CPU; then SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def stay_alone() -> None:
    """Let no process or thread be made any more; it does not hold for root, whose calls are filtered."""
    _lower(resource.RLIMIT_NPROC, 0)


def _lower(kind: int, ceiling: int) -> None:
    _, hard = resource.getrlimit(kind)
    ceiling = ceiling if hard < 0 else min(ceiling, hard)
    resource.setrlimit(kind, (ceiling, ceiling))


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_ulong(word) for word in (value, pointer, 0, 0)]
    if libc.prctl(option, *words) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
