"""When a backup is made, verified and removed, judged by what lies in the folder alone."""

import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.backup.create import CreatedBackup
from kotaemon_async.operations.backup.folder import KeptBackup, Verified, kept_backups, note_verified
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from tests.support.backups import NOW_S, backups_of
from tests.support.library import LibraryFixture

DAY_S = 86_400.0


class Planned:
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
async def planned(lib: LibraryFixture, tmp_path: Path) -> Planned:
    await lib.hand_in(b"words that are kept")
    return Planned(lib, tmp_path / "backups")


async def test_each_day_one_is_made_and_verified_and_the_oldest_goes(planned: Planned) -> None:
    assert [await planned.day() for _ in range(4)] == [(1, 1, 0), (1, 1, 0), (1, 1, 1), (1, 1, 1)]
    assert planned.kept() == [0, 1]
    assert sorted(path.suffix for path in planned.folder.iterdir()) == [
        ".tar",
        ".tar",
        ".verified",
        ".verified",
    ]


async def test_what_is_not_due_is_not_done_again_after_a_restart_either(planned: Planned) -> None:
    await planned.day()
    planned.now_s += DAY_S / 2
    planned.schedule = planned.opened()
    assert planned.schedule.age_s() == pytest.approx(DAY_S / 2, abs=1)
    assert planned.schedule.verified_age_s() == pytest.approx(DAY_S / 2, abs=1)
    assert await planned.schedule.back_up(planned.now_s) == 0
    assert await planned.schedule.verify(planned.now_s) == 0


async def test_the_newest_verified_one_is_never_removed(planned: Planned) -> None:
    await planned.day()
    for _ in range(4):
        planned.now_s += DAY_S
        await planned.schedule.back_up(planned.now_s)
        await planned.schedule.prune(planned.now_s)
    assert planned.kept() == [0, 1, 4]


async def test_one_that_is_no_good_is_followed_by_another_at_once(planned: Planned) -> None:
    planned.now_s += DAY_S
    await planned.schedule.back_up(planned.now_s)
    planned.trouble = Unavailable("flipped", code="backup_damaged")
    with pytest.raises(Unavailable):
        await planned.schedule.verify(planned.now_s)
    assert (await planned.schedule.check())["code"] == "backup_damaged"
    planned.trouble = None
    planned.now_s += 60
    assert await planned.schedule.back_up(planned.now_s) == 1
    assert await planned.schedule.verify(planned.now_s) == 1
    assert "code" not in await planned.schedule.check()


async def test_the_report_says_why_the_last_try_failed_until_one_succeeds(planned: Planned) -> None:
    planned.trouble = Unavailable("It needs room.", code="disk_full")
    with pytest.raises(Unavailable):
        await planned.schedule.back_up(planned.now_s + DAY_S)
    found = await planned.schedule.check()
    assert (found["code"], found["message"]) == ("disk_full", "It needs room.")
    planned.trouble = None
    await planned.day()
    assert "code" not in await planned.schedule.check()


async def test_backups_that_stop_are_overdue_after_twice_their_time(planned: Planned) -> None:
    await planned.day()
    planned.now_s += 1.9 * DAY_S
    assert "code" not in await planned.schedule.check()
    planned.now_s += 0.2 * DAY_S
    assert (await planned.schedule.check())["code"] == "backup_overdue"


async def test_without_any_backup_the_age_of_the_folder_counts(planned: Planned) -> None:
    assert planned.schedule.age_s() == DAY_S
    planned.now_s += 1.1 * DAY_S
    assert (await planned.schedule.check())["code"] == "backup_overdue"


async def test_a_verification_counts_for_the_bytes_it_was_made_of_only(planned: Planned) -> None:
    await planned.day()
    await planned.day()
    newest, older = kept_backups(planned.folder)
    shutil.copy(older.path, newest.path)
    verified = {one.path: one.verified is not None for one in kept_backups(planned.folder)}
    assert verified == {newest.path: False, older.path: True}


async def test_a_backup_that_a_person_made_counts_as_well(planned: Planned) -> None:
    planned.now_s += 1.5 * DAY_S
    backups_of(planned.lib, now_s=planned.now_s).create(planned.folder / "kotaemon-by-hand.tar")
    assert "code" not in await planned.schedule.check()
    assert await planned.schedule.back_up(planned.now_s + 60) == 0


async def test_metrics_and_health_have_the_ages_of_the_moment(planned: Planned) -> None:
    health = Health()
    planned.schedule.register_in(health)
    await planned.day()
    planned.now_s += 60
    value = partial(metrics.REGISTRY.get_sample_value, "kotaemon_backup_age_seconds")
    assert value() == pytest.approx(60, abs=1)
    report = await health.report()
    assert report["components"]["backups"]["kept"] == 1  # type: ignore[index]
