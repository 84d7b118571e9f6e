"""Named points in the code at which a test may let the process die, fail, hang or find the disk full.

`hit("ingest.after_commit")` costs one comparison with None while no plan is armed. A plan is one setting,
`name:count:action`, more of them separated by commas: at the count-th hit of the point, and at that one
alone, the action happens. Counting instead of timing makes every run the same.
"""

import errno
import os
import signal
import threading
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, cast, get_args

from kotaemon_async.domain.errors import Misconfigured

Action = Literal["kill", "raise", "hang", "enospc"]
_ACTIONS: Final = get_args(Action)


class InjectedError(Exception):
    """What a point raises for the action `raise`; to the code around it, a bug."""


@dataclass(slots=True)
class _Armed:
    """A point that acts when `left` further hits have been counted."""

    left: int
    action: Action


_plan: dict[str, list[_Armed]] | None = None
_turn = threading.Lock()


def arm(plan: str) -> None:
    """Arm the points of `plan`; an empty plan disarms all. Raises: Misconfigured."""
    global _plan  # noqa: PLW0603 - the points are all over the process, and there is one process
    armed: dict[str, list[_Armed]] = {}
    for entry in filter(None, (part.strip() for part in plan.split(","))):
        name, _, rest = entry.partition(":")
        count, _, action = rest.partition(":")
        if not name or not count.isdecimal() or int(count) < 1 or action not in _ACTIONS:
            raise Misconfigured(f"faults: {entry!r} is not name:count:action with {', '.join(_ACTIONS)}.")
        armed.setdefault(name, []).append(_Armed(int(count), cast("Action", action)))
    _plan = armed or None


def hit(name: str) -> None:
    """Do what the plan has for this hit of the point, if anything; callable from any thread."""
    if _plan is None:
        return
    with _turn:
        due = [armed for armed in _plan.get(name, []) if _count(armed)]
    for armed in due:
        _act(armed.action, name)


def _count(armed: _Armed) -> bool:
    armed.left -= 1
    return armed.left == 0


def _act(action: Action, name: str) -> None:
    if action == "kill":
        _die()
    if action == "hang":
        threading.Event().wait()
    if action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    raise InjectedError(name)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process goes on")  # pragma: no cover - the kernel is faster
