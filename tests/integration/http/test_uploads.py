"""Uploads over a real socket: keys, back-pressure and disks, refused unread where that is possible."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from httpx import AsyncClient

from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.admission import CHECK_EVERY_BYTES, Admission
from kotaemon_async.resilience.capacity import Disk, DiskCapacity
from tests.support.fakes import FORM_KIND, Fakes, files_in, form, hand_in, problem_of, serving

MB = 1024**2
LIMITS = HttpLimits(HttpSettings(max_upload_bytes=20 * MB), linger_s=2.0)
DOCUMENTS = "/api/v1/documents"


@asynccontextmanager
async def begun(client: AsyncClient, key: str, length: int = 5000) -> AsyncIterator[SocketStream]:
    """A request that has sent its head only."""
    async with await anyio.connect_tcp("127.0.0.1", client.base_url.port or 0) as stream:
        head = f"POST {DOCUMENTS} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {key}\r\n"
        kind = f"Content-Length: {length}\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
        await stream.send((head + kind).encode())
        yield stream


async def in_flight(services: Fakes) -> None:
    """Returns once a request has reserved its key."""
    query = "SELECT count(*) FROM idempotency WHERE record IS NULL"
    while not await services.ledger.database.read(lambda conn: conn.execute(query).get):
        await anyio.lowlevel.checkpoint()


async def keys(services: Fakes) -> int:
    query = "SELECT count(*) FROM idempotency"
    found: int = await services.ledger.database.read(lambda conn: conn.execute(query).get)
    return found


async def test_the_same_upload_under_its_key_gets_the_same_reply_marked_as_such(client: AsyncClient) -> None:
    first = await hand_in(client, key="k")
    await client.post(f"{first.headers['location']}/cancel")
    again = await hand_in(client, key='"k"')
    assert (again.status_code, again.content, again.headers["location"]) == (
        *(202, first.content, first.headers["location"]),
    )
    assert [one.headers.get("idempotent-replayed") for one in (first, again)] == [None, "true"]


async def test_a_reply_for_bytes_that_were_there_already_is_kept_too(client: AsyncClient) -> None:
    await hand_in(client, key="first")
    replies = [await hand_in(client, key="second") for _ in range(2)]
    assert [one.status_code for one in replies] == [200, 200]
    assert replies[0].content == replies[1].content


@pytest.mark.parametrize("other", [{"text": "Other words."}, {"collection": "zh"}])
async def test_a_key_is_not_taken_for_another_upload(client: AsyncClient, other: dict[str, str]) -> None:
    await hand_in(client, key="k")
    reply = await hand_in(client, key="k", **other)
    assert problem_of(reply) == (422, "key_reused")


async def test_a_key_in_use_is_refused_before_the_body_is_read(client: AsyncClient, services: Fakes) -> None:
    async with begun(client, "k"):
        await in_flight(services)
        async with begun(client, "k") as second:
            reply = (await second.receive()).decode()
    assert reply.startswith("HTTP/1.1 409 ") and '"code":"key_in_use"' in reply
    assert "\r\nretry-after: 1\r\n" in reply.lower() and "\r\nconnection: close\r\n" in reply.lower()


async def test_a_key_in_use_is_told_also_when_no_place_is_left(client: AsyncClient, services: Fakes) -> None:
    services.admission = Admission(1)
    async with serving(services, LIMITS) as client, begun(client, "k"):
        await in_flight(services)
        assert (await hand_in(client, key="k")).status_code == 409
        assert (await hand_in(client, key="another")).status_code == 429
        assert await keys(services) == 1


async def test_a_key_is_free_again_when_its_sender_leaves(client: AsyncClient, services: Fakes) -> None:
    async with begun(client, "k"):
        await in_flight(services)
    while await keys(services):
        await anyio.lowlevel.checkpoint()
    assert (await hand_in(client, key="k")).status_code == 202


async def test_a_refused_upload_leaves_no_key(client: AsyncClient, services: Fakes) -> None:
    refused = await hand_in(client, "", key="k")
    assert (refused.json()["code"], await keys(services)) == ("empty", 0)
    assert (await hand_in(client, key="k")).status_code == 202


@pytest.mark.parametrize("given", [[""], ['""'], ["k" * 256], ["k", "l"]])
async def test_a_key_that_is_none_is_refused(client: AsyncClient, given: list[str]) -> None:
    headers = [("Idempotency-Key", one) for one in given]
    reply = await client.post(DOCUMENTS, files={"file": ("a.txt", b"text")}, headers=headers)
    assert problem_of(reply) == (400, "bad_request")
    assert (await hand_in(client, key="k" * 255)).status_code == 202


async def test_all_of_many_refused_bodies_get_their_reply(services: Fakes) -> None:
    services.admission, replies = Admission(1), []

    async def upload(client: AsyncClient) -> None:
        replies.append(await hand_in(client, "x" * MB))

    async with (
        serving(services, LIMITS) as client,
        services.admission.upload(),
        anyio.create_task_group() as group,
    ):
        for _ in range(40):
            group.start_soon(upload, client)
    assert {(one.status_code, one.json()["code"]) for one in replies} == {(429, "busy")}
    assert max(int(one.headers["retry-after"]) for one in replies) > 1


def on_a_disk(services: Fakes, *free_bytes: int) -> None:
    """One look after the other finds so much free; 1,000 bytes are kept free."""
    left = list(free_bytes)

    def look() -> Disk:
        return Disk(left.pop(0) if len(left) > 1 else left[0], 100 * 1000**3)

    services.admission = Admission(4, capacity=DiskCapacity(look, floor_bytes=1000, floor_ratio=0.05))


async def test_a_body_that_does_not_fit_on_the_disk_is_refused_unread(services: Fakes) -> None:
    on_a_disk(services, 5000)
    async with serving(services, LIMITS) as client, begun(client, "k", length=4001) as stream:
        reply = (await stream.receive()).decode()
    assert reply.startswith("HTTP/1.1 507 ") and '"code":"disk_full"' in reply
    assert "\r\nretry-after: 30\r\n" in reply.lower()
    assert await keys(services) == 0


async def test_a_body_without_a_length_is_stopped_when_the_disk_fills_up(
    services: Fakes, tmp_path: Path
) -> None:
    on_a_disk(services, 5000, 999)
    async with serving(services, LIMITS) as client:
        body, headers = form(b"x" * MB, 2 * CHECK_EVERY_BYTES // MB), FORM_KIND | {"Idempotency-Key": "k"}
        reply = await client.post(DOCUMENTS, content=body, headers=headers)
    assert (reply.status_code, reply.json()["code"], await keys(services)) == (507, "disk_full", 0)
    assert files_in(tmp_path / "blobs") == []


async def test_a_disk_that_is_full_at_the_end_is_told_and_the_key_is_free(
    client: AsyncClient, services: Fakes
) -> None:
    faults.arm("blobs.after_sync:1:enospc")
    reply = await hand_in(client, key="k")
    assert (reply.status_code, reply.json()["code"], reply.json()["retryable"]) == (507, "disk_full", True)
    assert (await hand_in(client, key="k")).status_code == 202


async def test_a_reply_that_was_lost_after_acceptance_comes_again(client: AsyncClient) -> None:
    faults.arm("library.after_accept:1:raise")
    assert (await hand_in(client, key="k")).status_code == 500
    again = await hand_in(client, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, ""),
        ("reports/2031/a.txt", "reports/2031/a.txt"),
        ("C:\\..\\报告\\a.txt", "报告/a.txt"),
        ("..", ""),
    ],
)
async def test_an_upload_keeps_its_place_inside_a_folder_as_data(
    client: AsyncClient, given: str | None, kept: str
) -> None:
    document = (await hand_in(client, path=given)).json()
    assert (document["path"], document["name"], document["parent_id"]) == (kept, "a.txt", None)
    assert (await client.get(f"{DOCUMENTS}/{document['id']}")).json()["path"] == kept


async def test_a_path_that_is_too_long_is_refused(client: AsyncClient) -> None:
    assert (await hand_in(client, path="章" * 1000)).status_code == 202
    assert problem_of(await hand_in(client, "other", path="章" * 1001)) == (400, "bad_request")


async def test_a_key_is_not_used_for_the_same_file_at_another_place(client: AsyncClient) -> None:
    await hand_in(client, key="k", path="a/b.txt")
    assert problem_of(await hand_in(client, key="k", path="a/c.txt")) == (422, "key_reused")
    assert (await hand_in(client, key="k", path="a/b.txt")).status_code == 202


async def test_documents_are_found_by_words_of_their_path(client: AsyncClient) -> None:
    for text, path in (("one", "Berichte/2031/a.txt"), ("two", "notes/a.txt")):
        await hand_in(client, text, path=path)
    found = (await client.get(DOCUMENTS, params={"q": "BERICHTE/20"})).json()["items"]
    assert [one["path"] for one in found] == ["Berichte/2031/a.txt"]
