"""What a child may not do: outlive its parent, use the network, take all memory, time or disk.

Imports the standard library only; runs inside the child.
"""

import contextlib
import ctypes
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_EACCES = 13
_RET_ALLOW = 0x7FFF0000
_RET_EACCES = 0x00050000 | _EACCES
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32_BIT = 0x40000000
#: Where the first argument of a call stands, its lower half on both machines.
_FAMILY = 16

#: machine -> (audit architecture, numbers of: socket, socketpair, io_uring_setup, execve, execveat, ptrace)
_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, (41, 53, 425, 59, 322, 101)),
    "aarch64": (0xC00000B7, (198, 199, 425, 221, 281, 117)),
}
#: Where execve and execveat stand in it.
_PROGRAMS = (3, 4)
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
#: Rights over files: to execute, write and read them, to read a folder, and nine to change what is in one.
_ALL_RIGHTS = 0x1FFF
_READ_RIGHTS = 0x000D
_FILE_RIGHTS = 0x0007
_MAKE_SOCKET = 0x0200
_NICENESS = 5
_OOM_SCORE = 500


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


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


def deny_network(*, allow_unix: bool = False, allow_programs: bool = False) -> bool:
    """Let sockets, io_uring and starting programs fail with EACCES; return False on an unknown machine.

    With `allow_unix` sockets of that family are allowed: they reach this machine alone. With `allow_programs`
    programs may be started; what is denied stays denied in them.
    """
    known = _SYSTEM_CALLS.get(platform.machine())
    if known is None or sys.maxsize < 2**32:
        return False
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    architecture, numbers = known
    left_out = _PROGRAMS if allow_programs else ()
    denied = tuple(number for place, number in enumerate(numbers) if place not in left_out)
    code = _filter(architecture, denied, allow_unix=allow_unix)
    program = _Program(len(code) // 8, code)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))
    return True


def allow_files(readable: Sequence[str], writable: Sequence[str], sockets: Sequence[str] = ()) -> bool:
    """Let no file be opened but below these folders; return False where the kernel knows no such rules.

    In `sockets` nothing but sockets may be made. It holds for programs that are started later, too.
    Source: landlock(7), ABI 1.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_LANDLOCK_CREATE, None, 0, 1) < 1:
        return False
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    handled = struct.pack("Q", _ALL_RIGHTS)
    rules = _called(libc.syscall(_LANDLOCK_CREATE, handled, len(handled), 0))
    kinds = ((readable, _READ_RIGHTS), (writable, _ALL_RIGHTS), (sockets, _MAKE_SOCKET))
    for folder, allowed in ((folder, allowed) for folders, allowed in kinds for folder in folders):
        with contextlib.suppress(FileNotFoundError):
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            of_file = allowed if Path(folder).is_dir() else allowed & _FILE_RIGHTS
            _called(libc.syscall(_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", of_file, place), 0))
            os.close(place)
    _called(libc.syscall(_LANDLOCK_RESTRICT, rules, 0))
    os.close(rules)
    return True


def _called(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "a rule for files was refused")
    return result


def _filter(architecture: int, numbers: tuple[int, ...], *, allow_unix: bool) -> bytes:
    """Return classic BPF over call number, architecture and family; unknown architectures are denied."""
    denied = numbers[1:] if allow_unix else numbers
    deny = 4 + len(denied) + (3 if allow_unix else 0) + 1  # the place of the last step
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 0, deny - 2, architecture),  # another architecture -> deny
        (_LOAD, 0, 0, 0),
        (_JUMP_AT_LEAST, deny - 4, 0, _X32_BIT),
    ]
    steps += [(_JUMP_EQUAL, deny - place - 1, 0, number) for place, number in enumerate(denied, start=4)]
    if allow_unix:
        steps += [
            (_JUMP_EQUAL, 0, 2, numbers[0]),
            (_LOAD, 0, 0, _FAMILY),
            (_JUMP_EQUAL, 0, 1, socket.AF_UNIX),
        ]
    steps += [(_RETURN, 0, 0, _RET_ALLOW), (_RETURN, 0, 0, _RET_EACCES)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _lower(kind: int, ceiling: int) -> None:
    _, hard = resource.getrlimit(kind)
    ceiling = ceiling if hard < 0 else min(ceiling, hard)
    resource.setrlimit(kind, (ceiling, ceiling))


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_ulong(word) for word in (value, pointer, 0, 0)]
    if libc.prctl(option, *words) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
