"""Puts together what makes, restores and schedules backups, from the settings."""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.app.settings import PREFIX, Settings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.backup.create import Backups, CreatedBackup, Source
from kotaemon_async.operations.backup.folder import KeptBackup, clear_left_over
from kotaemon_async.operations.backup.restore import Restoring
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.operations.maintenance import (
    Maintenance,
    MaintenanceTask,
    remove_old,
    remove_unused_files,
    when,
)
from kotaemon_async.resilience.background import in_background
from kotaemon_async.resilience.capacity import disk_of, floor_bytes_of
from kotaemon_async.resilience.child import ChildProcess
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import FILE
from kotaemon_async.stores.former_keys import FILE as FORMER_KEYS
from kotaemon_async.stores.ledger import SCHEMA, Ledger
from kotaemon_async.stores.upgrade_copy import COPIES, FOLDER, PARTIALS

#: A verification that takes longer is given up.
VERIFY_LIMIT_S: Final = 4 * 3600.0
DAY_S: Final = 86_400.0
#: Exit status of `backup verify` for a backup that is no good.
DAMAGED: Final = 1
#: Settings that decide how a copy is opened; everything else starts from its default.
_COPIED: Final = ("embedding", "vectors", "disk")


def backup_folder(settings: Settings) -> Path:
    """Return the folder that keeps backups."""
    return (settings.backups.folder or settings.data_dir / "backups").absolute()


def usable_bytes(settings: Settings, folder: Path) -> int:
    """Return how many bytes may be written to the folder's disk before its floor is reached."""
    disk = disk_of(folder)
    return disk.free_bytes - floor_bytes_of(disk, settings.disk.floor_bytes, settings.disk.floor_ratio)


def backups_over(settings: Settings, go_on: Callable[[], None] = lambda: None) -> Backups:
    """Return what makes backups of the data folder, whether a service uses it or not."""
    folder = settings.data_dir.absolute()
    knowledge = settings.answers.static_knowledge
    beside = {FORMER_KEYS: folder / FORMER_KEYS}
    if knowledge is not None:
        beside[f"knowledge{knowledge.suffix.lower()}"] = knowledge
    source = Source(
        folder / "ledger.db",
        Blobs(folder / "blobs", settings.http.max_upload_bytes).path,
        beside,
        version("kotaemon-async"),
    )
    return Backups(source, clock=time.time, free_bytes=partial(usable_bytes, settings), checkpoint=go_on)


def restoring_into(settings: Settings, folder: Path) -> Restoring:
    """Return what restores into the folder; backups that lie in it stay."""
    backups = backup_folder(settings)
    kept = {backups.relative_to(folder).parts[0]} if backups.is_relative_to(folder) else set()
    return Restoring(folder, schema_version=SCHEMA.version, kept=frozenset(kept), clock=time.time)


def schedule_of(settings: Settings) -> BackupSchedule:
    """Return the schedule of a running service."""
    folder = settings.data_dir.absolute()
    return BackupSchedule(
        backup_folder(settings),
        every_s=settings.backups.every_s,
        keep=settings.backups.keep_files,
        create=partial(_create, settings),
        verify=None if settings.backups.verify == "off" else partial(_verify, settings),
        clock=time.time,
        born_s=(folder / FILE).stat().st_mtime,
    )


def maintenance_of(
    settings: Settings,
    ledger: Ledger,
    blobs: Blobs,
    schedule: BackupSchedule,
    may_start: Callable[[], bool],
) -> Maintenance:
    """Return all maintenance tasks; those that take memory of their own run only while they `may_start`."""
    folder = settings.data_dir.absolute()
    aside = ("vectors*.broken-*", f"{FOLDER}/{COPIES}", f"{FOLDER}/{PARTIALS}")
    tasks: dict[str, MaintenanceTask] = {
        "left_over_backup": lambda _: anyio.to_thread.run_sync(clear_left_over, backup_folder(settings)),
        "expired_answers": lambda now_s: ledger.answers.forget_expired(now_s - settings.answers.stale_s),
        "old_answers": partial(_forget_old_answers, ledger, settings.answers.keep_s),
        "expired_keys": ledger.idempotency.forget_old,
        "unused_files": lambda _: remove_unused_files(ledger, blobs, folder / "blobs"),
        "old_audit": partial(_forget_old_audit, ledger, settings.maintenance.audit_days),
        "put_aside": lambda now_s: remove_old(
            [path for pattern in aside for path in folder.glob(pattern)],
            now_s - settings.maintenance.keep_aside_s,
        ),
    }
    if settings.backups.every_s:
        tasks |= {
            "backup": schedule.back_up,
            "backup_verification": when(may_start, schedule.verify),
            "old_backups": schedule.prune,
        }
    rounds_s = (settings.maintenance.every_s, settings.backups.every_s)
    return Maintenance(tasks, every_s=min(every_s for every_s in rounds_s if every_s))


async def _forget_old_answers(ledger: Ledger, keep_s: float, now_s: float) -> int:
    return await ledger.answers.forget_old(now_s - keep_s) if keep_s else 0


async def _forget_old_audit(ledger: Ledger, days: int, now_s: float) -> int:
    return await ledger.audit.forget_old(now_s - days * DAY_S) if days else 0


async def _create(settings: Settings, target: Path) -> CreatedBackup:
    return await in_background(lambda go_on: backups_over(settings, go_on).create(target))


async def _verify(settings: Settings, backup: KeptBackup) -> None:
    """Verify in a process of its own: it opens a second service, whose memory goes when it ends.

    Raises: Unavailable, `backup_damaged` when the backup is no good.
    """
    command = [sys.executable, "-m", "kotaemon_async", "backup", "verify", str(backup.path), "--json"]
    free_bytes = await anyio.to_thread.run_sync(usable_bytes, settings, backup.path.parent)
    is_whole = settings.backups.verify == "restore" and backup.unpacked_bytes < free_bytes
    command += ["--gently", *([] if is_whole else ["--bytes"])]
    try:
        child = await ChildProcess.start(command, env=_environment(settings))
    except OSError as error:
        raise Unavailable(f"No process could be started: {error.strerror}.", code="internal") from error
    status = None
    try:
        with anyio.move_on_after(VERIFY_LIMIT_S):
            status = await child.wait()
    finally:
        await child.aclose()
    if status == DAMAGED:
        raise Unavailable(f"The backup {backup.path.name} is no good.", code="backup_damaged")
    if status != 0:
        code = "timeout" if status is None else "internal"
        raise Unavailable(f"The backup {backup.path.name} could not be verified.", code=code)


def _environment(settings: Settings) -> dict[str, str]:
    """Return the environment without what the service alone was given, such as faults and keys of models."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {
        f"{PREFIX}{section}__{name}".upper(): str(value)
        for section in _COPIED
        for name, value in getattr(settings, section).model_dump(exclude_none=True).items()
    }
    folders = {"data_dir": settings.data_dir.absolute(), "backups__folder": backup_folder(settings)}
    return plain | given | {f"{PREFIX}{name}".upper(): str(value) for name, value in folders.items()}
