"""The commands `keys`: on a folder that no service uses, or one that was used by an earlier release."""

import json
import os
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from kotaemon_async.stores.folder_lock import FolderLock
from tests.support.command import run
from tests.support.keys import keys_of

OLD = {"id": "key_0011aabb", "name": "front desk", "digest": "d" * 64, "created_at": 5.0, "expires_at": None}
SCHEMA_5 = Path(__file__).parents[2] / "data" / "schema_5.sql"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def said(*words: str, data_dir: Path, code: int = 0) -> Any:
    found, out, err = run("keys", *words, "--json", data_dir=data_dir)
    assert found == code, out + err
    return json.loads(out or err or "null")


def test_the_first_key_makes_the_folder(folder: Path) -> None:
    code, out, _ = run("keys", "create", "front desk", data_dir=folder)
    assert (code, re.fullmatch(r"kot_[\w-]{43}\n", out) is not None) == (0, True)
    [key] = keys_of(folder)
    assert (key.name, key.user, sorted(key.scopes)) == ("front desk", "front desk", ["ask", "write"])
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_key_has_the_user_groups_scopes_and_end_that_are_named(folder: Path) -> None:
    words = ["create", "ci", "--user", "alice", "--group", "a", "--group", "b", "--scope", "ask"]
    made = said(*words, "--expires", "90d", data_dir=folder)
    assert (made["user"], made["groups"], made["scopes"]) == ("alice", ["a", "b"], ["ask"])
    [key] = keys_of(folder)
    assert key.expires_at_s is not None
    assert key.expires_at_s - key.created_at_s == pytest.approx(90 * 86400, abs=5)


@pytest.mark.parametrize("option", ["--user=<b>", "--scope=root", "--group=/", "--expires=9", "--expires=0d"])
def test_an_odd_wish_is_wrong_usage_and_makes_nothing(folder: Path, option: str) -> None:
    assert run("keys", "create", "a", option, data_dir=folder)[0] == 2
    assert run("keys", "create", "x/y", data_dir=folder)[0] == 2
    assert keys_of(folder) == []


def test_keys_are_listed_rotated_and_revoked(folder: Path) -> None:
    first = said("create", "a", data_dir=folder)
    second = said("rotate", first["id"], "--grace-h", "0", data_dir=folder)
    said("revoke", second["id"], data_dir=folder)
    listed = said("list", data_dir=folder)["keys"]
    assert [key["state"] for key in listed] == ["expired", "revoked"]
    assert all("key" not in key and "digest" not in key for key in listed)
    assert "revoked" in run("keys", "list", data_dir=folder)[1]


def test_an_ended_or_unknown_key_is_not_rotated(folder: Path) -> None:
    assert said("revoke", "key_x", data_dir=folder, code=2)["error"]["code"] == "not_found"
    made = said("create", "a", data_dir=folder)
    said("revoke", made["id"], data_dir=folder)
    assert said("rotate", made["id"], data_dir=folder, code=2)["error"]["code"] == "conflict"
    assert said("rotate", "key_x", data_dir=folder, code=2)["error"]["code"] == "not_found"


def test_a_folder_without_keys_has_none_to_list(folder: Path) -> None:
    assert said("list", data_dir=folder) == {"keys": []}
    assert not folder.exists()


def test_a_folder_of_an_earlier_release_is_upgraded_with_its_keys(folder: Path) -> None:
    _make_old(folder)
    assert [key["user"] for key in said("list", data_dir=folder)["keys"]] == ["front desk"]
    assert (folder / "backups" / "ledger-schema-5.db").exists()


def test_a_ledger_is_not_upgraded_under_a_service_that_runs(folder: Path) -> None:
    _make_old(folder)
    lock = FolderLock.take(folder, shared=False)
    assert "earlier release" in said("create", "a", data_dir=folder, code=78)["error"]["message"]
    assert lock is not None
    lock.release()
    assert said("create", "a", data_dir=folder)["name"] == "a"


def _make_old(folder: Path) -> None:
    folder.mkdir()
    connection = apsw.Connection(str(folder / "ledger.db"))
    connection.execute(SCHEMA_5.read_text("utf8"))
    connection.close()
    (folder / "keys.json").write_text(json.dumps({"keys": [OLD]}))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 1234, 1234)
    (folder / "keys.json").write_text(json.dumps({"keys": [OLD]}))
    said("create", "a", data_dir=folder)
    assert {(path.name, path.stat().st_uid) for path in folder.iterdir()} == {
        ("ledger.db", 1234),
        ("keys.json.imported", 1234),
    }


def test_what_was_done_is_in_the_audit(folder: Path) -> None:
    made = said("create", "a", data_dir=folder)
    said("revoke", made["id"], data_dir=folder)
    connection = apsw.Connection(str(folder / "ledger.db"))
    rows = connection.execute("SELECT action, object, result FROM audit ORDER BY seq").fetchall()
    assert rows == [("keys.create", made["id"], "ok"), ("keys.revoke", made["id"], "ok")]
