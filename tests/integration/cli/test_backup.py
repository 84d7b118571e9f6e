"""The commands `backup`: exit codes, what they print, what they leave; no service and no model is needed."""

import json
import os
from pathlib import Path

import anyio
import apsw
import pytest

from kotaemon_async.cli.client import Json
from kotaemon_async.stores.folder_lock import FolderLock
from kotaemon_async.stores.ledger import Ledger
from tests.support.command import run
from tests.support.keys import keys_of, make_key
from tests.support.library import LibraryFixture


def said(*words: str | Path, data_dir: Path, **env: str) -> tuple[int, Json]:
    code, out, err = run(*words, "--json", data_dir=data_dir, **env)
    return code, json.loads(out or err)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder with two documents."""
    folder = tmp_path / "data"
    folder.mkdir()
    anyio.run(fill, folder)
    return folder


@pytest.fixture
def file(data_dir: Path, tmp_path: Path) -> Path:
    """A backup of the folder."""
    path = tmp_path / "a.tar"
    assert said("backup", "create", "--output", path, data_dir=data_dir)[0] == 0
    return path


async def fill(folder: Path) -> None:
    ledger = await Ledger.open(folder / "ledger.db")
    lib = LibraryFixture(folder, ledger)
    await lib.ready(b"The lamp burns oil all night.")
    await lib.hand_in(b"The ferry leaves at noon.")
    await ledger.aclose()


@pytest.mark.parametrize("command", ["create", "verify", "restore", "list"])
def test_the_help_of_each_has_its_exit_codes(data_dir: Path, command: str) -> None:
    text = " ".join(run("backup", command, "--help", data_dir=data_dir)[1].split())
    assert all(f" {code} " in text for code in ("0 done", "1 the backup is no", "2", "75", "78"))


def test_a_backup_is_made_listed_checked_and_restored(data_dir: Path, tmp_path: Path) -> None:
    code, made = said("backup", "create", data_dir=data_dir)
    assert (code, made["documents"], made["files"]) == (0, {"ready": 1, "queued": 1}, 2)
    code, report = said("backup", "verify", made["file"], "--bytes", data_dir=data_dir)
    assert (code, report["verdict"], [step["name"] for step in report["steps"]]) == (0, "good", ["bytes"])
    code, found = said("backup", "list", data_dir=data_dir)
    assert [(one["file"], one["verified"]) for one in found["backups"]] == [(made["file"], "bytes")]
    code, done = said("backup", "restore", made["file"], "--data-dir", tmp_path / "new", data_dir=data_dir)
    assert (code, done["folder"], done["aside"]) == (0, str(tmp_path / "new"), None)


def test_people_are_told_the_same(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    assert f"{file}" in run("backup", "create", "--output", file, data_dir=data_dir)[1]
    assert "good" in run("backup", "verify", file, "--bytes", data_dir=data_dir)[1]
    assert "no backups in" in run("backup", "list", data_dir=data_dir)[1]
    assert "start the service" in run("backup", "restore", file, data_dir=tmp_path / "new")[1]


def test_a_flipped_byte_exits_1_and_names_the_member(data_dir: Path, file: Path) -> None:
    flip(file, 512 + 3)
    code, report = said("backup", "verify", file, "--bytes", data_dir=data_dir)
    assert (code, report["verdict"]) == (1, "damaged")
    assert "blobs/" in report["message"]
    assert [step["good"] for step in report["steps"]] == [False]


def test_a_file_cut_off_exits_1(data_dir: Path, tmp_path: Path, file: Path) -> None:
    cut(file)
    assert said("backup", "verify", file, data_dir=data_dir)[1]["verdict"] == "damaged"
    assert said("backup", "restore", file, data_dir=tmp_path / "new")[0] == 1


def test_lost_files_are_told_with_exit_1_and_the_rest_is_saved(data_dir: Path, tmp_path: Path) -> None:
    lost = next(path for path in (data_dir / "blobs").rglob("*") if path.is_file())
    lost.unlink()
    code, made = said("backup", "create", "--output", tmp_path / "a.tar", data_dir=data_dir)
    assert (code, made["lacking"], made["files"]) == (1, [lost.name], 1)
    assert said("backup", "verify", tmp_path / "a.tar", "--bytes", data_dir=data_dir)[0] == 0


def test_a_floor_that_would_be_undercut_exits_75(data_dir: Path, tmp_path: Path) -> None:
    floor = {"KOTAEMON_DISK__FLOOR_BYTES": str(10**15), "KOTAEMON_DISK__FLOOR_RATIO": "0.9"}
    code, problem = said("backup", "create", "--output", tmp_path / "a.tar", data_dir=data_dir, **floor)
    assert (code, problem["error"]["code"]) == (75, "disk_full")
    assert not (tmp_path / "a.tar").exists()


def test_a_folder_without_a_ledger_exits_78_and_is_not_made(data_dir: Path, tmp_path: Path) -> None:
    for words in (("backup", "create"), ("drill",)):
        assert said(*words, data_dir=tmp_path / "none")[0] == 78
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_used_or_full_exits_2(data_dir: Path, file: Path) -> None:
    code, problem = said("backup", "restore", file, data_dir=data_dir)
    assert (code, problem["error"]["code"]) == (2, "conflict")
    lock = FolderLock.take(data_dir, shared=False)
    assert lock is not None
    assert said("backup", "restore", file, "--replace", data_dir=data_dir)[0] == 2
    lock.release()


def test_a_ledger_of_a_newer_release_is_saved_but_not_restored(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    connection = apsw.Connection(str(data_dir / "ledger.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert said("backup", "create", "--output", file, data_dir=data_dir)[0] == 0
    for command in ("restore", "verify"):
        code, problem = said("backup", command, file, data_dir=tmp_path / "new")
        assert (code, "schema 99" in problem["error"]["message"]) == (78, True)


def test_kept_answers_and_keys_are_in_it(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "keys.json").write_text('{"keys": []}')
    (tmp_path / "kept.YAML").write_text("- question: Open?\n  answer: From nine.\n")
    kept = {"KOTAEMON_ANSWERS__STATIC_KNOWLEDGE": str(tmp_path / "kept.YAML")}
    said("backup", "create", "--output", tmp_path / "a.tar", data_dir=data_dir, **kept)
    done = said("backup", "restore", tmp_path / "a.tar", data_dir=tmp_path / "new")[1]
    assert done["knowledge"] == str(tmp_path / "new" / "knowledge.yaml")
    assert (tmp_path / "new" / "keys.json").read_text() == '{"keys": []}'
    assert (tmp_path / "new" / "knowledge.yaml").read_text() == (tmp_path / "kept.YAML").read_text()


def test_a_restore_brings_no_ended_key_and_no_session_back(data_dir: Path, tmp_path: Path) -> None:
    stays, ends = make_key(data_dir, "stays", "ask"), make_key(data_dir, "ends", "ask")
    path = data_dir / "ledger.db"
    apsw.Connection(str(path)).execute("INSERT INTO sessions SELECT 'd', id, 0, 9e9 FROM api_keys LIMIT 1")
    said("backup", "create", "--output", tmp_path / "a.tar", data_dir=data_dir)
    run("keys", "revoke", keys_of(data_dir)[1].id, data_dir=data_dir)
    done = said("backup", "restore", tmp_path / "a.tar", "--replace", data_dir=data_dir)[1]
    assert (done["keys"], done["keys_ended_since"], stays != ends) == (1, 1, True)
    assert [key.state(5.0) for key in keys_of(data_dir)] == ["valid", "revoked"]
    assert apsw.Connection(str(path)).execute("SELECT count(*) FROM sessions").get == 0


def test_a_restore_elsewhere_says_how_many_keys_it_brings(data_dir: Path, tmp_path: Path) -> None:
    make_key(data_dir, "a")
    said("backup", "create", "--output", tmp_path / "a.tar", data_dir=data_dir)
    out = run("backup", "restore", tmp_path / "a.tar", data_dir=tmp_path / "new")[1]
    assert "1 keys open the service again" in out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(data_dir: Path, tmp_path: Path) -> None:
    for path in (data_dir, *data_dir.rglob("*")):
        os.chown(path, 12_345, 12_345)
    made = said("backup", "create", data_dir=data_dir)[1]
    said("backup", "verify", made["file"], "--bytes", data_dir=data_dir)
    said("backup", "restore", made["file"], "--replace", data_dir=data_dir)
    owners = {path.name: path.stat().st_uid for path in data_dir.rglob("*") if path.name != "lock"}
    assert len(owners) > 8 and set(owners.values()) == {12_345}


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-700])
