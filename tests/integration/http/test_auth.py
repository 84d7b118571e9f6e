"""Who may call what, once keys are in use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import Fakes, OneKey, files_in, problem_of, serving

LIMITS = HttpLimits(linger_s=1.0)
RIGHT = {"Authorization": "Bearer open-sesame"}


@pytest.fixture
async def client(services: Fakes) -> AsyncIterator[AsyncClient]:
    async with serving(services, LIMITS, keys=OneKey()) as found:
        yield found


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/", "/web/icon.svg"])
async def test_these_need_no_key(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/documents"),
        ("POST", "/api/v1/documents"),
        ("DELETE", "/api/v1/documents/doc_1"),
        ("GET", "/api/v1/documents/doc_1/content"),
        ("GET", "/api/v1/documents/events"),
        ("POST", "/api/v1/search"),
        ("POST", "/api/v1/answers"),
        ("GET", "/api/v1/traces/x"),
        ("GET", "/metrics"),
    ],
)
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic open-sesame"}], ids=str
)
async def test_everything_else_is_refused_without_one(
    client: AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    assert problem_of(await client.request(method, path, headers=headers)) == (401, "unauthorized")


async def test_with_a_key_all_is_as_it_was(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/documents", headers=RIGHT)).json()["items"] == []
    assert "components" in (await client.get("/healthz", headers=RIGHT)).json()


async def test_openai_clients_hear_it_in_their_own_form(client: AsyncClient) -> None:
    reply = await client.get("/v1/models", headers={"Authorization": "Bearer sk-wrong"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorized")


async def test_an_upload_without_a_key_is_refused_before_its_body_is_kept(
    client: AsyncClient, tmp_path: Path
) -> None:
    reply = await client.post("/api/v1/documents", files={"file": ("a.txt", b"x" * 5_000)})
    assert reply.status_code == 401
    assert files_in(tmp_path / "blobs") == []


async def test_a_refusal_names_the_way_in(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/documents")).headers["www-authenticate"] == "Bearer"
