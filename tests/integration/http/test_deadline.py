"""The deadline that a caller asks for, within bounds."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kotaemon_async.answers.events import Ask
from kotaemon_async.domain.model import Answer
from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import ANSWER, FakeServices, ScriptedAnswering, fake_services, serving


class Noting(ScriptedAnswering):
    """Remembers the deadline of each question."""

    def __init__(self) -> None:
        super().__init__()
        self.deadlines_s: list[float | None] = []

    async def answer(self, ask: Ask) -> Answer:
        self.deadlines_s.append(ask.deadline_s)
        return ANSWER


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[FakeServices]:
    async with fake_services(tmp_path) as opened:
        opened.answering = Noting()
        yield opened


@pytest.fixture
async def client(services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(services, HttpLimits(max_deadline_s=60)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("asked", "given_s"), [(None, None), ("2.5", 2.5), ("0", 0.2), ("-3", 0.2), ("9999", 60.0), ("inf", 60.0)]
)
async def test_a_deadline_is_kept_within_its_bounds(
    client: httpx.AsyncClient, services: FakeServices, asked: str | None, given_s: float | None
) -> None:
    headers = {} if asked is None else {"X-Deadline-S": asked}
    reply = await client.post("/api/v1/answers", json={"question": "Why?"}, headers=headers)
    assert reply.status_code == 200
    assert isinstance(services.answering, Noting) and services.answering.deadlines_s == [given_s]


@pytest.mark.parametrize("asked", ["soon", "nan", ""])
async def test_a_deadline_that_is_no_number_is_refused(client: httpx.AsyncClient, asked: str) -> None:
    headers = {"X-Deadline-S": asked}
    reply = await client.post("/api/v1/answers", json={"question": "Why?"}, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")
