"""When a backup is made, verified and removed, judged by what lies in the folder alone."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.backup.create import CreatedBackup
from kotaemon_async.operations.backup.folder import KeptBackup, Verified, kept_backups, note_verified
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from tests.support.backups import NOW_S, backups_of
from tests.support.library import LibraryFixture

DAY_S = 86_400.0


class Office:
    """A schedule over a real folder, with a clock and a verifier that the test moves."""

    def __init__(self, lib: LibraryFixture, folder: Path) -> None:
        self.lib, self.folder = lib, folder
        self.now_s = NOW_S
        self.trouble: Unavailable | None = None
        self.schedule = self.opened()

    def opened(self, keep: int = 2) -> BackupSchedule:
        """The schedule of a process that has just begun."""
        return BackupSchedule(
            self.folder, every_s=DAY_S, keep=keep, create=self._create, verify=self._verify,
            clock=lambda: self.now_s, born_s=NOW_S - DAY_S,
        )  # fmt: skip

    async def _create(self, target: Path) -> CreatedBackup:
        if self.trouble is not None:
            raise self.trouble
        backups = backups_of(self.lib, now_s=self.now_s)
        return await anyio.to_thread.run_sync(backups.create, target)

    async def _verify(self, backup: KeptBackup) -> None:
        if self.trouble is not None:
            raise self.trouble
        note_verified(
            backup.path, Verified(backup.sha256, datetime.fromtimestamp(self.now_s, UTC), "restored")
        )

    async def day(self) -> tuple[int, int, int]:
        """How many were made, verified and removed in a round, a day after the last."""
        self.now_s += DAY_S
        schedule = self.schedule
        return (
            await schedule.back_up(self.now_s),
            await schedule.verify(self.now_s),
            await schedule.prune(self.now_s),
        )

    def kept(self) -> list[float]:
        """The ages of the backups that are there, in days."""
        return [round((self.now_s - one.created_at_s) / DAY_S, 3) for one in kept_backups(self.folder)]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    (tmp_path / "data").mkdir()
    ledger = await Ledger.open(tmp_path / "data" / "ledger.db")
    lib = LibraryFixture(tmp_path / "data", ledger)
    await lib.hand_in(b"words that are kept")
    yield Office(lib, tmp_path / "backups")
    await ledger.aclose()


async def test_each_day_one_is_made_and_verified_and_the_oldest_goes(office: Office) -> None:
    assert [await office.day() for _ in range(4)] == [(1, 1, 0), (1, 1, 0), (1, 1, 1), (1, 1, 1)]
    assert office.kept() == [0, 1]
    assert sorted(path.suffix for path in office.folder.iterdir()) == [
        ".tar",
        ".tar",
        ".verified",
        ".verified",
    ]


async def test_what_is_not_due_is_not_done_again_after_a_restart_either(office: Office) -> None:
    await office.day()
    office.now_s += DAY_S / 2
    office.schedule = office.opened()
    assert office.schedule.age_s() == pytest.approx(DAY_S / 2, abs=1)
    assert office.schedule.verified_age_s() == pytest.approx(DAY_S / 2, abs=1)
    assert await office.schedule.back_up(office.now_s) == 0
    assert await office.schedule.verify(office.now_s) == 0


async def test_the_newest_verified_one_is_never_removed(office: Office) -> None:
    await office.day()
    for _ in range(4):
        office.now_s += DAY_S
        await office.schedule.back_up(office.now_s)
        await office.schedule.prune(office.now_s)
    assert office.kept() == [0, 1, 4]


async def test_one_that_is_no_good_is_followed_by_another_at_once(office: Office) -> None:
    office.now_s += DAY_S
    await office.schedule.back_up(office.now_s)
    office.trouble = Unavailable("flipped", code="backup_damaged")
    with pytest.raises(Unavailable):
        await office.schedule.verify(office.now_s)
    assert (await office.schedule.check())["code"] == "backup_damaged"
    office.trouble = None
    office.now_s += 60
    assert await office.schedule.back_up(office.now_s) == 1
    assert await office.schedule.verify(office.now_s) == 1
    assert "code" not in await office.schedule.check()


async def test_the_report_says_why_the_last_try_failed_until_one_succeeds(office: Office) -> None:
    office.trouble = Unavailable("It needs room.", code="disk_full")
    with pytest.raises(Unavailable):
        await office.schedule.back_up(office.now_s + DAY_S)
    found = await office.schedule.check()
    assert (found["code"], found["message"]) == ("disk_full", "It needs room.")
    office.trouble = None
    await office.day()
    assert "code" not in await office.schedule.check()


async def test_backups_that_stop_are_overdue_after_twice_their_time(office: Office) -> None:
    await office.day()
    office.now_s += 1.9 * DAY_S
    assert "code" not in await office.schedule.check()
    office.now_s += 0.2 * DAY_S
    assert (await office.schedule.check())["code"] == "backup_overdue"


async def test_without_any_backup_the_age_of_the_folder_counts(office: Office) -> None:
    assert office.schedule.age_s() == DAY_S
    office.now_s += 1.1 * DAY_S
    assert (await office.schedule.check())["code"] == "backup_overdue"


async def test_a_verification_counts_for_the_bytes_it_was_made_of_only(office: Office) -> None:
    await office.day()
    await office.day()
    newest, older = kept_backups(office.folder)
    shutil.copy(older.path, newest.path)
    verified = {one.path: one.verified is not None for one in kept_backups(office.folder)}
    assert verified == {newest.path: False, older.path: True}


async def test_a_backup_that_a_person_made_counts_as_well(office: Office) -> None:
    office.now_s += 1.5 * DAY_S
    backups_of(office.lib, now_s=office.now_s).create(office.folder / "kotaemon-by-hand.tar")
    assert "code" not in await office.schedule.check()
    assert await office.schedule.back_up(office.now_s + 60) == 0


async def test_metrics_and_health_have_the_ages_of_the_moment(office: Office) -> None:
    health = Health()
    office.schedule.register_in(health)
    await office.day()
    office.now_s += 60
    value = partial(metrics.REGISTRY.get_sample_value, "kotaemon_backup_age_seconds")
    assert value() == pytest.approx(60, abs=1)
    report = await health.report()
    assert report["components"]["backups"]["kept"] == 1  # type: ignore[index]
