"""Settings and language models over HTTP."""

from pathlib import Path

import pytest
from httpx import AsyncClient

from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.links import Links
from kotaemon_async.answers.llm.base import Delta, Finish
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.operations.preferences import GivenSetting, Preferences
from tests.support.answering import DOWN, Model
from tests.support.fakes import Fakes, problem_of

SETTINGS = "/api/v1/settings"
TOLD = (
    "http.auth", "llm.links", "library.watch", "backups.folder", "backups.every_s", "backups.keep_files",
    "backups.verify",
)  # fmt: skip


class OneFolder:
    """Follows one folder, in which a file was refused."""

    async def check(self) -> dict[str, object]:
        refused = {"count": 1, "files": {"a.exe": "unsupported_format"}}
        one = {"path": "/scans", "collection": "scans", "files": 3, "waiting": 1, "refused": refused}
        return {"files": 3, "folders": [one]}


async def _never(*_: object) -> None:
    raise AssertionError("nothing is made here")


@pytest.fixture(autouse=True)
def _settings(services: Fakes, tmp_path: Path) -> None:
    given = {
        "answers.length": GivenSetting("normal", "default", "LENGTH"),
        "answers.language": GivenSetting("zh", "environment", "LANGUAGE"),
    }
    told = {name: GivenSetting("", "file", name) for name in TOLD}
    services.preferences = Preferences(services.ledger.preferences, given, told, lambda: 7.0)
    services.folders = OneFolder()
    services.backups = BackupSchedule(
        tmp_path / "backups",
        every_s=60.0,
        keep=3,
        create=_never,  # type: ignore[arg-type]
        verify=None,
        clock=lambda: 7.0,
        born_s=0.0,
    )
    links = [LinkSettings(name=name, base_url="http://127.0.0.1:9/v1", model="big") for name in ("up", "off")]
    up, off = Model(Delta("I am there."), Finish(), name="up"), Model(DOWN, name="off")
    services.links = Links(Chain([up, off]), links)


async def test_settings_tell_their_values_and_what_has_set_them(client: AsyncClient) -> None:
    found = (await client.get(SETTINGS)).json()
    choices = ["long", "normal", "short"]
    assert found["answers"] == {
        "length": {"value": "normal", "source": "default", "variable": "LENGTH", "choices": choices},
        "language": {"value": "zh", "source": "environment", "variable": "LANGUAGE", "choices": []},
    }
    assert found["sign_in"] == {"value": "open", "source": "file", "variable": "http.auth", "choices": []}
    assert found["folders"]["items"][0]["refused"]["files"] == {"a.exe": "unsupported_format"}
    assert (found["backups"]["items"], found["backups"]["path"][-8:]) == ([], "/backups")


async def test_a_choice_is_kept_and_written_down(client: AsyncClient, services: Fakes) -> None:
    changed = await client.put(SETTINGS, json={"answers": {"length": "short"}})
    shown = changed.json()["answers"]["length"]
    assert (changed.status_code, shown["value"], shown["source"]) == (200, "short", "page")
    acts = (await client.get("/api/v1/audit")).json()["items"]
    assert [(one["action"], one["object"]) for one in acts] == [("settings.change", "answers.length=short")]
    assert services.preferences.answers().length == "short"


async def test_what_the_environment_sets_and_what_is_no_value_is_refused(client: AsyncClient) -> None:
    fixed = await client.put(SETTINGS, json={"answers": {"language": "en"}})
    assert problem_of(fixed) == (409, "conflict")
    unknown = await client.put(SETTINGS, json={"answers": {"length": "huge"}})
    assert problem_of(unknown) == (400, "bad_request")


async def test_links_are_listed_and_tried(client: AsyncClient) -> None:
    found = (await client.get("/api/v1/links")).json()["links"]
    assert [(one["name"], one["model"], one["state"]) for one in found] == [
        ("up", "big", "closed"),
        ("off", "big", "closed"),
    ]
    tried = [(await client.post(f"/api/v1/links/{name}/try")).json() for name in ("up", "off")]
    assert [(one["ok"], one["text"]) for one in tried] == [(True, "I am there."), (False, None)]
    assert tried[1]["error"]["code"] == "llm_unavailable"


async def test_a_link_that_is_not_there_cannot_be_tried(client: AsyncClient) -> None:
    assert problem_of(await client.post("/api/v1/links/none/try")) == (404, "not_found")
