"""The key of whoever may read the data folder: a short-lived secret for commands on this machine."""

import errno
import hmac
import os
import secrets
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async.domain.callers import LOCAL_KEY, OPERATOR_USER, Caller
from kotaemon_async.stores.api_keys import PREFIX
from kotaemon_async.stores.files import give_to_owner_of

OPERATOR: Final = Caller("local", OPERATOR_USER)
NEW_EVERY_S: Final = 3600.0
#: So long the former one is taken, by commands that have just read it.
FORMER_S: Final = 60.0
_LOOK_EVERY_S: Final = 1.0
_LONGEST: Final = 200


class LocalKey:
    """The secret in the file. Several services of one folder take the same, whoever of them wrote it."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = folder / LOCAL_KEY
        self._clock = clock
        self._secret = ""
        self._made_at_s = 0.0
        self._former, self._former_until_s = "", 0.0

    def is_it(self, secret: str) -> bool:
        """Return whether it is the secret, or the one before for a while."""
        given = secret.encode("utf8", "replace")
        is_former = self._clock() < self._former_until_s and _equal(given, self._former)
        return _equal(given, self._secret) or is_former

    def look(self) -> None:
        """Take over what another service of the folder wrote; write a new one when it is time."""
        found = self._read()
        if found != self._secret:
            self._take(found)
        if not found or self._clock() - self._made_at_s >= NEW_EVERY_S:
            self._write()

    def try_look(self) -> bool:
        """Do the same, and return whether it could: commands need a key else, the service does without."""
        try:
            self.look()
        except OSError as error:
            logger.bind(component="keys", error=type(error).__name__).warning("local_key_not_written")
            return False
        return True

    async def run(self, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Keep the file as it should be."""
        while True:
            is_well = await anyio.to_thread.run_sync(self.try_look)
            await sleep(_LOOK_EVERY_S if is_well else FORMER_S)

    async def aclose(self) -> None:
        """Remove the file; another service of the folder writes it anew."""
        if self._secret:
            await anyio.to_thread.run_sync(self._remove)

    def _remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            logger.bind(component="keys", error=type(error).__name__).warning("local_key_not_written")

    def _take(self, secret: str) -> None:
        if self._secret and secret:
            self._former, self._former_until_s = self._secret, self._clock() + FORMER_S
        self._secret, self._made_at_s = secret, self._clock()

    def _read(self) -> str:
        """Return what is in the file, "" when it is not there or others could have written it."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return ""
            raise
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(descriptor)
            is_ours = seen.st_uid in (os.geteuid(), 0) and not stat.S_IMODE(seen.st_mode) & 0o077
            text = file.read(_LONGEST).decode("ascii", "replace").strip()
        return text if is_ours and text.startswith(PREFIX) else ""

    def _write(self) -> None:
        scratch = self._path.with_name(f".{LOCAL_KEY}.{secrets.token_hex(4)}")
        secret = PREFIX + secrets.token_urlsafe(32)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{secret}\n")
            give_to_owner_of(self._path.parent, scratch)
            scratch.replace(self._path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
        self._take(secret)


def _equal(given: bytes, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(given, secret.encode())
