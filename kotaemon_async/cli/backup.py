"""The commands `backup create`, `list` and `restore`: they work on the files, beside a service or not.

Nothing is asked of a running service: the ledger may be read beside its writer, files are never changed, and
the audit gets one row.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from kotaemon_async.app.backups import backup_folder, backups_over, restoring_into
from kotaemon_async.app.settings import Settings, ledger_folder
from kotaemon_async.cli.audit import write_down
from kotaemon_async.cli.client import Json
from kotaemon_async.operations.backup.folder import kept_backups, name_at
from kotaemon_async.operations.backup.reading import open_backup
from kotaemon_async.resilience import faults
from kotaemon_async.stores.files import give_to_owner_of
from kotaemon_async.stores.restored_keys import settle


def create(settings: Settings, output: Path | None) -> Json:
    """Make a backup and return what is in it. Raises: Misconfigured, Unavailable."""
    folder = ledger_folder(settings)
    faults.arm(settings.faults)
    began_s = time.monotonic()
    target = output or backup_folder(settings) / name_at(time.time())
    made = backups_over(settings).create(target.absolute())
    if made.path.is_relative_to(folder):
        give_to_owner_of(folder, made.path.parent)
    write_down(folder, "backup.create", made.path.name)
    return {
        "file": str(made.path),
        "size_bytes": made.size_bytes,
        "sha256": made.sha256,
        "documents": made.manifest.documents,
        "files": made.manifest.blobs,
        "lacking": made.manifest.lacking,
        "duration_s": round(time.monotonic() - began_s, 3),
    }


def listed(settings: Settings) -> Json:
    """Return the backups in the folder, newest first."""
    folder = backup_folder(settings)
    return {
        "folder": str(folder),
        "backups": [
            {
                "file": str(kept.path),
                "created_at": datetime.fromtimestamp(kept.created_at_s, UTC).isoformat(),
                "size_bytes": kept.size_bytes,
                "verified_at": kept.verified.at.isoformat() if kept.verified else None,
                "verified": kept.verified.depth if kept.verified else None,
            }
            for kept in kept_backups(folder)
        ],
    }


def restore(settings: Settings, file: Path, *, replace: bool) -> Json:
    """Restore a backup and return what is in it and where the earlier contents lie. Raises: KotaemonError."""
    began_s = time.monotonic()
    folder = settings.data_dir.absolute()
    with open_backup(file.absolute()) as backup:
        done = restoring_into(settings, folder).restore(backup, replace=replace)
    write_down(folder, "backup.restore", file.name)
    former = None if done.aside is None else done.aside / "ledger.db"
    keys = settle(folder / "ledger.db", former, time.time())
    give_to_owner_of(folder, folder / "ledger.db")
    knowledge = next((str(path) for path in folder.glob("knowledge.*")), None)
    return {
        "folder": str(done.folder),
        "aside": None if done.aside is None else str(done.aside),
        "created_at": done.created_at.isoformat(),
        "documents": done.documents,
        "files": done.blobs,
        "lacking": done.lacking,
        "knowledge": knowledge,
        "keys": keys.valid,
        "keys_ended_since": keys.ended_since,
        "duration_s": round(time.monotonic() - began_s, 3),
    }
