"""Who may use a data folder: one process alone, or several that share one broker."""

import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Self

import anyio

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.files import try_lock

FILE: Final = "lock"
#: Lies in a folder whose contents are being replaced, so that no service starts on half of them.
RESTORING: Final = "restoring"
#: How long a process that may share waits for one that is alone with the folder, most likely just starting.
JOIN_LIMIT_S: Final = 30.0
_JOIN_ROUND_S: Final = 0.05


class FolderLock:
    """The right to use a folder. The kernel takes it back when the process dies; children do not inherit it.

    `alone` says that nobody else used the folder when the lock was taken; `name` is the folder's for ever.
    """

    def __init__(self, descriptor: int, *, alone: bool) -> None:
        self.alone = alone
        self._descriptor = descriptor
        self.name = self._read_name()

    @classmethod
    def take(cls, folder: Path, *, shared: bool) -> Self | None:
        """Take the lock, or return None when another's is in the way; never wait.

        With `shared`, a process that is not alone joins the others, unless one of them does not share.
        Raises: Misconfigured when the folder cannot be locked at all.
        """
        try:
            descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unlockable(folder, error) from error
        try:
            if try_lock(descriptor):
                return cls(descriptor, alone=True)
            if shared and try_lock(descriptor, shared=True):
                return cls(descriptor, alone=False)
        except OSError as error:
            os.close(descriptor)
            raise _unlockable(folder, error) from error
        os.close(descriptor)
        return None

    def share(self) -> bool:
        """Let others join from now on; return False when one that starts was faster, then ask again.

        The kernel lets go before it takes anew, so a second process may be alone for a moment as well.
        That does no harm as long as the caller has not begun to work.
        """
        return try_lock(self._descriptor, shared=True)

    def release(self) -> None:
        """Free the folder, as far as this process is concerned."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read_name(self) -> str:
        name = os.pread(self._descriptor, 64, 0).decode("ascii", "replace").strip()
        if not name and self.alone:
            name = secrets.token_hex(8)
            os.pwrite(self._descriptor, f"{name}\n".encode(), 0)
        return name


async def lock_folder(
    folder: Path, *, shared: bool, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
) -> FolderLock:
    """Take the lock; wait for one that may be shared while another process starts.

    Raises: Misconfigured when another process keeps the folder to itself, or a restore did not end.
    """
    waited_s = 0.0
    while (lock := FolderLock.take(folder, shared=shared)) is None:
        if not shared or waited_s >= JOIN_LIMIT_S:
            raise Misconfigured(
                f"data_dir: another service uses this data folder: {folder}",
                hint="Stop it, choose another data_dir, or give both services the same Redis as broker.url.",
            )
        await sleep(_JOIN_ROUND_S)
        waited_s += _JOIN_ROUND_S
    if (folder / RESTORING).exists():
        lock.release()
        raise Misconfigured(
            f"data_dir: a restore into {folder} was interrupted; what was there before is in its replaced-*.",
            hint="Run again: kotaemon-async backup restore FILE --replace",
        )
    return lock


async def share_folder(lock: FolderLock, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
    """Let others join from now on."""
    while not lock.share():
        await sleep(_JOIN_ROUND_S)


def _unlockable(folder: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"data_dir: {folder} cannot be locked: {error.strerror}.")
