"""The command `backup verify`: a backup is restored for a trial, opened, and asked for its documents."""

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.app.backups import backup_folder
from kotaemon_async.app.settings import Settings
from kotaemon_async.app.trial import Trial, ask_for_samples, indexed, opened_copy, shown
from kotaemon_async.cli.client import Json
from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.operations.backup.folder import Depth, Verified, note_verified, scratch_folder
from kotaemon_async.operations.backup.format import BadBackup
from kotaemon_async.operations.backup.reading import BackupReader, open_backup
from kotaemon_async.operations.backup.restore import check_schema, unpack
from kotaemon_async.stores.ledger import SCHEMA
from kotaemon_async.telemetry import logs
from kotaemon_async.telemetry.settings import LogSettings

#: By verdict.
EXIT_CODES: Final = {"good": 0, "damaged": 1, "failed": 1}
_GENTLE_NICENESS: Final = 19


def verify(settings: Settings, file: Path, *, only_bytes: bool, gently: bool) -> Json:
    """Return the report, `good` or `damaged`. Raises: KotaemonError when it could not be tried."""
    if gently:
        with suppress(OSError):
            os.nice(_GENTLE_NICENESS)
    logs.configure(LogSettings(level="error"), stream=sys.stderr)
    depth: Depth = "bytes" if only_bytes else "restored"
    trial, path = Trial(), file.absolute()
    report: Json = {"file": str(path), "depth": depth, "verdict": "good"}
    try:
        with open_backup(path) as backup:
            report |= _about(backup)
            work = partial(_verify, settings, backup, trial, depth)
            anyio.run(work, backend_options={"use_uvloop": True})
            with suppress(KotaemonError):  # a medium that cannot be written holds a good backup all the same
                note_verified(path, Verified(backup.sha256, datetime.now(UTC), depth))
    except BadBackup as error:
        report |= {"verdict": "damaged", "message": error.message, "hint": error.hint}
    report["steps"] = steps_of(trial)
    return report


def steps_of(trial: Trial) -> list[Json]:
    """Return the steps as JSON shows them."""
    return [
        {"name": step.name, "good": step.is_good, "duration_s": step.duration_s, "detail": step.detail}
        for step in trial.steps
    ]


def _about(backup: BackupReader) -> Json:
    manifest = backup.manifest
    return {
        "created_at": manifest.created_at.isoformat(),
        "release": manifest.release,
        "schema_version": manifest.schema_version,
        "sha256": backup.sha256,
        "documents": manifest.documents,
        "lacking": manifest.lacking,
    }


async def _verify(settings: Settings, backup: BackupReader, trial: Trial, depth: Depth) -> None:
    check_schema(backup, SCHEMA.version)
    if depth == "bytes":
        with trial.step("bytes") as step:
            backup.check()
            step.detail = f"{backup.size_bytes} bytes are those that were written"
        return
    with scratch_folder(backup_folder(settings)) as scratch:
        copy = scratch / "data"
        with trial.step("restore") as step:
            lacking = unpack(backup, copy)
            step.detail = f"{backup.manifest.blobs} files, {len(lacking)} lacking"
        await open_and_ask(settings, copy, trial)


async def open_and_ask(settings: Settings, copy: Path, trial: Trial) -> None:
    """Open the copy, build its index from the ledger and ask for its documents. Raises: BadBackup."""
    async with opened_copy(settings, copy) as services:
        with trial.step("index") as step:
            step.detail = f"{await indexed(services)} vectors"
        with trial.step("question") as step:
            asked = await ask_for_samples(services)
            step.detail = shown(asked)
            if not asked.is_good:
                raise BadBackup(f"The restored copy does not find its own pages: {shown(asked)}.")
