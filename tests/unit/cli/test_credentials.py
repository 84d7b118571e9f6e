"""Keys of the command line: where they come from, where they go, and what is said when they do not fit."""

import os
import socket
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.credentials import NO_KEY, Credentials, credentials, listeners
from kotaemon_async.cli.errors import CommandError
from tests.support.command import calling, commands, options, problem, run

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("kot_of_the_file\n")
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "local-key").write_text("kot_local\n")
    return tmp_path


def failure(words: list[str]) -> tuple[int, str]:
    code, _, err = run(*words)
    return code, err


def client(
    credentials: Credentials, status: int = 200, url: str = HERE
) -> tuple[Client, list[httpx.Request]]:
    """A client and what it sends."""
    sent: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        codes = {401: "unauthorized", 403: "forbidden"}
        return httpx.Response(200, json={}) if status == 200 else problem(status, codes[status])

    return Client(url, credentials, transport=httpx.MockTransport(reply)), sent


def test_a_named_file_goes_before_the_environment_and_that_before_the_data_folder(
    key_file: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert credentials(HERE, None, lambda: data_dir).key == "kot_local"
    monkeypatch.setenv("KOTAEMON_KEY", "kot_of_the_environment")
    assert credentials(HERE, None, lambda: data_dir).key == "kot_of_the_environment"
    assert credentials(HERE, key_file, lambda: data_dir).key == "kot_of_the_file"


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.9.9.9", "http://[::1]:1"])
def test_the_key_of_the_data_folder_is_for_this_machine(url: str, data_dir: Path) -> None:
    assert credentials(url, None, lambda: data_dir).key == "kot_local"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1", "http://localhost.example", "https://0.0.0.0", "http://a"]
)
def test_the_key_of_the_data_folder_goes_to_no_other_machine(url: str, data_dir: Path) -> None:
    assert credentials(url, None, lambda: data_dir) == NO_KEY


def test_the_key_of_the_data_folder_goes_to_nobody_else_who_listens_in_the_place_of_the_service(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = data_dir.stat().st_uid
    for users, key in (({owner}, "kot_local"), ({0}, "kot_local"), (set(), "kot_local"), ({owner, 4711}, "")):
        monkeypatch.setattr("kotaemon_async.cli.credentials.listeners", lambda _, users=users: users)
        assert credentials(HERE, None, lambda: data_dir).key == key


def test_who_listens_on_a_port_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert listeners(port) == {os.getuid()}
    assert listeners(port) == set()


def test_where_nobody_tells_who_listens_nobody_is_suspected(tmp_path: Path) -> None:
    assert listeners(8000, tmp_path) == set()


def test_a_folder_without_a_local_key_gives_none(tmp_path: Path) -> None:
    assert credentials(HERE, None, lambda: tmp_path) == NO_KEY


@pytest.mark.parametrize("text", ["", "two words", "a\nb", "schlüssel"])
def test_a_file_that_holds_no_key_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    code, err = failure(["search", "x", "--key-file", str(tmp_path / "key"), "--url", HERE])
    assert (code, str(tmp_path / "key") in err.replace("\n", "")) == (78, True)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    code, err = failure(["search", "x", "--key-file", str(tmp_path / "none"), "--url", HERE])
    assert code == 78 and "cannot be read" in err


def test_a_key_goes_out_as_a_bearer_token_in_every_call() -> None:
    calls, sent = client(Credentials("kot_1", "KOTAEMON_KEY"))
    calls.documents()
    calls.health()
    assert [one.headers["authorization"] for one in sent] == ["Bearer kot_1"] * 2


def test_below_a_path_of_a_proxy_calls_go_below_that_path() -> None:
    calls, sent = client(NO_KEY, url="http://proxy.example/docs")
    calls.documents(limit=1)
    calls.health()
    assert [one.url.path for one in sent] == ["/docs/api/v1/documents", "/docs/healthz"]


def test_without_a_key_a_refusal_says_how_to_bring_one() -> None:
    with pytest.raises(CommandError) as raised:
        client(NO_KEY, 401)[0].documents()
    assert all(word in raised.value.hint for word in ("KOTAEMON_KEY", "--key-file", "KOTAEMON_DATA_DIR"))


def test_with_a_key_a_refusal_names_the_key_and_not_its_secret() -> None:
    for status in (401, 403):
        with pytest.raises(CommandError) as raised:
            client(Credentials("kot_1", "the file k"), status)[0].documents()
        assert "the file k" in raised.value.hint and "kot_1" not in raised.value.hint


@pytest.mark.parametrize("url", ["http://u:kot_secret@h", "http://kot_secret@h:1"])
def test_an_address_with_a_key_in_it_is_refused_without_repeating_it(url: str) -> None:
    code, err = failure(["status", "--url", url])
    assert code == 2 and "--key-file" in err and "kot_secret" not in err


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://h", "http://", "http://h:port", "http://[::1", ""])
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    code, err = failure(["status", "--url", url])
    assert code == 2 and "http://HOST:PORT" in err.replace("\n", " ")


def test_the_variable_of_the_key_is_no_setting(tmp_path: Path) -> None:
    assert run("backup", "list", data_dir=tmp_path, KOTAEMON_KEY="kot_1")[0] == 0


@pytest.mark.parametrize("words", calling())
def test_every_command_that_calls_the_service_takes_a_file_and_no_key(words: str) -> None:
    assert "--key-file" in options(commands()[words])
    assert "--key" not in options(commands()[words])
