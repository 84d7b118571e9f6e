"""The commands `backup verify` and `drill`: a copy is opened with the service's parts and asked."""

import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from kotaemon_async.app.backups import backup_folder, backups_over
from kotaemon_async.app.copy_checks import (
    DRILLS,
    CheckRun,
    Copy,
    ask_for_samples,
    found_again,
    indexed,
    opened_copy,
    shown,
)
from kotaemon_async.app.settings import Settings, ledger_folder
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
    checks, path = CheckRun(), file.absolute()
    report: Json = {"file": str(path), "depth": depth, "verdict": "good"}
    try:
        with open_backup(path) as backup:
            report |= _about(backup)
            work = partial(_verify, settings, backup, checks, depth)
            anyio.run(work, backend_options={"use_uvloop": True})
            with suppress(KotaemonError):  # a medium that cannot be written holds a good backup all the same
                note_verified(path, Verified(backup.sha256, datetime.now(UTC), depth))
    except BadBackup as error:
        report |= {"verdict": "damaged", "message": error.message, "hint": error.hint}
    report["steps"] = steps_of(checks)
    return report


def steps_of(checks: CheckRun) -> list[Json]:
    """Return the steps as JSON shows them."""
    return [
        {"name": step.name, "good": step.is_good, "duration_s": step.duration_s, "detail": step.detail}
        for step in checks.steps
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


async def _verify(settings: Settings, backup: BackupReader, checks: CheckRun, depth: Depth) -> None:
    check_schema(backup, SCHEMA.version)
    if depth == "bytes":
        with checks.step("bytes") as step:
            backup.check()
            step.detail = f"{backup.size_bytes} bytes are those that were written"
        return
    with scratch_folder(backup_folder(settings)) as scratch:
        copy = scratch / "data"
        with checks.step("restore") as step:
            lacking = unpack(backup, copy)
            step.detail = f"{backup.manifest.blobs} files, {len(lacking)} lacking"
        await open_and_ask(settings, copy, checks)


async def open_and_ask(settings: Settings, copy: Path, checks: CheckRun) -> None:
    """Open the copy, build its index from the ledger and ask for its documents. Raises: BadBackup."""
    async with opened_copy(settings, copy) as services:
        with checks.step("index") as step:
            step.detail = f"{await indexed(services)} vectors"
        with checks.step("question") as step:
            asked = await ask_for_samples(services)
            step.detail = shown(asked)
            if not asked.is_good:
                raise BadBackup(f"The restored copy does not find its own pages: {shown(asked)}.")


def drill(settings: Settings) -> Json:
    """Run the drill and return its report. Raises: Misconfigured when there is nothing to copy."""
    ledger_folder(settings)
    logs.configure(LogSettings(level="error"), stream=sys.stderr)
    checks, began_s = CheckRun(), time.monotonic()
    try:
        with scratch_folder(backup_folder(settings)) as scratch:
            anyio.run(partial(_drill, settings, scratch, checks), backend_options={"use_uvloop": True})
    except KotaemonError:
        if checks.is_good:
            raise  # it failed between two steps, or before the first
    return {
        "verdict": "good" if checks.is_good else "failed",
        "steps": steps_of(checks),
        "duration_s": round(time.monotonic() - began_s, 3),
    }


async def _drill(settings: Settings, scratch: Path, checks: CheckRun) -> None:
    with checks.step("backup") as step:
        made = await anyio.to_thread.run_sync(backups_over(settings).create, scratch / "copy.tar")
        step.detail = f"{made.size_bytes} bytes, {made.manifest.blobs} files"
    copy = scratch / "data"
    with checks.step("restore") as step, open_backup(made.path) as backup:
        lacking = unpack(backup, copy)
        step.detail = f"{sum(made.manifest.documents.values())} documents, {len(lacking)} files lacking"
    async with opened_copy(settings, copy) as services:
        with checks.step("index") as step:
            step.detail = f"{await indexed(services)} vectors"
        with checks.step("question") as step:
            step.detail = shown(await found_again(services))
        for name, one in DRILLS.items():
            with checks.step(name) as step:
                step.detail = await one(Copy(services, copy))
