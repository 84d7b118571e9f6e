"""The command `doctor` without a service: exit codes, what they print, what they send."""

import json
from pathlib import Path

import apsw
import httpx
import pytest

from kotaemon_async.app.settings import Settings
from kotaemon_async.cli import doctor as cli_doctor
from kotaemon_async.cli import render as cli_render
from kotaemon_async.cli.client import Json
from kotaemon_async.cli.errors import CommandError
from kotaemon_async.cli.throwaway import free_port
from kotaemon_async.http.settings import HttpSettings
from kotaemon_async.stores.folder_lock import FolderLock
from tests.support.command import Connect, problem, run

FINDING: Json = {
    "kind": "keywords_missing", "weight": "mendable", "sentence": "passages without keywords",
    "remedy": "filled in from the page text", "count": 7, "mended": 7, "left": 0,
    "examples": ["doc_1.1.2.0", "doc_1.1.3.0"],
}  # fmt: skip
REPORT: Json = {"verdict": "mended", "repair": True, "deep": False, "duration_s": 0.1, "findings": [FINDING]}


def test_the_help_of_doctor_has_the_exit_codes_of_its_own() -> None:
    text = " ".join(run("doctor", "--help")[1].split())
    assert all(f" {code} " in text for code in ("0 nothing differs", "1", "3", "4", "69", "75", "78"))


def test_a_folder_without_a_ledger_is_a_wrong_setting(tmp_path: Path) -> None:
    code, _, err = run("doctor", data_dir=tmp_path / "none")
    assert code == 78
    assert "data_dir" in err and not (tmp_path / "none").exists()


def test_a_file_that_is_no_ledger_is_beyond_mending(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 500)
    code, text, _ = run("doctor", "--json", data_dir=tmp_path)
    assert code == 4
    assert [found["kind"] for found in json.loads(text)["findings"]] == ["ledger_damaged"]


def test_a_ledger_of_a_newer_release_is_a_wrong_setting(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "ledger.db")).execute("PRAGMA user_version = 999")
    assert run("doctor", data_dir=tmp_path)[0] == 78


def test_a_folder_in_use_whose_service_does_not_answer_exits_69(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    lock = FolderLock.take(tmp_path, shared=False)
    assert lock is not None
    code, _, err = run("doctor", "--url", f"http://127.0.0.1:{free_port()}", data_dir=tmp_path)
    lock.release()
    assert code == 69
    assert "--url" in err and "uses the data folder" in err


@pytest.mark.parametrize(
    ("reply", "exit_code"),
    [
        (problem(404, "not_found"), 69),
        (problem(409, "conflict"), 75),
        (problem(500, "internal"), 75),
        (problem(503, "ledger_unavailable"), 75),
    ],
)
def test_no_failure_can_be_taken_for_a_verdict(
    reply: httpx.Response, exit_code: int, connect: Connect
) -> None:
    with pytest.raises(CommandError) as raised:
        cli_doctor.ask(connect(lambda _: reply), {})
    assert raised.value.exit_code == exit_code


def test_the_running_service_is_told_what_is_wanted(connect: Connect) -> None:
    bodies: list[Json] = []

    def reply(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json=REPORT)

    assert cli_doctor.ask(connect(reply), {"repair": True, "folder": "f1"}) == REPORT
    assert bodies == [{"repair": True, "folder": "f1"}]


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:81"), ("::", "http://[::1]:81"), ("10.0.0.7", "http://10.0.0.7:81")],
)
def test_the_service_is_looked_for_where_the_settings_have_it(host: str, url: str) -> None:
    assert cli_doctor.url_of(Settings(http=HttpSettings(host=host, port=81))) == url


def test_a_report_is_a_table_with_the_verdict_in_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    cli_render.print_report(REPORT)
    lines = capsys.readouterr().out.splitlines()
    assert "passages without keywords" in lines[1] and "doc_1.1.2.0" in " ".join(lines)
    assert lines[-1] == "something differed and is mended"


@pytest.mark.parametrize("verdict", cli_doctor.EXIT_CODES)
@pytest.mark.parametrize("repair", [False, True])
def test_every_verdict_has_its_words(verdict: str, repair: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if (verdict, repair) == ("mended", False):
        return
    cli_render.print_report({"verdict": verdict, "repair": repair, "findings": []})
    assert "differ" in capsys.readouterr().out
