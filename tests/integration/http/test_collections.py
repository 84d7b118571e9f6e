"""Collections, documents that move between them, and the stream of all documents, over a real ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from kotaemon_async.documents.changes import Deleted, DocumentChanges
from kotaemon_async.domain.model import Document
from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import FakeServices, fake_services, serving
from tests.support.library import LibraryFixture

DOCUMENTS = "/api/v1/documents"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[FakeServices]:
    async with fake_services(tmp_path) as opened:
        opened.changes = DocumentChanges(opened.ledger.documents)
        yield opened


@pytest.fixture
async def client(services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(services, HttpLimits()) as found:
        yield found


@pytest.fixture
def lib(services: FakeServices, tmp_path: Path) -> LibraryFixture:
    """Works on documents of the same ledger and the same files."""
    made = LibraryFixture(tmp_path, services.ledger)
    made.library = services.library
    return made


async def hand_in(client: httpx.AsyncClient, text: str, collection: str = "default") -> str:
    files, data = {"file": ("a.txt", text.encode())}, {"collection": collection}
    return str((await client.post(DOCUMENTS, files=files, data=data)).json()["id"])


async def test_collections_are_listed_with_their_documents(
    client: httpx.AsyncClient, lib: LibraryFixture
) -> None:
    for text, collection in (("one", "b"), ("two", "b"), ("three", "a")):
        last = await hand_in(client, text, collection)
    await lib.work(last)
    found = (await client.get("/api/v1/collections")).json()["items"]
    assert [(one["name"], one["documents"], one["ready"]) for one in found] == [("a", 1, 1), ("b", 2, 0)]


async def test_a_document_moves_without_being_read_anew(
    client: httpx.AsyncClient, lib: LibraryFixture
) -> None:
    document_id = await hand_in(client, "The seal is replaced.")
    await lib.work(document_id)
    before = await lib.ledger.vector_log.end()
    reply = await client.patch(f"{DOCUMENTS}/{document_id}", json={"collection": "new"})
    assert (reply.status_code, reply.json()["collection"], reply.json()["status"]) == (200, "new", "ready")
    entries = await lib.ledger.vector_log.after(before, 10, "m")
    assert [(entry.op, entry.collection) for entry in entries] == [("upsert", "new")]


async def test_a_moved_document_is_logged_once(client: httpx.AsyncClient, lib: LibraryFixture) -> None:
    document_id = await hand_in(client, "The seal is replaced.")
    await lib.work(document_id)
    for collection in ("x", "y", "y"):
        await client.patch(f"{DOCUMENTS}/{document_id}", json={"collection": collection})
    assert await lib.rows("vector_log") == 1


async def test_a_document_does_not_move_to_where_its_twin_stands(client: httpx.AsyncClient) -> None:
    first, second = await hand_in(client, "same", "a"), await hand_in(client, "same", "b")
    reply = await client.patch(f"{DOCUMENTS}/{first}", json={"collection": "b"})
    assert (reply.status_code, reply.json()["code"], second in reply.json()["hint"]) == (
        409,
        "conflict",
        True,
    )


@pytest.mark.parametrize(
    ("document_id", "collection", "status"), [("doc_0", "a", 404), ("", "a/b", 400), ("", "", 400)]
)
async def test_a_wrong_move_is_refused(
    document_id: str, collection: str, status: int, client: httpx.AsyncClient
) -> None:
    there = await hand_in(client, "text")
    path = f"{DOCUMENTS}/{document_id or there}"
    assert (await client.patch(path, json={"collection": collection})).status_code == status


async def test_listeners_hear_of_every_change_and_of_nothing_older(
    services: FakeServices, lib: LibraryFixture
) -> None:
    old, _ = await lib.hand_in(b"old")
    assert services.changes is not None
    told = services.changes.listen()
    with anyio.fail_after(5):
        assert await anext(told) is None
        new, _ = await lib.hand_in(b"new")
        first = await anext(told)
        await lib.library.delete(old.id)
        assert (isinstance(first, Document) and first.id, await anext(told)) == (new.id, Deleted(old.id))


async def test_the_stream_says_open_then_what_changed(client: httpx.AsyncClient) -> None:
    names: list[str] = []
    with anyio.fail_after(5):
        async with client.stream("GET", f"{DOCUMENTS}/events") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    names.append(line.removeprefix("event: "))
                if names == ["open"] and line == "":
                    await hand_in(client, "text")
                if names == ["open", "document"]:
                    break
    assert names == ["open", "document"]
