"""Keys of callers: a small file of digests beside the ledger, read again when it changes.

The keys themselves are long and random, so a plain SHA-256 of each is all that is kept. Once a file with keys
was read, nothing that happens to it opens the service: what cannot be read leaves the keys as they were.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from loguru import logger

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.files import give_to_owner_of

FILE: Final = "keys.json"
#: So that a key is recognised wherever it turns up.
PREFIX: Final = "kot_"
#: The file is looked at no more often than this.
LOOK_EVERY_S: Final = 1.0

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret; times are Unix seconds, `expires_at` is None for one that does not end."""

    id: str
    name: str
    digest: str
    created_at: float
    expires_at: float | None = None

    def is_valid(self, now_s: float) -> bool:
        """Return whether it opens anything at that time."""
        return self.expires_at is None or now_s < self.expires_at


class ApiKeys:
    """The keys of one data folder; as long as there is none, nobody is asked for one."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}
        self._stamp: _Stamp | None = None
        self._looked_at_s = float("-inf")

    @classmethod
    def open(cls, folder: Path, *, clock: Callable[[], float] = time.time) -> "ApiKeys":
        """Open the keys of the folder; raises Misconfigured when the file is there and cannot be read."""
        keys = cls(folder / FILE, clock=clock)
        keys._load()
        return keys

    @property
    def in_use(self) -> bool:
        """Return whether callers need a key."""
        self._look()
        return bool(self._keys)

    def find(self, secret: str) -> ApiKey | None:
        """Return the valid key that this is, if it is one."""
        self._look()
        # Looked up by digest: how long that takes tells nothing about the secrets.
        key = self._keys.get(_digest(secret))
        return key if key is not None and key.is_valid(self._clock()) else None

    def listed(self) -> list[ApiKey]:
        """Return all keys, oldest first, expired ones too."""
        self._look()
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    def create(self, name: str) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret, which is not kept; raises Misconfigured."""
        self._load()
        secret = PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(f"key_{secrets.token_hex(4)}", name, _digest(secret), self._clock())
        self._save({**self._keys, key.digest: key})
        return key, secret

    def end(self, key_id: str, *, in_s: float = 0.0) -> bool:
        """Have the key open nothing after so many seconds; return whether it exists; raises Misconfigured."""
        self._load()
        now_s = self._clock()
        chosen = [key for key in self._keys.values() if key.id == key_id]
        # Ended keys stay listed: without any key at all, the service would be open again.
        ended = {
            key.digest: replace(key, expires_at=min(now_s + in_s, key.expires_at or 1e18)) for key in chosen
        }
        if ended:
            self._save({**self._keys, **ended})
        return bool(ended)

    def _look(self) -> None:
        now_s = self._clock()
        if 0 <= now_s - self._looked_at_s < LOOK_EVERY_S:
            return
        self._looked_at_s = now_s
        try:
            if _stamp(self._path) != self._stamp:
                self._load()
        except Misconfigured as error:
            logger.bind(component="keys", code=error.code).error("keys_not_read")

    def _load(self) -> None:
        """Read the file; one that is not there holds no keys, unless there were some before."""
        stamp = _stamp(self._path)
        if stamp is None:
            if self._keys:
                raise Misconfigured(f"{self._path} is gone; the keys known so far stay valid.")
            return
        try:
            rows = json.loads(self._path.read_text("utf8"))["keys"]
            self._keys = {row["digest"]: ApiKey(**row) for row in rows}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Misconfigured(
                f"data_dir: {self._path} cannot be read as a file of keys.",
                hint="Restore it from a backup, or move it away and create new keys (runbook: key reset).",
            ) from error
        finally:
            self._stamp = stamp

    def _save(self, keys: dict[str, ApiKey]) -> None:
        rows = [asdict(key) for key in keys.values()]
        scratch = self._path.with_suffix(".new")
        try:
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf8") as file:
                json.dump({"keys": rows}, file, indent=1)
                file.flush()
                os.fsync(descriptor)
            give_to_owner_of(self._path.parent, scratch)
            scratch.replace(self._path)
        except OSError as error:
            message = f"data_dir: {self._path} cannot be written: {error.strerror}."
            raise Misconfigured(
                message, hint="Run the command as the user that the service runs as."
            ) from error
        self._keys, self._stamp = keys, _stamp(self._path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf8", "replace")).hexdigest()


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return (0, 0, 0)  # there, but not to be read: the attempt will say why
    return found.st_ino, found.st_size, found.st_mtime_ns
