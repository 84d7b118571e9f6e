"""The key in the data folder, for whoever may read it."""

import stat
from pathlib import Path

import pytest

from kotaemon_async.domain.callers import LOCAL_KEY
from kotaemon_async.stores.local_key import FORMER_S, NEW_EVERY_S, LocalKey
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def local(tmp_path: Path, clock: Clock) -> LocalKey:
    made = LocalKey(tmp_path, clock=clock)
    made.look()
    return made


def secret_in(folder: Path) -> str:
    return (folder / LOCAL_KEY).read_text().strip()


def test_the_file_is_for_its_owner_alone(local: LocalKey, tmp_path: Path) -> None:
    assert local.is_it(secret_in(tmp_path))
    assert stat.S_IMODE((tmp_path / LOCAL_KEY).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [LOCAL_KEY]


@pytest.mark.parametrize("given", ["", "kot_", "\ud800", "x" * 1000])
def test_nothing_else_is_the_key(local: LocalKey, given: str) -> None:
    assert not local.is_it(given)


def test_without_a_file_no_secret_is_right(tmp_path: Path) -> None:
    assert not LocalKey(tmp_path).is_it("")


def test_a_new_one_comes_every_hour_and_the_former_goes_after_a_minute(
    local: LocalKey, clock: Clock, tmp_path: Path
) -> None:
    former = secret_in(tmp_path)
    clock.now_s += NEW_EVERY_S
    local.look()
    assert secret_in(tmp_path) != former
    assert local.is_it(former) and local.is_it(secret_in(tmp_path))
    clock.now_s += FORMER_S
    assert not local.is_it(former) and local.is_it(secret_in(tmp_path))


async def test_services_of_one_folder_take_the_same(local: LocalKey, tmp_path: Path) -> None:
    other = LocalKey(tmp_path)
    other.look()
    assert other.is_it(secret_in(tmp_path)) and local.is_it(secret_in(tmp_path))
    await other.aclose()
    assert not (tmp_path / LOCAL_KEY).exists()
    local.look()
    assert local.is_it(secret_in(tmp_path))


def test_a_file_that_others_could_write_is_replaced(local: LocalKey, tmp_path: Path) -> None:
    (tmp_path / LOCAL_KEY).write_text("kot_mine\n")
    (tmp_path / LOCAL_KEY).chmod(0o666)
    local.look()
    assert not local.is_it("kot_mine") and local.is_it(secret_in(tmp_path))


def test_a_link_to_elsewhere_is_not_followed(local: LocalKey, tmp_path: Path) -> None:
    (tmp_path / LOCAL_KEY).unlink()
    (tmp_path / "elsewhere").write_text("kot_elsewhere\n")
    (tmp_path / LOCAL_KEY).symlink_to(tmp_path / "elsewhere")
    local.look()
    assert not local.is_it("kot_elsewhere") and local.is_it(secret_in(tmp_path))


def test_a_folder_that_is_gone_costs_the_local_key_alone(tmp_path: Path) -> None:
    assert not LocalKey(tmp_path / "missing").try_look()
