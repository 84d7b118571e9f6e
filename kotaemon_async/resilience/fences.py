"""What keeps strangers out of this process and its children, as far as the kernel of this machine can."""

import ctypes
import os
from typing import Final

from loguru import logger

from kotaemon_async.resilience import child_calls, child_paths
from kotaemon_async.telemetry.health import Health

_PR_SET_DUMPABLE: Final = 4


class Fences:
    """Which fences the children that read documents stand in, for the health report."""

    def register_in(self, health: Health) -> None:
        """Make them part of the report."""
        health.register("sandbox", self.check)

    async def check(self) -> dict[str, object]:
        """Report each by what makes it, or `none` where this kernel or machine has nothing for it."""
        return known()


def known() -> dict[str, object]:
    """Return what guards `files`, `signals` and `calls` of children that read documents."""
    version = child_paths.version()
    calls = "seccomp" if child_calls.is_known() else "none"
    files = f"landlock {version}" if version else "none"
    return {
        "files": files,
        "signals": "landlock" if version >= child_paths.SCOPE_SINCE else calls,
        "calls": calls,
    }


def close_memory() -> None:
    """Let no other process of this user look into this one: not its memory, environment or descriptors."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def tell() -> None:
    """Log which fences there are, and what takes some away: an old kernel, or the rights of root."""
    found = known()
    detail = ", ".join(f"{name}: {maker}" for name, maker in found.items())
    if "none" in found.values():
        logger.bind(detail=detail).warning("fences_lacking")
    else:
        logger.bind(detail=detail).info("fences_up")
    if os.geteuid() == 0:
        logger.warning("runs_as_root")
