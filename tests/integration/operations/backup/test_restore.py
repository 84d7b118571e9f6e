"""A backup becomes a data folder again; what was there is never lost, and nothing half done is started."""

import shutil
from pathlib import Path

import pytest

from kotaemon_async.domain.errors import BadDocument, Misconfigured, Refused
from kotaemon_async.operations.backup.reading import BackupReader
from kotaemon_async.stores.folder_lock import RESTORING, FolderLock, lock_folder
from kotaemon_async.stores.ledger import SCHEMA, Ledger
from tests.support.backups import as_of_schema_2, backups_of, documents_in, restore
from tests.support.library import LibraryFixture


@pytest.fixture
async def file(lib: LibraryFixture, tmp_path: Path) -> Path:
    """A backup of two documents, one of them ready."""
    await lib.ready(b"The lamp burns oil all night.")
    await lib.hand_in(b"The ferry leaves at noon.")
    return backups_of(lib).create(tmp_path / "a.tar").path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def damage(file: Path) -> None:
    """One bit of the first uploaded file is another one."""
    data = bytearray(file.read_bytes())
    data[512 + 3] ^= 1
    file.write_bytes(data)


async def test_a_new_folder_holds_the_ledger_and_the_files(file: Path, tmp_path: Path) -> None:
    restored = restore(file, tmp_path / "deep" / "new")
    assert names(tmp_path / "deep" / "new") == {"blobs", "ledger.db", "lock"}
    assert (restored.documents, restored.blobs) == ({"ready": 1, "queued": 1}, 2)
    assert (tmp_path / "deep" / "new").stat().st_mode & 0o777 == 0o700


async def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "ledger.db").write_bytes(b"mine")
    with pytest.raises(Refused, match="not empty") as raised:
        restore(file, tmp_path / "new")
    assert "--replace" in raised.value.hint
    assert (tmp_path / "new" / "ledger.db").read_bytes() == b"mine"


async def test_a_replaced_folder_is_put_aside_with_all_that_was_in_it(file: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    for name in ("ledger.db", "ledger.db-wal", "keys.json", "backups/old.tar", "vectors/x"):
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        (new / name).write_text(f"my {name}")
    restored = restore(file, new, replace=True)
    assert restored.aside is not None and restored.aside.parent == new
    assert names(restored.aside) == {"ledger.db", "ledger.db-wal", "keys.json", "vectors"}
    assert (restored.aside / "ledger.db").read_text() == "my ledger.db"
    assert names(new) == {"blobs", "ledger.db", "lock", "backups", restored.aside.name}


async def test_a_folder_in_use_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    lock = FolderLock.take(tmp_path / "new", shared=True)
    assert lock is not None
    with pytest.raises(Refused, match="A service uses"):
        restore(file, tmp_path / "new", replace=True)
    lock.release()


async def test_a_damaged_backup_changes_nothing(file: Path, tmp_path: Path) -> None:
    damage(file)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "ledger.db").write_bytes(b"mine")
    with pytest.raises(BadDocument, match="blobs/"):
        restore(file, tmp_path / "new", replace=True)
    assert names(tmp_path / "new") == {"ledger.db", "lock"}


async def test_a_backup_of_a_newer_release_is_refused_with_advice(file: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=f"schema {SCHEMA.version}, this release knows") as raised:
        restore(file, tmp_path / "new", known=SCHEMA.version - 1)
    assert "release 0.1.0" in raised.value.hint
    assert not (tmp_path / "new").exists()


async def test_a_restore_that_was_interrupted_keeps_a_service_from_starting(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "ledger.db").write_bytes(b"mine")

    def rename(path: Path, target: Path) -> Path:
        if path.parent.name == ".restore":
            raise KeyboardInterrupt
        path.replace(target)
        return target

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", rename)
        restore(file, new, replace=True)
    with pytest.raises(Misconfigured, match="interrupted"):
        await lock_folder(new, shared=False)
    restore(file, new, replace=True)
    assert len(documents_in(new)) == 2 and RESTORING not in names(new)
    (await lock_folder(new, shared=False)).release()


async def test_a_backup_by_the_release_before_is_restored_and_migrated(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    document = await lib.ready(b"The lamp burns oil all night.")
    await lib.ledger.aclose()
    as_of_schema_2(tmp_path / "data" / "ledger.db")
    made = backups_of(lib).create(tmp_path / "old.tar")
    restore(made.path, tmp_path / "new")
    migrated = await Ledger.open(tmp_path / "new" / "ledger.db")
    found = await migrated.documents.get(document.id)
    await migrated.aclose()
    assert (made.manifest.schema_version, found.status) == (2, "ready")
    assert names(tmp_path / "new" / "backups") == {"ledger-schema-2.db"}


async def test_a_backup_whose_ledger_names_a_file_that_it_has_not_is_damaged(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = BackupReader.check

    def lose_one(backup: BackupReader, *given: object) -> None:
        check(backup, *given)  # type: ignore[arg-type]
        shutil.rmtree(next((tmp_path / "new" / ".restore" / "blobs").iterdir()))

    monkeypatch.setattr(BackupReader, "check", lose_one)
    with pytest.raises(BadDocument, match="names files that are not in it"):
        restore(file, tmp_path / "new")
