"""The command `drill`: what an operator hopes never to need, done on a copy, with the time each step took."""

import sys
import time
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from kotaemon_async.app.backups import backup_folder, backups_over
from kotaemon_async.app.settings import Settings
from kotaemon_async.app.trial import DRILLS, Copy, Trial, found_again, indexed, opened_copy, shown
from kotaemon_async.cli.client import Json
from kotaemon_async.cli.verify import steps_of
from kotaemon_async.domain.errors import KotaemonError, Misconfigured
from kotaemon_async.operations.backup.folder import scratch_folder
from kotaemon_async.operations.backup.reading import open_backup
from kotaemon_async.operations.backup.restore import unpack
from kotaemon_async.telemetry import logs
from kotaemon_async.telemetry.settings import LogSettings


def drill(settings: Settings) -> Json:
    """Run the drill and return its report. Raises: Misconfigured when there is nothing to copy."""
    folder = settings.data_dir.absolute()
    if not (folder / "ledger.db").exists():
        hint = "Name the service's folder with KOTAEMON_DATA_DIR or its settings file with --config."
        raise Misconfigured(f"data_dir: there is no ledger in {folder}.", hint=hint)
    logs.configure(LogSettings(level="error"), stream=sys.stderr)
    trial, began_s = Trial(), time.monotonic()
    try:
        with scratch_folder(backup_folder(settings)) as scratch:
            anyio.run(partial(_drill, settings, scratch, trial), backend_options={"use_uvloop": True})
    except KotaemonError:
        if trial.is_good:
            raise  # it failed between two steps, or before the first
    return {
        "verdict": "good" if trial.is_good else "failed",
        "steps": steps_of(trial),
        "duration_s": round(time.monotonic() - began_s, 3),
    }


async def _drill(settings: Settings, scratch: Path, trial: Trial) -> None:
    with trial.step("backup") as step:
        made = await anyio.to_thread.run_sync(backups_over(settings).create, scratch / "copy.tar")
        step.detail = f"{made.size_bytes} bytes, {made.manifest.blobs} files"
    copy = scratch / "data"
    with trial.step("restore") as step, open_backup(made.path) as backup:
        lacking = unpack(backup, copy)
        step.detail = f"{sum(made.manifest.documents.values())} documents, {len(lacking)} files lacking"
    async with opened_copy(settings, copy) as services:
        with trial.step("index") as step:
            step.detail = f"{await indexed(services)} vectors"
        with trial.step("question") as step:
            step.detail = shown(await found_again(services))
        for name, one in DRILLS.items():
            with trial.step(name) as step:
                step.detail = await one(Copy(services, copy))
