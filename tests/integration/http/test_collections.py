"""Collections, documents that move between them, and the stream of all documents, over a real ledger."""

from pathlib import Path

import anyio
import pytest
from httpx import AsyncClient

from kotaemon_async.documents.changes import Deleted
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Document
from tests.support.fakes import Fakes, hand_in, listening, problem_of
from tests.support.library import LibraryFixture

DOCUMENTS = "/api/v1/documents"


@pytest.fixture
def lib(services: Fakes, tmp_path: Path) -> LibraryFixture:
    """Works on documents of the same ledger and the same files."""
    made = LibraryFixture(tmp_path, services.ledger)
    made.library = services.library
    return made


async def begun(client: AsyncClient, text: str, collection: str = "default") -> str:
    return str((await hand_in(client, text, collection)).json()["id"])


async def test_collections_are_listed_with_their_documents(client: AsyncClient, lib: LibraryFixture) -> None:
    for text, collection in (("one", "b"), ("two", "b"), ("three", "a")):
        last = await begun(client, text, collection)
    await lib.work(last)
    found = (await client.get("/api/v1/collections")).json()["items"]
    assert [(one["name"], one["documents"], one["ready"]) for one in found] == [("a", 1, 1), ("b", 2, 0)]


async def test_a_document_moves_without_being_read_anew(client: AsyncClient, lib: LibraryFixture) -> None:
    document_id = await begun(client, "The seal is replaced.")
    await lib.work(document_id)
    before = await lib.ledger.vector_log.end()
    reply = await client.patch(f"{DOCUMENTS}/{document_id}", json={"collection": "new"})
    assert (reply.status_code, reply.json()["collection"], reply.json()["status"]) == (200, "new", "ready")
    entries = await lib.ledger.vector_log.after(before, 10, "m")
    assert [(entry.op, entry.collection) for entry in entries] == [("upsert", "new")]


async def test_a_moved_document_is_logged_once(client: AsyncClient, lib: LibraryFixture) -> None:
    document_id = await begun(client, "The seal is replaced.")
    await lib.work(document_id)
    for collection in ("x", "y", "y"):
        await client.patch(f"{DOCUMENTS}/{document_id}", json={"collection": collection})
    assert await lib.rows("vector_log") == 1


async def test_a_document_does_not_move_to_where_its_twin_stands(client: AsyncClient) -> None:
    first, second = await begun(client, "same", "a"), await begun(client, "same", "b")
    reply = await client.patch(f"{DOCUMENTS}/{first}", json={"collection": "b"})
    assert problem_of(reply) == (409, "conflict") and second in reply.json()["hint"]


@pytest.mark.parametrize(
    ("document_id", "collection", "status"), [("doc_0", "a", 404), ("", "a/b", 400), ("", "", 400)]
)
async def test_a_wrong_move_is_refused(
    document_id: str, collection: str, status: int, client: AsyncClient
) -> None:
    there = await begun(client, "text")
    path = f"{DOCUMENTS}/{document_id or there}"
    assert (await client.patch(path, json={"collection": collection})).status_code == status


async def test_listeners_hear_of_every_change_and_of_nothing_older(
    services: Fakes, lib: LibraryFixture
) -> None:
    old, _ = await lib.hand_in(b"old")
    received = services.changes.listen(EVERYBODY)
    with anyio.fail_after(60):
        assert await anext(received) is None
        new, _ = await lib.hand_in(b"new")
        first = await anext(received)
        await lib.library.delete(EVERYBODY, old.id)
        assert (isinstance(first, Document) and first.id, await anext(received)) == (new.id, Deleted(old.id))


async def test_the_stream_says_open_then_what_changed(client: AsyncClient) -> None:
    with anyio.fail_after(60):
        async with listening(client, "GET", f"{DOCUMENTS}/events") as events:
            names = [(await anext(events))["event"]]
            await begun(client, "text")
            names.append((await anext(events))["event"])
    assert names == ["open", "document"]
