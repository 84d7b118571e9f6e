"""Documents over a real socket, a real ledger and real files."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import psutil
import pytest

from kotaemon_async.domain.model import Failure
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings
from kotaemon_async.resilience.admission import Admission
from tests.support.fakes import FakeServices, fake_services, serving, sse

LIMITS = HttpLimits(HttpSettings(max_upload_bytes=10_000, max_name_length=40), linger_s=2.0)
MB = 1024**2
DOCUMENTS = "/api/v1/documents"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[FakeServices]:
    async with fake_services(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(services, LIMITS) as found:
        yield found


async def hand_in(
    client: httpx.AsyncClient, text: str = "Hello there.", name: str = "a.txt"
) -> httpx.Response:
    return await client.post(DOCUMENTS, files={"file": (name, text.encode())}, data={"collection": "en"})


async def test_a_new_document_is_accepted_with_its_location(client: httpx.AsyncClient) -> None:
    reply = await hand_in(client)
    document = reply.json()
    assert (reply.status_code, reply.headers["location"]) == (202, f"{DOCUMENTS}/{document['id']}")
    assert document["progress"] == {"pages_done": 0, "pages_total": None, "chunks_done": 0}
    assert (document["status"], document["collection"], document["size_bytes"]) == ("queued", "en", 12)
    assert (document["created_at"], document["ready_at"]) == ("2023-11-14T22:13:20.500Z", None)
    assert document["trace_id"] == reply.headers["x-trace-id"]


async def test_a_document_has_exactly_the_fields_of_the_contract(client: httpx.AsyncClient) -> None:
    names = (
        "id name media_type size_bytes sha256 collection status stage progress attempt max_attempts attempts"
    )
    more = "waiting_for error trace_id created_at updated_at ready_at"
    assert set((await hand_in(client)).json()) == set(f"{names} {more}".split())


async def test_the_same_bytes_are_the_same_document(client: httpx.AsyncClient) -> None:
    first, second = await hand_in(client), await hand_in(client, name="b.txt")
    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])


async def test_a_list_is_read_page_by_page(client: httpx.AsyncClient) -> None:
    ids = {(await hand_in(client, f"Text {n}.")).json()["id"] for n in range(3)}
    first = (await client.get(DOCUMENTS, params={"limit": 2})).json()
    second = (await client.get(DOCUMENTS, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert {one["id"] for one in first["items"] + second["items"]} == ids
    assert (len(first["items"]), second["next_cursor"]) == (2, None)


async def test_an_announced_length_over_the_limit_is_refused_unread(client: httpx.AsyncClient) -> None:
    reply = await hand_in(client, "x" * 200_000)
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"


async def test_a_file_over_the_limit_without_a_length_is_refused(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(40):
            yield b"y" * 10_000

    reply = await client.post(
        DOCUMENTS, content=pieces(), headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"files": {"other": ("a.txt", b"text")}}, "bad_request"),
        ({"data": {"collection": "en"}}, "bad_request"),
        ({"files": {"file": ("n" * 41, b"text")}}, "bad_request"),
        ({"files": {"file": ("a.txt", b"")}}, "empty"),
        ({"files": {"file": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))}}, "unsupported_format"),
        ({"files": {"file": ("a.txt", b"text")}, "data": {"collection": "/"}}, "bad_request"),
        ({"files": {"file": ("a.txt", b"text")}, "data": {"collection": "c" * 2000}}, "bad_request"),
    ],
)
async def test_a_form_that_does_not_fit_is_refused(
    client: httpx.AsyncClient, form: dict[str, dict[str, str]], code: str
) -> None:
    reply = await client.post(DOCUMENTS, **form)  # type: ignore[arg-type]
    assert reply.json()["code"] == code
    assert reply.json()["status"] == reply.status_code


async def test_a_full_service_refuses_before_the_body_is_read(services: FakeServices) -> None:
    services.admission = Admission(1)
    async with serving(services, LIMITS) as client, services.admission.upload():
        reply = await hand_in(client, "x" * 9_000)
    assert (reply.status_code, reply.json()["code"], reply.headers["retry-after"]) == (429, "busy", "1")
    assert reply.json()["retryable"] is True


async def test_a_sender_who_leaves_leaves_nothing_behind(
    client: httpx.AsyncClient, services: FakeServices, tmp_path: Path
) -> None:
    stream = await anyio.connect_tcp("127.0.0.1", client.base_url.port or 0)
    head = f"POST {DOCUMENTS} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
    await stream.send(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode())
    await stream.send(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc')
    while services.admission.uploads == 0:
        await anyio.lowlevel.checkpoint()
    await stream.aclose()
    while services.admission.uploads:
        await anyio.lowlevel.checkpoint()
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_a_large_upload_stays_out_of_memory(tmp_path: Path) -> None:
    process, highest = psutil.Process(), 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal highest
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(64 * 4):
            yield b"All work and no play. \n." * (256 * 1024 // 24)
            highest = max(highest, process.memory_info().rss)
        yield b"\r\n--x--\r\n"

    limits = HttpLimits(HttpSettings(max_upload_bytes=100 * MB))
    kind = {"content-type": "multipart/form-data; boundary=x"}
    async with (
        fake_services(tmp_path, max_upload_bytes=100 * MB) as opened,
        serving(opened, limits) as client,
    ):
        await client.get("/livez")
        before = process.memory_info().rss
        reply = await client.post(DOCUMENTS, content=pieces(), headers=kind)
    assert (reply.status_code, reply.json()["size_bytes"]) == (202, 256 * 24 * (256 * 1024 // 24))
    assert highest - before < 30 * MB


async def test_events_follow_a_document_until_it_is_final(client: httpx.AsyncClient) -> None:
    document_id = (await hand_in(client)).json()["id"]
    seen: list[dict[str, str]] = []
    async with client.stream("GET", f"{DOCUMENTS}/{document_id}/events") as reply:
        async for event in sse(reply.aiter_lines()):
            seen.append(event)
            if len(seen) == 1:
                await client.post(f"{DOCUMENTS}/{document_id}/cancel")
    assert ['"status":"queued"' in seen[0]["data"], '"status":"cancelled"' in seen[-1]["data"]] == [
        True,
        True,
    ]
    again = await client.get(f"{DOCUMENTS}/{document_id}/events", headers={"Last-Event-ID": seen[-1]["id"]})
    assert (again.status_code, again.content) == (204, b"")


async def test_a_quiet_stream_says_now_and_then_that_it_is_there(services: FakeServices) -> None:
    async with serving(services, replace(LIMITS, heartbeat_s=0.01)) as client:
        document_id = (await hand_in(client)).json()["id"]
        seen: list[dict[str, str]] = []
        async with client.stream("GET", f"{DOCUMENTS}/{document_id}/events") as reply:
            async for event in sse(reply.aiter_lines()):
                seen.append(event)
                if len(seen) == 3:
                    await client.post(f"{DOCUMENTS}/{document_id}/cancel")
    assert {"": "still here"} in seen and '"status":"cancelled"' in seen[-1]["data"]


async def test_events_go_on_where_they_ended_when_the_document_is_read_anew(
    client: httpx.AsyncClient, services: FakeServices
) -> None:
    path = f"{DOCUMENTS}/{(await hand_in(client)).json()['id']}"
    await client.post(f"{path}/cancel")
    async with client.stream("GET", f"{path}/events") as reply:
        [last] = [event async for event in sse(reply.aiter_lines())]
    await client.post(f"{path}/retry")
    async with client.stream("GET", f"{path}/events", headers={"Last-Event-ID": last["id"]}) as reply:
        first = await anext(sse(reply.aiter_lines()))
    assert '"status":"queued"' in first["data"] and int(first["id"]) > int(last["id"])


async def test_events_of_an_unknown_document_are_a_problem(client: httpx.AsyncClient) -> None:
    reply = await client.get(f"{DOCUMENTS}/doc_0/events")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_events_end_when_the_service_stops(client: httpx.AsyncClient, services: FakeServices) -> None:
    document_id = (await hand_in(client)).json()["id"]
    async with client.stream("GET", f"{DOCUMENTS}/{document_id}/events") as reply:
        seen = []
        async for event in sse(reply.aiter_lines()):
            seen.append(event)
            services.stopping.set()
    assert [event.get("event") for event in seen] == ["document", None]


async def test_the_file_comes_back_as_data_that_runs_nothing(client: httpx.AsyncClient) -> None:
    document_id = (await hand_in(client, "# Heading\n\nText.", "年报 «1».md")).json()["id"]
    reply = await client.get(f"{DOCUMENTS}/{document_id}/content")
    assert reply.text == "# Heading\n\nText."
    assert "filename*=UTF-8''%E5%B9%B4%E6%8A%A5%20%C2%AB1%C2%BB.md" in reply.headers["content-disposition"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("sandbox;")


async def test_a_range_of_the_file_is_sent_alone(client: httpx.AsyncClient) -> None:
    path = f"{DOCUMENTS}/{(await hand_in(client, '0123456789')).json()['id']}/content"
    reply = await client.get(path, headers={"Range": "bytes=2-4"})
    assert (reply.status_code, reply.text, reply.headers["content-range"]) == (206, "234", "bytes 2-4/10")
    head = await client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")


async def test_a_deleted_document_is_not_found(client: httpx.AsyncClient) -> None:
    path = f"{DOCUMENTS}/{(await hand_in(client)).json()['id']}"
    assert (await client.delete(path)).status_code == 204
    reply = await client.get(path)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("status", ["queued", "processing"])
@pytest.mark.parametrize(
    "force", [{"params": {"force": "true"}}, {"json": {"force": True}}], ids=["query", "body"]
)
async def test_a_document_in_work_is_started_anew_by_force_alone(
    client: httpx.AsyncClient, services: FakeServices, force: dict[str, dict[str, str]], status: str
) -> None:
    document_id = (await hand_in(client)).json()["id"]
    if status == "processing":
        assert await services.ledger.claims.claim(document_id, "me", 2e9, 30.0, recipe="m/1")
    refused = await client.post(f"{DOCUMENTS}/{document_id}/retry", json={"force": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    forced = await client.post(f"{DOCUMENTS}/{document_id}/retry", **force)  # type: ignore[arg-type]
    assert (forced.status_code, forced.json()["status"]) == (200, "queued")


@pytest.mark.parametrize("body", [{"json": {"forse": True}}, {"json": {"force": "no"}}, {"content": b"{"}])
async def test_a_retry_that_does_not_fit_is_refused(
    client: httpx.AsyncClient, body: dict[str, dict[str, str]]
) -> None:
    document_id = (await hand_in(client)).json()["id"]
    reply = await client.post(f"{DOCUMENTS}/{document_id}/retry", **body)  # type: ignore[arg-type]
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")


async def failed(client: httpx.AsyncClient, services: FakeServices, text: str = "Hello there.") -> str:
    document_id: str = (await hand_in(client, text)).json()["id"]
    claim = await services.ledger.claims.claim(document_id, "me", 2e9, 30.0, recipe="m/1")
    assert claim is not None
    await services.ledger.claims.fail(claim, Failure("corrupt", "It is broken.", "Mend it."), 2e9)
    return document_id


async def test_failed_documents_are_listed_with_their_cause(
    client: httpx.AsyncClient, services: FakeServices
) -> None:
    document_id = await failed(client, services)
    await hand_in(client, "Another text.")
    [found] = (await client.get(DOCUMENTS, params={"status": "failed"})).json()["items"]
    assert (found["id"], found["attempts"]["crash"]) == (document_id, 0)
    assert found["error"] == {"code": "corrupt", "message": "It is broken.", "hint": "Mend it."}


async def test_all_failed_documents_are_started_anew(
    client: httpx.AsyncClient, services: FakeServices
) -> None:
    ids = [await failed(client, services, f"Text {number}.") for number in range(2)]
    elsewhere = await client.post(f"{DOCUMENTS}/retry", params={"collection": "zh"})
    everywhere = await client.post(f"{DOCUMENTS}/retry")
    assert (elsewhere.json(), everywhere.json()) == ({"retried": 0}, {"retried": 2})
    listed = (await client.get(DOCUMENTS, params={"status": "queued"})).json()["items"]
    assert sorted(one["id"] for one in listed) == sorted(ids)


async def test_a_cancelled_document_is_started_anew(client: httpx.AsyncClient) -> None:
    path = f"{DOCUMENTS}/{(await hand_in(client)).json()['id']}"
    cancelled = await client.post(f"{path}/cancel")
    retried = await client.post(f"{path}/retry")
    again = await client.post(f"{path}/retry")
    assert (cancelled.json()["status"], retried.json()["status"]) == ("cancelled", "queued")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
