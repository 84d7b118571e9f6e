"""What children that read files have in common: they lock themselves in, and answer what is asked.

A reply holds the result or {"error": {"code", "message"}}; a child that answered so is thrown away.
"""

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from kotaemon_async.resilience import child_calls, child_jail, child_paths
from kotaemon_async.resilience.child_frames import Frames


class Requests:
    """The requests that every child answers; each public method of a subclass is one more."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._memory = os.open("/proc/self/statm", os.O_RDONLY)  # it may open no such file later

    def close(self) -> dict[str, Any]:
        """Return what the process takes when nothing is open."""
        gc.collect()
        pages = int(os.pread(self._memory, 200, 0).split()[1])
        return {"resident_bytes": pages * os.sysconf("SC_PAGE_SIZE")}


def run(requests: Callable[[dict[str, Any]], Requests]) -> None:
    """Lock this process in, report that it is ready, serve until the parent closes."""
    settings = json.loads(sys.argv[1])
    frames = Frames.from_standard_streams()
    # A service manager tells the whole group to stop; the service ends its children when it needs no more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child_jail.die_with(settings["parent_pid"])
    child_jail.step_back()
    # First of all, since it does not hold for threads that run already.
    paths = child_paths.allow_paths((*child_paths.of_python(), f"/proc/{os.getpid()}/statm"))
    served = requests(settings)  # with what it imports, before its memory is limited
    child_jail.limit(settings["memory_bytes"], settings["file_size_bytes"])
    child_jail.stay_alone()
    frames.write({"ready": True, "paths": paths, "calls": child_calls.allow_calls()})
    serve(served, frames)


def serve(requests: Requests, frames: Frames) -> None:
    """Answer until the parent closes the stream."""
    too_long = _error("parser_limit", "The pages hold too much text.")
    while request := frames.read():
        if frames.handed is not None:
            request["descriptor"] = frames.handed
        frames.write(_reply(requests, request), instead=too_long)


def _reply(requests: Requests, request: dict[str, Any]) -> dict[str, Any]:
    operation, began_s = request.pop("do"), time.perf_counter()
    try:
        reply = dict(getattr(requests, operation)(**request))
        return reply | {"took_s": round(time.perf_counter() - began_s, 6)}
    except MemoryError:
        return _error("parser_limit", "Reading the file takes more memory than is allowed.")
    except RecursionError:
        return _error("corrupt", "The file is nested too deeply.")
    except Exception as error:
        code = getattr(error, "code", "corrupt")
        code = code if isinstance(code, str) else "corrupt"
        return _error(code, str(error) or type(error).__name__)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message[:300].encode("utf-8", "replace").decode()}}
