"""What works and what does not, asked of every part at once and never waited for too long."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from loguru import logger

from kotaemon_async.domain.errors import KotaemonError

#: Returns when the part works (a mapping adds details to the report), raises when it does not. A mapping that
#: holds a `code` says that it works in part; a check that asks nobody tells its own `last_success_age_s`.
Check = Callable[[], Awaitable[Mapping[str, object] | None]]
#: What is known of a part without asking it, reported in any case; with a `code` it works in part at best.
KnownStatus = Callable[[], Mapping[str, object]]


@runtime_checkable
class Watched(Protocol):
    """A part that knows its own checks."""

    def register_in(self, health: "Health") -> None: ...


@dataclass(slots=True)
class _Component:
    check: Check
    core: bool
    timeout_s: float
    known: list[KnownStatus]
    last_success_s: float | None = None
    running: asyncio.Task[Mapping[str, object] | None] | None = None

    def status(self) -> dict[str, object]:
        """Return all that is known of it without asking; what was added later wins."""
        return {key: value for status in self.known for key, value in status().items()}


class Health:
    """The checks of all parts, and the report they make together."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._components: dict[str, _Component] = {}
        self._known: dict[str, list[KnownStatus]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the components, in the order they were added."""
        return tuple(self._components)

    def register(
        self,
        name: str,
        check: Check,
        *,
        core: bool = False,
        timeout_s: float = 2.0,
        status: KnownStatus = dict,
    ) -> None:
        """Add a part; without a core part the service counts as down."""
        known = self._known.setdefault(name, [])
        known.append(status)
        self._components[name] = _Component(check, core, timeout_s, known)

    def add_status(self, name: str, status: KnownStatus) -> None:
        """Add what another part knows of this one."""
        self._known.setdefault(name, []).append(status)

    async def report(self, *, details: bool = True) -> dict[str, object]:
        """Return `status` (ok, degraded or down) and `components` by name, within the longest deadline.

        Without `details` the status is all that is said of a component.
        """
        names = list(self._components)
        found = await asyncio.gather(*(self._ask(name) for name in names))
        components = dict(zip(names, found, strict=True))
        lost = [name for name in names if components[name]["status"] == "down"]
        well = all(component["status"] == "ok" for component in found)
        is_down = any(self._components[name].core for name in lost)
        if not details:
            components = {name: {"status": component["status"]} for name, component in components.items()}
        return {"status": "down" if is_down else "ok" if well else "degraded", "components": components}

    async def _ask(self, name: str) -> dict[str, object]:
        component = self._components[name]
        task = self._running(name, component)
        await asyncio.wait({task}, timeout=component.timeout_s)
        if not task.done():
            # Not awaited: a check that sits in a thread would hold up the report past its deadline.
            task.cancel()
            return self._failed(component, "timeout", f"No reply within {component.timeout_s:g} s.")
        return self._outcome(component, task)

    def _running(self, name: str, component: _Component) -> asyncio.Task[Mapping[str, object] | None]:
        """Return the check's task; one that still hangs from the last report is joined, so none pile up."""
        if component.running is None or component.running.done():
            component.running = asyncio.create_task(_run(name, component.check), name=f"health:{name}")
            component.running.add_done_callback(_retrieve)
        return component.running

    def _outcome(
        self, component: _Component, task: asyncio.Task[Mapping[str, object] | None]
    ) -> dict[str, object]:
        if task.cancelled():
            return self._failed(component, "timeout", "The check was cancelled.")
        error = task.exception()
        if isinstance(error, KotaemonError):
            return self._failed(component, error.code, error.message)
        if error is not None:
            return self._failed(component, "internal", "The check itself failed; see the log.")
        details = {**component.status(), **(task.result() or {})}
        if "code" in details:
            last_s = component.last_success_s
            age_s = None if last_s is None else round(self._clock() - last_s, 3)
            return {"last_success_age_s": age_s, **details, "status": "degraded", "core": component.core}
        component.last_success_s = self._clock()
        return {"last_success_age_s": 0.0, **details, "status": "ok", "core": component.core}

    def _failed(self, component: _Component, code: str, message: str) -> dict[str, object]:
        last = component.last_success_s
        age_s = None if last is None else round(self._clock() - last, 3)
        return {
            **component.status(),
            "status": "down",
            "code": code,
            "message": message,
            "last_success_age_s": age_s,
            "core": component.core,
        }


async def _run(name: str, check: Check) -> Mapping[str, object] | None:
    try:
        return await check()
    except KotaemonError:
        raise
    except Exception:
        logger.bind(component=name).exception("health_check_failed")
        raise


def _retrieve(task: asyncio.Task[Mapping[str, object] | None]) -> None:
    """Mark a late failure as seen, so that asyncio does not complain about it."""
    if not task.cancelled():
        task.exception()
