"""Every command while keys are in use: with each way of bringing a key, and without one."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw
import httpx
import pytest

from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.stores.audit import AuditEntry, append
from kotaemon_async.stores.ledger import SCHEMA
from tests.support.command import arguments, calling, commands, run
from tests.support.keys import bearer, make_key
from tests.support.service import command, eventually, package, serving

#: Those that need no service, and how each is tried; `{backup}`, `{key}` and `{scratch}` are filled in.
LOCAL: Final = {
    "keys create": "eve",
    "keys list": "",
    "keys rotate": "{key}",
    "keys revoke": "{key}",
    "backup create": "--output {scratch}/another.tar",
    "backup list": "",
    "backup verify": "{backup}",
    "backup restore": "{backup} --data-dir {scratch}/restored",
    "drill": "",
    "demo": "",
    "install-service": "",
    "doctor": "--repair",
}
#: The service itself, and what fetches a model.
LEFT: Final = {"serve", "models prepare"}
#: A round of maintenance a second.
OFTEN: Final = {"KOTAEMON_MAINTENANCE__EVERY_S": "1", "KOTAEMON_MAINTENANCE__AUDIT_DAYS": "30"}
QUESTION: Final = "What is the capital of Norway?"
#: What they answer when there is nothing to stop, or the word that stands for an id names nothing.
HARMLESS: Final = ("conflict", "not_found")


@dataclass(frozen=True, slots=True)
class Keyed:
    """A service that asks for keys, and where one is: in a variable, in a file, in the data folder."""

    service: Throwaway
    folder: Path
    key: str

    def ways(self) -> Mapping[str, tuple[list[str], dict[str, str]]]:
        """Options and environment that bring a key, by name; `none` brings none."""
        elsewhere = {"KOTAEMON_DATA_DIR": str(self.folder / "elsewhere")}
        return {
            "data folder": ([], {"KOTAEMON_DATA_DIR": str(self.service.data_dir)}),
            "variable": ([], {**elsewhere, "KOTAEMON_KEY": self.key}),
            "file": (["--key-file", str(self.folder / "key")], elsewhere),
            "none": ([], elsewhere),
        }


def refuses_strangers(service: Throwaway) -> bool:
    return httpx.get(f"{service.url}/api/v1/documents", trust_env=False, timeout=60).status_code == 401


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    with serving(folder, model_folder, OFTEN) as service:
        (folder / "notes.md").write_text("# Norway\n\nThe capital of Norway is Oslo by a fjord.\n")
        made = command(service, "keys", "create", "operator", "--scope", "admin", "--json")
        key = json.loads(made.stdout)["key"]
        (folder / "key").write_text(f"{key}\n")
        eventually(lambda: refuses_strangers(service))
        assert command(service, "ingest", folder / "notes.md").returncode == 0
        yield Keyed(service, folder, key)


def tried(keyed: Keyed, words: str, way: str) -> tuple[int, str, str]:
    """What a command says that brings a key in this way."""
    options, env = keyed.ways()[way]
    special = {"ingest": str(keyed.folder / "notes.md"), "ask": QUESTION, "search": QUESTION}
    given = [special[words]] if words in special else arguments(words)
    return with_env({"KOTAEMON_URL": keyed.service.url, **env}, *words.split(), *given, *options)


def with_env(env: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """What a command says in this environment."""
    given: Any = env
    return run(*words, **given)


def test_every_command_is_tried() -> None:
    assert set(commands()) - set(calling()) - LEFT == set(LOCAL) - {"doctor"}


@pytest.mark.parametrize("way", ["data folder", "variable", "file"])
@pytest.mark.parametrize("words", [one for one in calling() if one != "doctor"])
def test_a_command_that_brings_a_key_does_its_work(keyed: Keyed, words: str, way: str) -> None:
    code, out, err = tried(keyed, words, way)
    refused = err.split(":")[0].strip()
    assert code == 0 or (code, refused) in {(1, one) for one in HARMLESS}, out + err
    assert "unauthorized" not in out + err and "forbidden" not in out + err


@pytest.mark.parametrize("words", [one for one in calling() if one != "doctor"])
def test_a_command_without_a_key_is_told_how_to_bring_one(keyed: Keyed, words: str) -> None:
    code, out, err = tried(keyed, words, "none")
    said = " ".join(err.split())
    assert code == 1 and (words == "status" or out == "")
    assert "unauthorized" in said and "KOTAEMON_KEY" in said and "--key-file" in said


def test_without_a_key_for_programs_the_code_and_the_hint_are_json(keyed: Keyed) -> None:
    _, env = keyed.ways()["none"]
    _, _, err = with_env({"KOTAEMON_URL": keyed.service.url, **env}, "ask", "x", "--json")
    error = json.loads(err)["error"]
    assert error["code"] == "unauthorized" and "--key-file" in error["hint"]


@pytest.mark.parametrize("words", LOCAL)
def test_a_command_on_the_files_works_while_keys_are_in_use(
    keyed: Keyed, words: str, tmp_path: Path, backup: Path, spare: Callable[[], str]
) -> None:
    given = LOCAL[words].format(backup=backup, scratch=tmp_path, key=spare())
    ended = command(keyed.service, *words.split(), *given.split(), KOTAEMON_EMBEDDING__THREADS="1")
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def backup(keyed: Keyed) -> Path:
    """A backup of the service's folder."""
    path = keyed.folder / "a.tar"
    assert command(keyed.service, "backup", "create", "--output", path).returncode == 0
    return path


@pytest.fixture
def spare(keyed: Keyed) -> Callable[[], str]:
    """Makes a key that may be ended, and returns its id."""
    return lambda: json.loads(command(keyed.service, "keys", "create", "spare", "--json").stdout)["id"]


def test_a_key_that_was_revoked_is_named_and_refused(keyed: Keyed) -> None:
    made = json.loads(command(keyed.service, "keys", "create", "eve", "--json").stdout)
    assert command(keyed.service, "keys", "revoke", made["id"]).returncode == 0
    env = {"KOTAEMON_KEY": made["key"], "KOTAEMON_URL": keyed.service.url}
    eventually(lambda: "unauthorized" in with_env(env, "status")[2])
    _, _, err = with_env(env, "search", "x")
    assert "unauthorized" in err and "KOTAEMON_KEY" in err and made["key"] not in err


def test_a_key_without_the_scope_is_told_so(keyed: Keyed) -> None:
    made = json.loads(command(keyed.service, "keys", "create", "bob", "--scope", "ask", "--json").stdout)
    env = {"KOTAEMON_KEY": made["key"], "KOTAEMON_URL": keyed.service.url}
    eventually(lambda: "unauthorized" not in with_env(env, "audit")[2])
    code, _, err = with_env(env, "audit")
    assert (code, err.split(":")[0]) == (1, "forbidden")


def audit(keyed: Keyed, *words: str) -> list[dict[str, str]]:
    """The acts that `audit` shows, the latest last."""
    ended = command(keyed.service, "audit", *words, "--json")
    found: list[dict[str, str]] = json.loads(ended.stdout)["items"]
    return found


def test_who_did_what_is_shown_with_commands_and_refusals_among_it(keyed: Keyed) -> None:
    eve = json.loads(command(keyed.service, "keys", "create", "mallory", "--json").stdout)
    headers = {"Authorization": f"Bearer {eve['key']}"}
    with httpx.Client(base_url=keyed.service.url, headers=headers, trust_env=False, timeout=60) as hers:
        eventually(lambda: hers.get("/api/v1/me").status_code == 200)
        hers.delete("/api/v1/documents/doc_9")
        hers.post("/api/v1/doctor", json={})
    made, acts = audit(keyed, "--action", "keys.create")[-1], audit(keyed, "--user", "mallory")
    assert (made["caller"], made["user"], made["object"]) == ("local", "operator", eve["id"])
    told = [(one["action"], one["result"], one["caller"], one["address"]) for one in acts]
    who = (eve["id"], "127.0.0.1")
    assert told == [("documents.delete", "not_found", *who), ("doctor", "forbidden", *who)]


def test_the_audit_outlives_a_restore(keyed: Keyed, tmp_path: Path, backup: Path) -> None:
    restored = tmp_path / "restored"
    assert command(keyed.service, "backup", "restore", backup, "--data-dir", restored).returncode == 0
    rows = list(apsw.Connection(str(restored / "ledger.db")).execute("SELECT action FROM audit ORDER BY seq"))
    assert rows[0] == ("keys.create",) and rows[-1] == ("backup.restore",)


def test_acts_go_when_they_are_as_old_as_is_set(keyed: Keyed) -> None:
    ages_s = (29 * 86_400, 31 * 86_400)
    for age_s in ages_s:
        act = AuditEntry(time.time() - age_s, "local", "operator", f"trial.{age_s}", "", "", "ok")
        append(keyed.service.data_dir / "ledger.db", act, SCHEMA.version)
    eventually(lambda: len(audit(keyed, "--action", "trial")) == 1)
    assert audit(keyed, "--action", "trial")[0]["action"] == f"trial.{ages_s[0]}"


def test_signing_in_and_failing_to_leave_rows(keyed: Keyed) -> None:
    service = keyed.service
    key = make_key(service.data_dir, "alice")
    with httpx.Client(base_url=service.url, headers=bearer(key), trust_env=False, timeout=60) as client:
        eventually(lambda: client.get("/api/v1/me").json().get("user") == "alice")
        for given in (key, "kot_wrong"):  # the same browser tries another key
            client.post("/api/v1/session", json={"key": given})
        rows = client.get("/api/v1/audit", params={"action": "sessions.begin"}).json()["items"]
    assert [(one["user"], one["result"]) for one in rows] == [("alice", "unauthorized"), ("alice", "ok")]


def test_a_setting_that_opens_a_service_with_keys_is_written_down(tmp_path: Path, model_folder: Path) -> None:
    env = {"KOTAEMON_DATA_DIR": str(tmp_path / "data"), "KOTAEMON_HTTP__AUTH": "open"}
    assert package("keys", "create", "alice", **env).returncode == 0
    with serving(tmp_path, model_folder, env) as service:
        opened = json.loads(command(service, "audit", "--action", "service", "--json").stdout)["items"]
    assert [(one["caller"], one["object"]) for one in opened] == [("service", "http.auth=open")]
