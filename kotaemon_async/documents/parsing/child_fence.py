"""The fence of a program that is not ours: it gets limits, no network, few files, and is started.

Started as a plain file with one JSON argument: {"parent_pid", "memory_bytes", "file_size_bytes", "cpu_s",
"readable", "writable", "sockets", "command"}. The fence holds for the program, which takes the place of this
process.
"""

import json
import os
import signal
import sys

from kotaemon_async.resilience import child_calls, child_jail, child_paths


def main() -> None:
    """Lock this process in and become the program."""
    given = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    child_jail.die_with(given["parent_pid"])
    child_jail.step_back()
    child_jail.limit(given["memory_bytes"], given["file_size_bytes"])
    child_jail.allow_cpu(given["cpu_s"])
    child_paths.allow_paths(given["readable"], given["writable"], given["sockets"], programs=True)
    child_calls.deny_calls(unix=True, programs=True)
    os.execv(given["command"][0], given["command"])  # noqa: S606 - the command is the service's own


if __name__ == "__main__":
    main()
