"""The ledger of an earlier release is kept as it was before it is migrated, or nothing is changed."""

import shutil
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.ledger import SCHEMA, Ledger
from tests.integration.stores.test_migration import old_ledger
from tests.support.ledger import run_sql


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def version_of(path: Path) -> int:
    assert run_sql(path, "SELECT name FROM documents") == [("a.pdf",)]
    [(version,)] = run_sql(path, "PRAGMA user_version")
    assert isinstance(version, int)
    return version


async def upgrade(path: Path) -> None:
    await (await Ledger.open(path)).aclose()


@pytest.mark.parametrize("version", range(1, SCHEMA.version))
async def test_an_upgrade_keeps_the_ledger_as_it_was(tmp_path: Path, version: int) -> None:
    path = old_ledger(tmp_path / "ledger.db", version)
    await upgrade(path)
    assert version_of(path) == SCHEMA.version
    assert version_of(tmp_path / "backups" / f"ledger-schema-{version}.db") == version


async def test_what_is_still_in_the_write_ahead_log_is_in_the_copy(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "ledger.db", 2)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
    connection.execute("UPDATE documents SET collection = 'late'")
    await upgrade(path)
    connection.close()
    copy = tmp_path / "backups" / "ledger-schema-2.db"
    assert run_sql(copy, "SELECT collection FROM documents") == [("late",)]


async def test_the_copy_of_an_earlier_upgrade_stays(tmp_path: Path) -> None:
    await upgrade(old_ledger(tmp_path / "ledger.db", 2))
    (tmp_path / "ledger.db").unlink()
    await upgrade(old_ledger(tmp_path / "ledger.db", 2))
    kept = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert kept == ["ledger-schema-2-1.db", "ledger-schema-2.db"]


async def test_a_new_ledger_and_one_of_this_release_need_none(tmp_path: Path) -> None:
    await upgrade(tmp_path / "ledger.db")
    await upgrade(tmp_path / "ledger.db")
    assert not (tmp_path / "backups").exists()


async def test_without_room_for_the_copy_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_ledger(tmp_path / "ledger.db", 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
    with pytest.raises(Misconfigured, match="No space left") as raised:
        await Ledger.open(path)
    assert "nothing was changed" in raised.value.hint
    assert (version_of(path), list((tmp_path / "backups").iterdir())) == (2, [])
