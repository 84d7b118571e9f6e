"""Following documents: events, who takes the look at the ledger, and what ends it."""

import anyio
import pytest
from anyio.abc import TaskStatus

from kotaemon_async.documents.changes import Deleted, DocumentChanges
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Document
from kotaemon_async.stores.collections import Change
from tests.support.callers import ALICE, BOB
from tests.support.library import LibraryFixture


async def test_watching_ends_with_the_final_state(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    seen = []
    async for number, state in lib.library.watch(EVERYBODY, document.id):
        seen.append((number, state.status))
        if len(seen) == 1:
            await lib.library.cancel(EVERYBODY, document.id)
    assert seen == [(1, "queued"), (2, "cancelled")]


async def test_events_come_again_when_a_ready_document_is_read_anew(lib: LibraryFixture) -> None:
    document = await lib.ready(b"words")
    last = (await lib.ledger.documents.versioned(document.id))[0]
    assert [state async for state in lib.library.watch(EVERYBODY, document.id, last)] == []
    await lib.library.retry(EVERYBODY, document.id, force=True)
    seen = []
    async for number, state in lib.library.watch(EVERYBODY, document.id, last):
        seen.append((number > last, state.status))
        if len(seen) == 1:
            await lib.work(document.id)
    assert seen == [(True, "queued"), (True, "ready")]


async def test_a_number_from_elsewhere_does_not_silence_the_events(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    await lib.library.cancel(EVERYBODY, document.id)
    assert [number async for number, _ in lib.library.watch(EVERYBODY, document.id, 1000)] == [2]


async def test_watching_shows_that_a_document_waits_for_the_disk_and_that_it_goes_on(
    lib: LibraryFixture,
) -> None:
    document, _ = await lib.hand_in(b"words")
    seen: list[object] = []
    async for _, state in lib.library.watch(EVERYBODY, document.id):
        seen.append((state.waiting_for or {}).get("kind"))
        lib.may_work = len(seen) != 1
        if len(seen) == 3:
            await lib.library.cancel(EVERYBODY, document.id)
    assert seen == ["worker", "disk", "worker", None]


async def test_all_who_watch_take_one_look_together(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    ends: list[str] = []

    async def watch() -> None:
        async for _, state in lib.library.watch(EVERYBODY, document.id):
            ends.append(state.status)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(watch)
        while len(ends) < 50:
            await anyio.lowlevel.checkpoint()
        lib.most_asleep = 0
        await lib.library.cancel(EVERYBODY, document.id)
    assert (ends.count("cancelled"), lib.most_asleep) == (50, 1)


async def test_who_leaves_while_looking_does_not_keep_the_others_waiting(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    ends: list[str] = []

    async def watch(*, task_status: TaskStatus[anyio.CancelScope]) -> None:
        with anyio.CancelScope() as scope:
            async for _, state in lib.library.watch(EVERYBODY, document.id):
                ends.append(state.status)
                if len(ends) < 4:
                    task_status.started(scope)

    async with anyio.create_task_group() as group:
        scopes = [await group.start(watch) for _ in range(3)]
        scopes[0].cancel()
        await lib.library.cancel(EVERYBODY, document.id)
    assert ends == ["queued"] * 3 + ["cancelled"] * 2


async def test_a_deleted_document_ends_its_watching(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    with pytest.raises(Refused, match="no document"):
        async for _ in lib.library.watch(EVERYBODY, document.id):
            await lib.library.delete(EVERYBODY, document.id)


async def test_watching_ends_when_the_document_is_not_to_be_seen_any_more(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words", collection="papers", caller=ALICE)
    await lib.ledger.collections.change(ALICE, "papers", Change(public="read"))
    seen = []
    with anyio.fail_after(60), pytest.raises(Refused, match="no document"):
        async for _, state in lib.library.watch(BOB, document.id):
            seen.append(state.status)
            await lib.ledger.collections.change(ALICE, "papers", Change(public=""))
    assert seen == ["queued"]


async def test_a_foreign_document_is_not_watched(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words", caller=ALICE)
    with pytest.raises(Refused, match="no document"):
        await anext(lib.library.watch(BOB, document.id))


async def test_who_listens_hears_of_what_he_may_see_and_when_that_ends(lib: LibraryFixture) -> None:
    changes = DocumentChanges(lib.ledger.access, sleep=anyio.sleep)
    secret, _ = await lib.hand_in(b"secret", collection="secret", caller=ALICE)
    papers, _ = await lib.hand_in(b"papers", collection="papers", caller=ALICE)
    received = changes.listen(BOB)
    heard: list[object] = []
    with anyio.fail_after(60):
        assert await anext(received) is None
        await lib.library.cancel(ALICE, secret.id)
        for change in (Change(public="read"), Change(public="")):
            await lib.ledger.collections.change(ALICE, "papers", change)
            heard.append(await anext(received))
        await lib.library.delete(ALICE, secret.id)
        own, _ = await lib.hand_in(b"own", caller=BOB)
        heard.append(await anext(received))
    assert [getattr(one, "collection", one) for one in heard] == ["papers", Deleted(papers.id), "default"]
    assert isinstance(heard[2], Document) and heard[2].id == own.id


async def test_a_document_that_is_moved_out_of_sight_is_deleted_for_who_listens(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words", collection="papers", caller=ALICE)
    await lib.ledger.collections.change(ALICE, "papers", Change(public="read"))
    received = DocumentChanges(lib.ledger.access).listen(BOB)
    with anyio.fail_after(60):
        assert await anext(received) is None
        await lib.library.move(ALICE, document.id, "secret")
        assert await anext(received) == Deleted(document.id)
