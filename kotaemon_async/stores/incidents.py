"""Incidents in the telemetry file, open and past; bounded in rows and in age."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import apsw

from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.documents import parse_cursor
from kotaemon_async.stores.sqlite import queries
from kotaemon_async.stores.telemetry import TelemetryFile

SQL = queries("incidents.sql")

Status = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class KeptIncident:
    """One incident; `record` is JSON, times are Unix seconds."""

    id: str
    opened_at_s: float
    closed_at_s: float | None
    cause: str
    record: str


@dataclass(frozen=True, slots=True)
class IncidentBounds:
    """How many closed incidents are kept, and for how long."""

    rows: int
    age_s: float


class IncidentStore:
    """Reads and writes incidents; every method is one transaction and raises Unavailable."""

    def __init__(self, file: TelemetryFile, bounds: IncidentBounds) -> None:
        self._file = file
        self._bounds = bounds

    async def save(self, incidents: Sequence[KeptIncident], now_s: float) -> None:
        """They are kept as they are now; old closed ones are gone."""
        rows = [(one.id, one.opened_at_s, one.closed_at_s, one.cause, one.record) for one in incidents]
        bounds = {"rows": self._bounds.rows, "before": now_s - self._bounds.age_s}

        def save(conn: apsw.Connection) -> None:
            conn.executemany(SQL["save_incident"], rows)
            conn.execute(SQL["forget_incidents"], bounds)

        await self._file.write(save)

    async def open(self) -> list[KeptIncident]:
        """Those that are open, the oldest first."""
        return await self._file.read(
            lambda conn: [KeptIncident(*row) for row in conn.execute(SQL["open_incidents"])]
        )

    async def one(self, incident_id: str) -> KeptIncident:
        """The incident; raises Refused `not_found`."""
        row = await self._file.read(
            lambda conn: conn.execute(SQL["incident"], {"id": incident_id}).fetchone()
        )
        if row is None:
            raise Refused(
                f"There is no incident {incident_id!r}.",
                code="not_found",
                hint="List what there is with GET /api/v1/incidents.",
            )
        return KeptIncident(*row)

    async def page(
        self, *, status: Status | None, limit: int, cursor: str | None
    ) -> tuple[list[KeptIncident], str | None]:
        """One page, the latest first, and the cursor of the next."""
        before_at, before_id = parse_cursor(cursor)
        values = {"status": status, "before_at": before_at, "before_id": before_id, "limit": limit + 1}
        found = await self._file.read(
            lambda conn: [KeptIncident(*row) for row in conn.execute(SQL["incidents"], values)]
        )
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]
        return found[:limit], f"{last.opened_at_s!r}:{last.id}"
