import os
import stat
from pathlib import Path

import pytest

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.api_keys import FILE, LOOK_EVERY_S, ApiKeys
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> ApiKeys:
    return ApiKeys.open(tmp_path, clock=clock)


def test_without_a_key_none_is_asked_for(keys: ApiKeys, tmp_path: Path) -> None:
    assert (keys.in_use, keys.find(""), list(tmp_path.iterdir())) == (False, None, [])


def test_a_key_is_found_by_its_secret_and_by_nothing_else(keys: ApiKeys) -> None:
    key, secret = keys.create("web page")
    assert (keys.in_use, keys.find(secret)) == (True, key)
    assert [keys.find(other) for other in ("", secret[:-1], key.id, key.digest)] == [None] * 4


def test_the_file_holds_no_secret_and_is_for_its_owner_alone(keys: ApiKeys, tmp_path: Path) -> None:
    _, secret = keys.create("a")
    assert secret not in (tmp_path / FILE).read_text("utf8")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_running_service_takes_new_and_ended_keys_over(keys: ApiKeys, clock: Clock, tmp_path: Path) -> None:
    command = ApiKeys.open(tmp_path, clock=clock)
    key, secret = command.create("a")
    clock.now_s += LOOK_EVERY_S
    assert keys.find(secret) == key
    command.end(key.id)
    clock.now_s += LOOK_EVERY_S
    assert keys.find(secret) is None


def test_an_old_key_is_valid_until_its_grace_is_over(keys: ApiKeys, clock: Clock) -> None:
    key, secret = keys.create("a")
    assert keys.end(key.id, in_s=60)
    clock.now_s += 59
    assert keys.find(secret) is not None
    clock.now_s += 1
    assert keys.find(secret) is None


def test_a_longer_grace_does_not_bring_an_ended_key_back(keys: ApiKeys) -> None:
    key, secret = keys.create("a")
    keys.end(key.id)
    keys.end(key.id, in_s=60)
    assert keys.find(secret) is None


def test_when_the_last_key_has_ended_the_service_is_not_open(keys: ApiKeys) -> None:
    key, _ = keys.create("a")
    keys.end(key.id)
    assert keys.in_use


def test_an_unknown_key_cannot_be_ended(keys: ApiKeys) -> None:
    assert not keys.end("key_0")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"keys": [{}]}', '{"keys": [{"digest": 1}]}', '{"keys": 1}']
)
def test_a_file_that_is_no_file_of_keys_refuses_the_start(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(Misconfigured, match=FILE):
        ApiKeys.open(tmp_path)


@pytest.mark.parametrize("change", ["gone", "broken"])
def test_what_happens_to_the_file_does_not_open_a_running_service(
    change: str, keys: ApiKeys, clock: Clock, tmp_path: Path
) -> None:
    key, secret = keys.create("a")
    (tmp_path / FILE).unlink() if change == "gone" else (tmp_path / FILE).write_text("{")
    clock.now_s += LOOK_EVERY_S
    assert (keys.in_use, keys.find(secret), keys.find("other")) == (True, key, None)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be written"):
        ApiKeys(tmp_path / "missing" / FILE).create("a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for somebody else")
def test_keys_that_root_makes_can_be_read_by_the_service(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 12_345)
    ApiKeys.open(tmp_path).create("a")
    assert (tmp_path / FILE).stat().st_uid == 12_345
