"""Keys of a data folder, made beside whatever service uses it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kotaemon_async.cli.keys import make, on_keys
from kotaemon_async.stores.api_keys import ApiKey, checked_grant

ALL: Final = ("ask", "write", "admin")


def make_key(
    data_dir: Path, name: str, *scopes: str, groups: Iterable[str] = (), ends_at_s: float | None = None
) -> str:
    """The secret of a new key of the user who is called so; without scopes it has all."""
    secret: str = make(data_dir, checked_grant(name, None, groups, scopes or ALL, ends_at_s))["key"]
    return secret


def bearer(secret: str) -> dict[str, str]:
    """The header that brings it."""
    return {"Authorization": f"Bearer {secret}"}


def keys_of(data_dir: Path) -> list[ApiKey]:
    """All keys of the folder, the oldest first."""
    return on_keys(data_dir, lambda keys: keys.listed()) or []
