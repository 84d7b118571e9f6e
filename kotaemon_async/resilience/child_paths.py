"""Which files a child may open, and whom it may signal: Landlock, which needs no privileges.

Imports the standard library only; runs inside the child. Source: landlock(7).
"""

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS: Final = 38
#: Rights over files since ABI 1: to execute, write and read them, to read a folder, nine to change what is
#: in one; then to move a file to another folder (2), to cut it (3), and to control devices (5).
_ALL_RIGHTS: Final = 0x1FFF
_LATER_RIGHTS: Final = ((2, 0x2000), (3, 0x4000), (5, 0x8000))
_READ, _EXECUTE = 0x000C, 0x0001
_OF_FILES: Final = 0x0007 | 0x4000
_MAKE_SOCKET: Final = 0x0200
#: TCP since ABI 4, and since ABI 6 abstract sockets and signals: to processes outside of the box.
_NET_SINCE, _TCP = 4, 0x3
SCOPE_SINCE, _SCOPES = 6, 0x3
_SHARED: Final = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
)
_MACHINE: Final = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/dev/urandom", "/dev/null")


def version() -> int:
    """Return which version of the rules the kernel has, 0 if none."""
    return max(0, int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, 0, _VERSION)))


def of_python() -> tuple[str, ...]:
    """Return what Python and its libraries read for themselves: code, what it is linked to, the machine."""
    installed = (path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"})
    own = (str(Path(__file__).resolve().parents[1]), str(Path(os.__file__).parent))
    return (*own, *installed, str(Path(sys.base_prefix) / "lib"), *_SHARED, *_MACHINE)


def allow_paths(
    readable: Sequence[str], writable: Sequence[str] = (), sockets: Sequence[str] = (), *, tcp: bool = False,
    programs: bool = False,
) -> int:  # fmt: skip
    """Let no file be opened but these and what is below them; return the rules' version, 0 if there are none.

    Threads that run already are not held. In `sockets` nothing but sockets may be made. With `programs` what
    is readable may be started, and is held, too. No process outside is signalled or looked into.
    """
    abi = version()
    if abi < 1:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    every = _ALL_RIGHTS | sum(right for since, right in _LATER_RIGHTS if abi >= since)
    handled = struct.pack(
        "QQQ", every, 0 if tcp or abi < _NET_SINCE else _TCP, _SCOPES if abi >= SCOPE_SINCE else 0
    )
    size = 24 if abi >= SCOPE_SINCE else 16 if abi >= _NET_SINCE else 8
    rules = _called(libc.syscall(_CREATE, handled, size, 0))
    read = _READ | (_EXECUTE if programs else 0)
    for folder, rights in _each((readable, read), (writable, every), (sockets, _MAKE_SOCKET)):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            allowed = rights if Path(folder).is_dir() else rights & _OF_FILES & every
            _called(libc.syscall(_ADD, rules, _BENEATH, struct.pack("=Qi", allowed, place), 0))
            os.close(place)
    words = [ctypes.c_ulong(word) for word in (1, 0, 0, 0)]
    _called(libc.prctl(_PR_SET_NO_NEW_PRIVS, *words))
    _called(libc.syscall(_RESTRICT, rules, 0))
    os.close(rules)
    return abi


def _each(*kinds: tuple[Sequence[str], int]) -> Iterator[tuple[str, int]]:
    for folders, rights in kinds:
        for folder in folders:
            yield folder, rights


def _called(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "a rule for files was refused")
    return result
