"""Incidents in the telemetry file, open and past; bounded in rows and in age."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import apsw

from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.paging import page_of, page_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes
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


class IncidentStore(Store):
    """Reads and writes incidents; every method raises Unavailable."""

    def __init__(self, file: TelemetryFile, bounds: IncidentBounds) -> None:
        super().__init__(file)
        self._bounds = bounds

    @writes
    def save(self, conn: apsw.Connection, incidents: Sequence[KeptIncident], now_s: float) -> None:
        """Keep them as they are now, and forget old closed ones."""
        rows = [(one.id, one.opened_at_s, one.closed_at_s, one.cause, one.record) for one in incidents]
        conn.executemany(SQL["save_incident"], rows)
        bounds = {"rows": self._bounds.rows, "before": now_s - self._bounds.age_s}
        conn.execute(SQL["forget_incidents"], bounds)

    @reads
    def open(self, conn: apsw.Connection) -> list[KeptIncident]:
        """Return those that are open, the oldest first."""
        return [KeptIncident(*row) for row in conn.execute(SQL["open_incidents"])]

    @reads
    def one(self, conn: apsw.Connection, incident_id: str) -> KeptIncident:
        """Return the incident; raises Refused `not_found`."""
        row = conn.execute(SQL["incident"], {"id": incident_id}).fetchone()
        if row is None:
            raise Refused(
                f"There is no incident {incident_id!r}.",
                code="not_found",
                hint="List what there is with GET /api/v1/incidents.",
            )
        return KeptIncident(*row)

    @reads
    def page(
        self, conn: apsw.Connection, *, status: Status | None, limit: int, cursor: str | None
    ) -> tuple[list[KeptIncident], str | None]:
        """Return one page, the latest first, and the cursor of the next."""
        values = {"status": status} | page_values(cursor, limit)
        found = [KeptIncident(*row) for row in conn.execute(SQL["incidents"], values)]
        return page_of(found, limit, lambda one: (one.opened_at_s, one.id))
