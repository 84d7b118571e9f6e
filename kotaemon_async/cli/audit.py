"""The command `audit`: who did what. And how commands write down what they did themselves."""

import os
import pwd
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.errors import EXIT_USAGE, CommandError
from kotaemon_async.cli.render import print_audit, print_json
from kotaemon_async.cli.terminal import err
from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.operations.audit import OK
from kotaemon_async.stores.audit import AuditEntry, append
from kotaemon_async.stores.ledger import SCHEMA

#: Acts that are asked for at once, and the pause before the next look.
_PAGE: Final = 200
_EVERY_S: Final = 1.0
_AGO: Final = re.compile(r"(\d{1,5})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
#: Who does what a command does to the files themselves.
LOCAL: Final = "local"


class AuditCommand:
    """One run of the command; `asked` is what the acts are of."""

    def __init__(self, client: Client, asked: Mapping[str, str | None], *, as_json: bool) -> None:
        self._client, self._asked, self._as_json = client, asked, as_json

    def show(self, since: str | None, limit: int) -> int:
        """Print the latest acts and return the number of the last one. Raises: CommandError."""
        found = self._acts(limit, since=None if since is None else moment(since, datetime.now(UTC)))
        print_json({"items": found}) if self._as_json else print_audit(found)
        return max((act["seq"] for act in found), default=0)

    def follow(self, after: int) -> None:
        """Print what comes after that number, until interrupted. Raises: CommandError."""
        while True:
            self._client.times.sleep(_EVERY_S)
            for act in self._acts(_PAGE, after=after):
                print_json(act) if self._as_json else print_audit([act], head=False)
                after = act["seq"]

    def _acts(self, limit: int, **query: str | int | None) -> list[Json]:
        """Return so many acts, the latest last."""
        found: list[Json] = []
        cursor: str | None = None
        while len(found) < limit:
            asked = {**self._asked, **query, "limit": min(limit - len(found), _PAGE), "cursor": cursor}
            page = self._client.audit(**asked)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return found[::-1]


def moment(said: str, now: datetime) -> str:
    """Return the time that `2026-03-01`, `2026-03-01T08:00` (UTC) or `12h` names. Raises: CommandError.

    >>> moment("12h", datetime(2026, 3, 2, tzinfo=UTC))
    '2026-03-01T12:00:00+00:00'
    """
    if ago := _AGO.fullmatch(said):
        return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        message = f"{said!r} is no time."
        raise CommandError(EXIT_USAGE, "bad_request", message, "Say 2026-03-01T08:00, or 12h.") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def write_down(data_dir: Path, action: str, thing: str, result: str = OK) -> None:
    """Add what a command did to the ledger of the folder; one that cannot be written is said."""
    entry = AuditEntry(time.time(), LOCAL, "operator", action, thing, f"account {_account()}", result)
    try:
        append(data_dir / "ledger.db", entry, SCHEMA.version)
    except KotaemonError as error:
        err().print(f"[yellow]not in the audit:[/yellow] {error.message}")


def _account() -> str:
    """Return the name of the account that runs the command, its number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
