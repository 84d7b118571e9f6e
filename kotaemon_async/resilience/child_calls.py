"""Which system calls a child may make, as a filter in the kernel (seccomp(2)) that nothing takes off again.

`allow_calls` is for children that only compute: everything is refused but what they need. `deny_calls` is for
programs of others and for libraries that keep files of their own: what leads out of a box is refused. Imports
the standard library only; runs inside the child.
"""

import ctypes
import errno
import fcntl
import os
import platform
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_SET_FILTER, _ALL_THREADS = 1, 1
_RET_ALLOW, _RET_ERROR = 0x7FFF0000, 0x00050000
_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_X32_BIT: Final = 0x40000000
#: Where number, architecture and the lower half of an argument stand in what a filter sees.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
#: What makes a clone a thread of this process, and what would give it namespaces of its own.
_THREAD: Final = 0x00010100
_NAMESPACES: Final = 0x7E020080
_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x53564D41
#: machine -> its audit architecture and the place of its numbers in the tables
_MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: Calls that came after these are unknown to the tables: who makes one goes on without it.
_NEWEST: Final = 463

#: What readers of files need: memory, time, threads, and the descriptors that they were given. What they open
#: is beside it, for reading alone. Name -> its numbers on both machines, -1 where it has none.
_ALLOWED: Final[dict[str, tuple[int, int]]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "pread64": (17, 67),
    "readv": (19, 65), "writev": (20, 66), "preadv": (295, 69), "sendmsg": (46, 211), "recvmsg": (47, 212),
    "sendto": (44, 206), "recvfrom": (45, 207), "dup": (32, 23), "dup2": (33, -1), "dup3": (292, 24),
    "close_range": (436, 436), "poll": (7, -1), "ppoll": (271, 73), "stat": (4, -1), "fstat": (5, 80),
    "lstat": (6, -1), "newfstatat": (262, 79), "statx": (332, 291), "access": (21, -1),
    "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, -1), "readlinkat": (267, 78),
    "getdents64": (217, 61), "getcwd": (79, 17), "fadvise64": (221, 223), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214),
    "mincore": (27, 232), "futex": (202, 98), "futex_wait": (455, 455), "futex_wake": (454, 454),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "set_tid_address": (218, 96),
    "rseq": (334, 293), "membarrier": (324, 283), "arch_prctl": (158, -1), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, -1), "times": (100, 153),
    "getrusage": (98, 165), "sysinfo": (99, 179), "uname": (63, 160), "getcpu": (309, 168),
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getrlimit": (97, 163),
    "setrlimit": (160, 164), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "getrandom": (318, 278),
}  # fmt: skip
#: What they need with some arguments alone: `ioctl` asks what kind of file a descriptor is, `fcntl` copies
#: descriptors, but lets none send signals.
_PRCTL, _PRLIMIT, _TGKILL, _IOCTL, _FCNTL = (157, 167), (302, 261), (234, 131), (16, 29), (72, 25)
_CLONE, _CLONE3, _OPEN, _OPENAT = (56, 220), (435, 435), (2, -1), (257, 56)
_IOCTLS: Final = (0x5401, 0x5451, 0x5450, 0x541B, 0x5413)
_FCNTLS: Final = (fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, 1030)
_F_SET_OWNER: Final = (8, 10, 15)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: What leads out of a box: to other processes, other views of the machine, its keys, its kernel.
_DENIED: Final[dict[str, tuple[int, int]]] = {
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "move_pages": (279, 239), "migrate_pages": (256, 238),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "fanotify_init": (300, 262), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116), "quotactl": (179, 60),
    "personality": (135, 92), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, -1), "ioperm": (173, -1), "modify_ldt": (154, -1),
    "vhangup": (153, 58), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "setpriority": (141, 140), "ioprio_set": (251, 30), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
}  # fmt: skip
#: Refused beside them where no program is started, and where one is: a group of its own would outlive it.
_PROGRAMS: Final = {"execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1)}
_GROUPS: Final = {"setsid": (112, 157), "setpgid": (109, 154)}
_SOCKET, _KILL, _SECCOMP = (41, 198), (62, 129), (317, 277)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _Step(NamedTuple):
    """One instruction: what it does, how far it jumps when true and when false, its number."""

    code: int
    if_true: int
    if_false: int
    value: int


_ALLOW: Final = _Step(_RETURN, 0, 0, _RET_ALLOW)


def is_known() -> bool:
    """Return whether the calls of this machine are known."""
    return platform.machine() in _MACHINES and sys.maxsize > 2**32


def allow_calls() -> bool:
    """Refuse every call but those of a reader of files; return False on a machine that is not known.

    Threads may be made, processes may not. A process signals and limits itself alone. EACCES is what the
    others get.
    """
    return _install(_reader_rules)


def deny_calls(*, unix: bool = False, programs: bool = False) -> bool:
    """Refuse the calls that lead out of a box with EACCES; return False on a machine that is not known.

    With `unix` sockets of that family are allowed: they reach this machine alone. With `programs` some may be
    started, which stay in the box and in this process's group.
    """
    return _install(lambda place: _denying_rules(place, unix=unix, programs=programs))


def _reader_rules(place: int) -> Iterator[_Step]:
    for numbers in _ALLOWED.values():
        yield from _when(numbers[place], [_ALLOW])
    yield from _when(_CLONE[place], _if_bits(0, _THREAD | _NAMESPACES, _THREAD))
    yield from _when(_CLONE3[place], [_refused(errno.ENOSYS)])  # its flags cannot be seen: libc takes clone
    yield from _when(_PRCTL[place], _if_one_of(0, _PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA))
    yield from _when(_PRLIMIT[place], _if_one_of(0, 0, os.getpid()))
    yield from _when(_KILL[place], _if_one_of(0, os.getpid()))
    yield from _when(_TGKILL[place], _if_one_of(0, os.getpid()))
    yield from _when(_IOCTL[place], _if_one_of(1, *_IOCTLS))
    yield from _when(_FCNTL[place], _if_one_of(1, *_FCNTLS))
    yield from _when(_OPEN[place], _if_bits(1, _WRITING, 0))
    yield from _when(_OPENAT[place], _if_bits(2, _WRITING, 0))
    yield _Step(_JUMP_AT_LEAST, 0, 1, _NEWEST)
    yield _refused(errno.ENOSYS)
    yield _refused(errno.EACCES)


def _denying_rules(place: int, *, unix: bool, programs: bool) -> Iterator[_Step]:
    for numbers in (*_DENIED.values(), *(_GROUPS if programs else _PROGRAMS).values()):
        yield from _when(numbers[place], [_refused(errno.EACCES)])
    yield from _when(_SOCKET[place], _if_one_of(0, socket.AF_UNIX) if unix else [_refused(errno.EACCES)])
    yield from _when(_CLONE3[place], [_refused(errno.ENOSYS)])
    yield from _when(
        _CLONE[place],
        _if_bits(0, _NAMESPACES, 0) if programs else _if_bits(0, _THREAD | _NAMESPACES, _THREAD),
    )
    yield from _when(_PRLIMIT[place], _if_one_of(0, 0, os.getpid()))
    yield from _when(_FCNTL[place], _if_none_of(1, *_F_SET_OWNER))
    if not programs:
        yield from _when(_KILL[place], _if_one_of(0, os.getpid()))
        yield from _when(_TGKILL[place], _if_one_of(0, os.getpid()))
    yield _ALLOW


def _when(number: int, then: list[_Step]) -> Iterator[_Step]:
    """Yield the steps for one call; they end with its fate."""
    if number >= 0:
        yield _Step(_JUMP_EQUAL, 0, len(then), number)
        yield from then


def _if_one_of(argument: int, *values: int) -> list[_Step]:
    """Allow the call when the lower half of an argument is one of these."""
    jumps = [_Step(_JUMP_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_Step(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *jumps, _refused(errno.EACCES), _ALLOW]


def _if_none_of(argument: int, *values: int) -> list[_Step]:
    jumps = [_Step(_JUMP_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_Step(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *jumps, _ALLOW, _refused(errno.EACCES)]


def _if_bits(argument: int, mask: int, wanted: int) -> list[_Step]:
    """Allow the call when these bits of an argument's lower half are as wanted."""
    masked = [_Step(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), _Step(_AND, 0, 0, mask)]
    return [*masked, _Step(_JUMP_EQUAL, 1, 0, wanted), _refused(errno.EACCES), _ALLOW]


def _refused(number: int) -> _Step:
    return _Step(_RETURN, 0, 0, _RET_ERROR | number)


def _install(rules: Callable[[int], Iterable[_Step]]) -> bool:
    """Put the rules for this machine over all threads of this process and those that they make."""
    if not is_known():
        return False
    architecture, place = _MACHINES[platform.machine()]
    refused = _refused(errno.EACCES)
    steps = [
        _Step(_LOAD, 0, 0, _ARCHITECTURE), _Step(_JUMP_EQUAL, 1, 0, architecture), refused,
        _Step(_LOAD, 0, 0, _NUMBER), _Step(_JUMP_AT_LEAST, 0, 1, _X32_BIT), refused, *rules(place),
    ]  # fmt: skip
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_rights = [ctypes.c_ulong(word) for word in (1, 0, 0, 0)]
    done = libc.prctl(_PR_SET_NO_NEW_PRIVS, *no_new_rights)
    if not done and not libc.syscall(_SECCOMP[place], _SET_FILTER, _ALL_THREADS, ctypes.byref(program)):
        return True
    # A service manager's own filter may know the older way alone, which holds for this thread and its own.
    given = [ctypes.c_ulong(word) for word in (_MODE_FILTER, ctypes.addressof(program), 0, 0)]
    if done or libc.prctl(_PR_SET_SECCOMP, *given):
        raise OSError(ctypes.get_errno(), "a filter of system calls was refused")
    return True
