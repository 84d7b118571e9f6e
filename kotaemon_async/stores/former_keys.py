"""Keys of releases before schema 6: a file beside the ledger, taken over once and put aside.

A file that is there says that callers were asked for keys, whatever it holds: one that is blank or torn makes
the service ask all the same.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from kotaemon_async.domain.callers import ALL_SCOPES, is_user
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.api_keys import SQL, ApiKey, ApiKeys, FormerKey, digest_of
from kotaemon_async.stores.files import give_to_owner_of

FILE: Final = "keys.json"
#: What becomes of it.
ASIDE: Final = "keys.json.imported"
#: The id of a key that nobody has, in the ledger of a service whose file held none.
LOST: Final = "key_lost"


@dataclass(frozen=True, slots=True)
class TakenOver:
    """How many keys the file held that were new, and whether it could be read."""

    count: int
    is_readable: bool


async def take_over(folder: Path, keys: ApiKeys, now_s: float) -> TakenOver | None:
    """Move the file's keys into the ledger, with all scopes; None where there is no file.

    Raises: Misconfigured when the file is there but not for us.
    """
    path = folder / FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    former = _former(text)
    count = await keys.take_over(former or [], _lost(now_s))
    try:
        if not path.is_symlink():
            path.chmod(0o600)
        path.replace(folder / ASIDE)
        give_to_owner_of(folder, folder / ASIDE)
    except OSError as error:
        raise _unreadable(path, error) from error
    return TakenOver(count, former is not None)


def are_in_use(folder: Path) -> bool:
    """Return whether callers of the folder's service were ever asked for keys, before anything is opened."""
    if (folder / FILE).exists() or (folder / ASIDE).exists():
        return True
    ledger = folder / "ledger.db"
    try:
        connection = apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error:
        return False
    try:
        return bool(connection.execute(SQL["any"]).get)
    except apsw.Error:
        return False  # of an earlier release, or none at all: opening it will say so
    finally:
        connection.close()


def _former(text: bytes) -> Sequence[FormerKey] | None:
    try:
        return [_key(row) for row in json.loads(text)["keys"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _key(row: dict[str, Any]) -> FormerKey:
    key_id, name, digest = str(row["id"]), str(row["name"]), str(row["digest"])
    expires = row.get("expires_at")
    # Names were any words; whoever has none that a user may have is known by the id of the key.
    user = name if is_user(name) else key_id
    at_s, expires_s = float(row["created_at"]), None if expires is None else float(expires)
    return FormerKey(ApiKey(key_id, name, user, frozenset(), ALL_SCOPES, at_s, expires_s), digest)


def _lost(now_s: float) -> FormerKey:
    key = ApiKey(LOST, FILE, LOST, frozenset(), frozenset(), now_s, revoked_at_s=now_s)
    return FormerKey(key, digest_of(secrets.token_urlsafe(32)))


def _unreadable(path: Path, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"data_dir: {path}, the keys of an earlier release, cannot be moved: {error.strerror}.",
        hint="Give it to the user that the service runs as.",
    )
