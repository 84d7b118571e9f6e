"""Use case: look at the service's series all the time, keep incidents, and notify who wants to know."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio
import anyio.to_thread
import msgspec
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.incidents.incidents import Incident, Incidents
from kotaemon_async.operations.incidents.report import IncidentBody, IncidentList, body_of, forecast_body
from kotaemon_async.operations.incidents.signals import Reading
from kotaemon_async.operations.incidents.webhook import Notify
from kotaemon_async.stores.incidents import IncidentStore, KeptIncident, Status
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.impacted import RECENT

#: Changes that wait for a telemetry file that cannot be written.
_UNSAVED: Final = 200


class IncidentWatch:
    """Takes a reading every few seconds; what it finds is in the store and in `incidents.open`."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Reading]],
        incidents: Incidents,
        store: IncidentStore,
        *,
        every_s: float,
        notify: Sequence[Notify] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.incidents = incidents
        self._read = read
        self._store = store
        self._every_s = every_s
        self._notify = notify
        self._clock = clock
        self._unsaved: dict[str, Incident] = {}
        self._resumed = False

    def register_in(self, health: Health) -> None:
        """Show open incidents in the health report; they degrade nothing by themselves."""
        health.register("incidents", self.check)

    async def check(self) -> dict[str, object]:
        """Return the causes of those that are open."""
        return {"open": [one.cause for one in self.incidents.open]}

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Look until cancelled."""
        while True:
            began_s = time.monotonic()
            await self.look()
            await sleep(max(0.0, self._every_s - (time.monotonic() - began_s)))

    async def look(self) -> None:
        """Take one reading and save and send what it changes."""
        await self._resume()
        before = {one.id: one for one in self.incidents.open}
        reading, impacted = await self._read(), tuple(RECENT)
        # Milliseconds of arithmetic, which nobody who streams an answer should wait for.
        changes = await anyio.to_thread.run_sync(self.incidents.take, reading, impacted)
        changed = [one for one in self.incidents.open if before.get(one.id) != one]
        self._unsaved |= {one.id: one for one in (*changed, *(one for _, one in changes))}
        for change, incident in changes:
            for notify in self._notify:
                notify(change, incident)
        await self._save()

    async def page(self, *, status: Status | None, limit: int, cursor: str | None) -> IncidentList:
        """Return incidents, the latest first.

        Raises: Unavailable while the telemetry file is away.
        """
        found, following = await self._store.page(status=status, limit=limit, cursor=cursor)
        forecasts = [forecast_body(one, self._clock()) for one in self.incidents.forecasts]
        return IncidentList([body_of(_incident(one)) for one in found], following, forecasts)

    async def one(self, incident_id: str) -> IncidentBody:
        """Return one incident.

        Raises: Refused `not_found`; Unavailable.
        """
        return body_of(_incident(await self._store.one(incident_id)))

    async def _resume(self) -> None:
        """Go on, once, with what was open when the last process ended."""
        if self._resumed:
            return
        try:
            found = [_incident(one) for one in await self._store.open()]
        except Unavailable:
            return
        self._resumed = True
        if found:
            self.incidents.resume([*found, *self.incidents.open])
            logger.bind(incidents=len(found)).info("incidents_resumed")

    async def _save(self) -> None:
        if not self._unsaved:
            return
        try:
            await self._store.save([_kept(one) for one in self._unsaved.values()], self._clock())
        except Unavailable:
            self._unsaved = dict(list(self._unsaved.items())[-_UNSAVED:])
        else:
            self._unsaved.clear()


def _kept(incident: Incident) -> KeptIncident:
    record = msgspec.json.encode(incident).decode()
    return KeptIncident(incident.id, incident.opened_at_s, incident.closed_at_s, incident.cause, record)


def _incident(kept: KeptIncident) -> Incident:
    return msgspec.json.decode(kept.record, type=Incident)
