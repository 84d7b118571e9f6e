"""The embedding models over HTTP: watched, stopped, taken back."""

import pytest
from httpx import AsyncClient

from kotaemon_async.domain.errors import Refused
from kotaemon_async.search.model_change import ChangeStatus
from tests.support.fakes import Fakes, problem_of


class ScriptedChange:
    """A change that can be stopped once, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.status = ChangeStatus("embedding", "old", "new", done=3, total=9)
        self.asked: list[str] = []

    async def stop(self) -> None:
        if self.status.state == "stopped":
            raise Refused("No change of the embedding model is going on.", code="conflict")
        self.asked.append("stop")
        self.status = ChangeStatus("stopped", "old", "new", done=3, total=9)

    async def resume(self) -> None:
        self.asked.append("resume")

    async def take_back(self) -> None:
        self.asked.append("back")


@pytest.fixture
def change(services: Fakes) -> ScriptedChange:
    services.model_change = made = ScriptedChange()
    return made


async def test_the_change_can_be_watched(change: ScriptedChange, client: AsyncClient) -> None:
    found = (await client.get("/api/v1/models")).json()
    assert {name: found[name] for name in ("active", "target", "state", "done", "total", "waiting_for")} == {
        "active": "old", "target": "new", "state": "embedding", "done": 3, "total": 9, "waiting_for": None,
    }  # fmt: skip


async def test_the_change_is_stopped_resumed_and_taken_back(
    change: ScriptedChange, client: AsyncClient
) -> None:
    replies = [
        await client.post("/api/v1/models", json={"change": act}) for act in ("stop", "resume", "back")
    ]
    assert [(reply.status_code, reply.json()["state"]) for reply in replies] == [(200, "stopped")] * 3
    assert change.asked == ["stop", "resume", "back"]


@pytest.mark.usefixtures("change")
async def test_what_cannot_be_done_is_refused(client: AsyncClient) -> None:
    await client.post("/api/v1/models", json={"change": "stop"})
    assert problem_of(await client.post("/api/v1/models", json={"change": "stop"})) == (409, "conflict")
    assert problem_of(await client.post("/api/v1/models", json={"change": "x"})) == (400, "bad_request")
