"""The commands `keys …`: they write the data folder's file of keys, which a running service reads again."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from kotaemon_async.app.settings import Settings
from kotaemon_async.cli.client import EXIT_FAILED, CommandError, Json
from kotaemon_async.stores.api_keys import ApiKey, ApiKeys


def opened(settings: Settings) -> ApiKeys:
    """The keys of the data folder; raises Misconfigured."""
    return ApiKeys.open(settings.data_dir.absolute())


def create(keys: ApiKeys, name: str) -> Json:
    """A new key with its secret, which is shown this one time; raises Misconfigured."""
    key, secret = keys.create(name)
    return {**_shown(key), "key": secret}


def rotate(keys: ApiKeys, key_id: str, *, old_ends_in_s: float) -> Json:
    """A new key under the name of an old one, which stays valid for that long. Raises: CommandError."""
    old = next((key for key in keys.listed() if key.id == key_id), None)
    if old is None:
        raise _unknown(key_id)
    made = create(keys, old.name)
    keys.end(key_id, in_s=old_ends_in_s)
    return made


def revoke(keys: ApiKeys, key_id: str) -> None:
    """The key opens nothing any more. Raises: CommandError."""
    if not keys.end(key_id):
        raise _unknown(key_id)


def listed(keys: ApiKeys) -> list[Json]:
    """Every key without its secret, oldest first."""
    return [_shown(key) for key in keys.listed()]


def print_keys(rows: list[Json]) -> None:
    """A table of keys."""
    table = Table("id", "name", "created", "ends", box=None)
    for row in rows:
        table.add_row(row["id"], row["name"], row["created_at"], row["expires_at"] or "never")
    Console().print(table)


def _unknown(key_id: str) -> CommandError:
    return CommandError(
        EXIT_FAILED, "not_found", f"There is no key {key_id}.", "See: kotaemon-async keys list"
    )


def _shown(key: ApiKey) -> Json:
    expires = None if key.expires_at is None else _time(key.expires_at)
    return {"id": key.id, "name": key.name, "created_at": _time(key.created_at), "expires_at": expires}


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
