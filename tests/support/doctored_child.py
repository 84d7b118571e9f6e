"""The real parser child, taken over: it tries what it is told to, and says what the kernel made of it."""

import ctypes
import errno
import fcntl
import os
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kotaemon_async.documents.parsing import child, child_readers, child_service

NOBODY = 65534
_PR_SET_DUMPABLE = 4
#: Numbers of x86_64.
CALLS: dict[str, tuple[int, ...]] = {
    "socket": (41, 2, 1, 0),
    "unix socket": (41, 1, 1, 0),
    "socketpair": (53, 1, 1, 0, 0),
    "io_uring_setup": (425, 8, 0),
    "execve": (59, 0, 0, 0),
    "execveat": (322, -100, 0, 0, 0, 0),
    "fork": (57,),
    "vfork": (58,),
    "clone of a process": (56, 17, 0, 0, 0, 0),
    "clone with namespaces": (56, 0x10000000 | 0x10100, 0, 0, 0, 0),
    "clone3": (435, 0, 0),
    "unshare": (272, 0x10000000),
    "setns": (308, 0, 0),
    "pidfd_open": (434, -1, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "pidfd_send_signal": (424, 0, 0, 0, 0),
    "rt_sigqueueinfo": (129, -1, 0, 0),
    "tkill": (200, -1, 0),
    "kill": (62, -1, 0),
    "kill of the group": (62, 0, 0),
    "tgkill": (234, -1, -1, 0),
    "ptrace": (101, 16, -1, 0, 0),
    "process_vm_readv": (310, -1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, -1, 0, 0, 0, 0, 0),
    "kcmp": (312, -1, -1, 0, 0, 0),
    "prlimit of another": (302, -1, 7, 0, 0),
    "sched_setaffinity": (203, -1, 0, 0),
    "setpriority": (141, 0, -1, 19),
    "memfd_create": (319, 0, 0),
    "keyctl": (250, 0, -3, 0, 0, 0),
    "add_key": (248, 0, 0, 0, 0, -3),
    "mount": (165, 0, 0, 0, 0, 0),
    "chroot": (161, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "shmget": (29, 0, 4096, 0o1666),
    "inotify_init1": (294, 0),
    "open_by_handle_at": (304, -100, 0, 0),
    "prctl": (157, 1, 0, 0, 0, 0),
    "landlock": (444, 0, 0, 1),
    "of x32": (0x40000000 + 39,),
}


class Doctored(child.OpenDocument):
    """Serves as the real one does, and tries more."""

    def attempt(self, kind: str, target: str = "") -> dict[str, Any]:
        """Return what came of it: the name of the error, or "allowed"."""
        try:
            _ATTEMPTS[kind](target)
        except (OSError, ValueError) as error:
            return {"came": errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)}
        return {"came": "allowed"}

    def odd(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Return just what is asked for."""
        return reply

    def deep(self, depth: int) -> dict[str, Any]:
        """Return lists within lists."""
        nested: list[Any] = []
        for _ in range(depth):
            nested = [nested]
        return {"pages": nested}


def _call(name: str) -> None:
    number, *arguments = CALLS[name]
    words = [ctypes.c_long(os.getppid() if word == -1 else word) for word in arguments]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *words) < 0:
        raise OSError(ctypes.get_errno(), name)


def _thread(_: str) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


_ATTEMPTS: dict[str, Callable[[str], object]] = {
    "read": lambda path: Path(path).read_bytes(),
    "list": os.listdir,
    "write": lambda path: os.close(os.open(path, os.O_WRONLY)),
    "create": lambda path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)),
    "remove": os.unlink,
    "rename": lambda path: Path(path).rename(path + "x"),
    "open to all": lambda path: Path(path).chmod(0o777),
    "cut": lambda path: os.truncate(path, 0),
    "date": lambda path: os.utime(path, (0, 0)),
    "read of the parent": lambda name: Path(f"/proc/{os.getppid()}/{name}").read_bytes(),
    "write of the parent": lambda name: os.close(os.open(f"/proc/{os.getppid()}/{name}", os.O_RDWR)),
    "list of the parent": lambda name: list(Path(f"/proc/{os.getppid()}/{name}").iterdir()),
    "call": _call,
    "signals of a descriptor": lambda _: fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid()),
    "more memory": lambda _: resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40)),
    "thread": _thread,
}


def main() -> None:
    """Serve, as nobody when the first argument after the settings says so."""
    if "nobody" in Path(sys.argv[0]).name:
        child_readers.reader_of("application/pdf")  # the libraries may be root's alone
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # as it is for who has not changed his user
    child_service.run(Doctored)


if __name__ == "__main__":
    main()
