"""Documents over a real socket, a real ledger and real files."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import psutil
import pytest
from httpx import AsyncClient

from kotaemon_async.domain.model import Failure
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings
from kotaemon_async.resilience.admission import Admission
from tests.support import fakes
from tests.support.fakes import FORM_KIND, Fakes, files_in, form, hand_in, listening, problem_of, serving

LIMITS = HttpLimits(HttpSettings(max_upload_bytes=10_000, max_name_length=40), linger_s=2.0)
MB = 1024**2
DOCUMENTS = "/api/v1/documents"


async def path_of(client: AsyncClient, text: str = "Hello there.", **given: str) -> str:
    """The path of a document that is handed in."""
    return f"{DOCUMENTS}/{(await hand_in(client, text, **given)).json()['id']}"


async def test_a_new_document_is_accepted_with_its_location(client: AsyncClient) -> None:
    reply = await hand_in(client)
    document = reply.json()
    assert (reply.status_code, reply.headers["location"]) == (202, f"{DOCUMENTS}/{document['id']}")
    assert document["progress"] == {"pages_done": 0, "pages_total": None, "chunks_done": 0}
    assert (document["status"], document["collection"], document["size_bytes"]) == ("queued", "en", 12)
    assert (document["created_at"], document["ready_at"]) == ("2023-11-14T22:13:20.500Z", None)
    assert document["trace_id"] == reply.headers["x-trace-id"]


async def test_a_document_has_exactly_the_fields_of_the_contract(client: AsyncClient) -> None:
    names = "id name media_type size_bytes sha256 collection status stage progress attempt max_attempts"
    names += " attempts waiting_for error trace_id created_at updated_at ready_at warnings"
    names += " pages_without_text charset path parent_id"
    assert set((await hand_in(client)).json()) == {*names.split()}


async def test_the_same_bytes_are_the_same_document(client: AsyncClient) -> None:
    first, second = await hand_in(client), await hand_in(client, name="b.txt")
    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])


async def test_a_list_is_read_page_by_page(client: AsyncClient) -> None:
    ids = {(await hand_in(client, f"Text {n}.")).json()["id"] for n in range(3)}
    first = (await client.get(DOCUMENTS, params={"limit": 2})).json()
    second = (await client.get(DOCUMENTS, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert {one["id"] for one in first["items"] + second["items"]} == ids
    assert (len(first["items"]), second["next_cursor"]) == (2, None)


async def test_an_announced_length_over_the_limit_is_refused_unread(client: AsyncClient) -> None:
    reply = await hand_in(client, "x" * 200_000)
    assert problem_of(reply) == (413, "too_large")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"


async def test_a_file_over_the_limit_without_a_length_is_refused(client: AsyncClient) -> None:
    reply = await client.post(DOCUMENTS, content=form(b"y" * 10_000, 40), headers=FORM_KIND)
    assert problem_of(reply) == (413, "too_large")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"files": {"other": ("a.txt", b"text")}}, "bad_request"),
        ({"data": {"collection": "en"}}, "unsupported_media_type"),
        ({"files": {"file": ("n" * 41, b"text")}}, "bad_request"),
        ({"files": {"file": ("a.txt", b"")}}, "empty"),
        ({"files": {"file": ("a.bin", b"\x7fELF\x02" + bytes(range(256)))}}, "unsupported_format"),
        ({"files": {"file": ("a.txt", b"text")}, "data": {"collection": "/"}}, "bad_request"),
        ({"files": {"file": ("a.txt", b"text")}, "data": {"collection": "c" * 2000}}, "bad_request"),
    ],
)
async def test_a_form_that_does_not_fit_is_refused(
    client: AsyncClient, form: dict[str, dict[str, str]], code: str
) -> None:
    reply = await client.post(DOCUMENTS, **form)  # type: ignore[arg-type]
    assert reply.json()["code"] == code
    assert reply.json()["status"] == reply.status_code


async def test_a_full_service_refuses_before_the_body_is_read(services: Fakes) -> None:
    services.admission = Admission(1)
    async with serving(services, LIMITS) as client, services.admission.upload():
        reply = await hand_in(client, "x" * 9_000)
    assert (reply.status_code, reply.json()["code"], reply.headers["retry-after"]) == (429, "busy", "1")
    assert reply.json()["retryable"] is True


async def test_a_sender_who_leaves_leaves_nothing_behind(
    client: AsyncClient, services: Fakes, tmp_path: Path
) -> None:
    stream = await anyio.connect_tcp("127.0.0.1", client.base_url.port or 0)
    head = f"POST {DOCUMENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
    await stream.send(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode())
    await stream.send(fakes.FORM_HEAD + b"abc")
    while services.admission.uploads == 0:
        await anyio.lowlevel.checkpoint()
    await stream.aclose()
    while services.admission.uploads:
        await anyio.lowlevel.checkpoint()
    assert files_in(tmp_path / "blobs") == []


async def test_a_large_upload_stays_out_of_memory(tmp_path: Path) -> None:
    process, highest = psutil.Process(), 0

    async def watched() -> AsyncIterator[bytes]:
        nonlocal highest
        async for piece in form(b"All work and no play. \n." * (256 * 1024 // 24), 64 * 4):
            yield piece
            highest = max(highest, process.memory_info().rss)

    limits = HttpLimits(HttpSettings(max_upload_bytes=100 * MB))
    async with (
        fakes.fake_services(tmp_path, max_upload_bytes=100 * MB) as opened,
        serving(opened, limits) as client,
    ):
        await client.get("/livez")
        before = process.memory_info().rss
        reply = await client.post(DOCUMENTS, content=watched(), headers=FORM_KIND)
    assert (reply.status_code, reply.json()["size_bytes"]) == (202, 256 * 24 * (256 * 1024 // 24))
    assert highest - before < 45 * MB  # of 64


async def test_events_follow_a_document_until_it_is_final(client: AsyncClient) -> None:
    path = await path_of(client)
    async with listening(client, "GET", f"{path}/events") as events:
        seen = [await anext(events)]
        await client.post(f"{path}/cancel")
        seen += [event async for event in events]
    assert '"status":"queued"' in seen[0]["data"] and '"status":"cancelled"' in seen[-1]["data"]
    again = await client.get(f"{path}/events", headers={"Last-Event-ID": seen[-1]["id"]})
    assert (again.status_code, again.content) == (204, b"")


async def test_a_quiet_stream_says_now_and_then_that_it_is_there(services: Fakes) -> None:
    async with serving(services, replace(LIMITS, heartbeat_s=0.01)) as client:
        path = await path_of(client)
        async with listening(client, "GET", f"{path}/events") as events:
            seen = [await anext(events) for _ in range(3)]
            await client.post(f"{path}/cancel")
            seen += [event async for event in events]
    assert {"": "still here"} in seen and '"status":"cancelled"' in seen[-1]["data"]


async def test_events_go_on_where_they_ended_when_the_document_is_read_anew(
    client: AsyncClient, services: Fakes
) -> None:
    path = await path_of(client)
    await client.post(f"{path}/cancel")
    async with listening(client, "GET", f"{path}/events") as events:
        [last] = [event async for event in events]
    await client.post(f"{path}/retry")
    headers = {"Last-Event-ID": last["id"]}
    async with listening(client, "GET", f"{path}/events", headers=headers) as events:
        first = await anext(events)
    assert '"status":"queued"' in first["data"] and int(first["id"]) > int(last["id"])


async def test_events_of_an_unknown_document_are_a_problem(client: AsyncClient) -> None:
    assert problem_of(await client.get(f"{DOCUMENTS}/doc_0/events")) == (404, "not_found")


async def test_events_end_when_the_service_stops(client: AsyncClient, services: Fakes) -> None:
    async with listening(client, "GET", f"{await path_of(client)}/events") as events:
        names = [(await anext(events))["event"]]
        services.stopping.set()
        names += [event.get("event", "") async for event in events]
    assert names == ["document", ""]


async def test_the_file_comes_back_as_data_that_runs_nothing(client: AsyncClient) -> None:
    path = await path_of(client, "# Heading\n\nText.", name="年报 «1».md")
    reply = await client.get(f"{path}/content")
    assert reply.text == "# Heading\n\nText."
    assert "filename*=UTF-8''%E5%B9%B4%E6%8A%A5%20%C2%AB1%C2%BB.md" in reply.headers["content-disposition"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("sandbox;")


async def test_a_range_of_the_file_is_sent_alone(client: AsyncClient) -> None:
    path = f"{await path_of(client, '0123456789')}/content"
    reply = await client.get(path, headers={"Range": "bytes=2-4"})
    assert (reply.status_code, reply.text, reply.headers["content-range"]) == (206, "234", "bytes 2-4/10")
    head = await client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")


async def test_a_deleted_document_is_not_found(client: AsyncClient) -> None:
    path = await path_of(client)
    assert (await client.delete(path)).status_code == 204
    assert problem_of(await client.get(path)) == (404, "not_found")


@pytest.mark.parametrize("status", ["queued", "processing"])
@pytest.mark.parametrize(
    "force", [{"params": {"force": "true"}}, {"json": {"force": True}}], ids=["query", "body"]
)
async def test_a_document_in_work_is_started_anew_by_force_alone(
    client: AsyncClient, services: Fakes, force: dict[str, dict[str, str]], status: str
) -> None:
    path = await path_of(client)
    if status == "processing":
        assert await services.ledger.claims.claim(path.rpartition("/")[2], "me", 2e9, 30.0, recipe="m/1")
    refused = await client.post(f"{path}/retry", json={"force": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    forced = await client.post(f"{path}/retry", **force)  # type: ignore[arg-type]
    assert (forced.status_code, forced.json()["status"]) == (200, "queued")


@pytest.mark.parametrize("body", [{"json": {"forse": True}}, {"json": {"force": "no"}}, {"json": 1}])
async def test_a_retry_that_does_not_fit_is_refused(
    client: AsyncClient, body: dict[str, dict[str, str]]
) -> None:
    reply = await client.post(f"{await path_of(client)}/retry", **body)  # type: ignore[arg-type]
    assert problem_of(reply) == (400, "bad_request")


async def failed(client: AsyncClient, services: Fakes, text: str = "Hello there.") -> str:
    document_id: str = (await hand_in(client, text)).json()["id"]
    claim = await services.ledger.claims.claim(document_id, "me", 2e9, 30.0, recipe="m/1")
    assert claim is not None
    await services.ledger.claims.fail(claim, Failure("corrupt", "It is broken.", "Mend it."), 2e9)
    return document_id


async def test_failed_documents_are_listed_with_their_cause(client: AsyncClient, services: Fakes) -> None:
    document_id = await failed(client, services)
    await hand_in(client, "Another text.")
    [found] = (await client.get(DOCUMENTS, params={"status": "failed"})).json()["items"]
    assert (found["id"], found["attempts"]["crash"]) == (document_id, 0)
    assert found["error"] == {"code": "corrupt", "message": "It is broken.", "hint": "Mend it."}


async def test_all_failed_documents_are_started_anew(client: AsyncClient, services: Fakes) -> None:
    ids = [await failed(client, services, f"Text {number}.") for number in range(2)]
    elsewhere = await client.post(f"{DOCUMENTS}/retry", params={"collection": "zh"})
    everywhere = await client.post(f"{DOCUMENTS}/retry")
    assert (elsewhere.json(), everywhere.json()) == ({"retried": 0}, {"retried": 2})
    listed = (await client.get(DOCUMENTS, params={"status": "queued"})).json()["items"]
    assert sorted(one["id"] for one in listed) == sorted(ids)


async def test_a_cancelled_document_is_started_anew(client: AsyncClient) -> None:
    path = await path_of(client)
    cancelled = await client.post(f"{path}/cancel")
    retried = await client.post(f"{path}/retry")
    again = await client.post(f"{path}/retry")
    assert (cancelled.json()["status"], retried.json()["status"]) == ("cancelled", "queued")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
