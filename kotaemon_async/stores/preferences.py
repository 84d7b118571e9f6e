"""What was chosen in the page for the whole service, by the name of the setting."""

from collections.abc import Mapping

import apsw

from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("preferences.sql")


class ChosenPreferences(Store):
    """Choices by name; what is not there was never chosen."""

    @reads
    def all(self, conn: apsw.Connection) -> dict[str, str]:
        """Return every choice."""
        return dict(conn.execute(SQL["preferences"]))

    @writes
    def choose(self, conn: apsw.Connection, chosen: Mapping[str, str | None], now_s: float) -> None:
        """Keep the choices, all or none; None takes one back."""
        for name, value in chosen.items():
            if value is None:
                conn.execute(SQL["forget"], {"name": name})
            else:
                conn.execute(SQL["keep"], {"name": name, "value": value, "now": now_s})
