"""Accepting, listing and removing documents over a real ledger and real files."""

from pathlib import Path

import anyio
import pytest

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import BadDocument, LeaseLost, Refused
from kotaemon_async.domain.model import Document, Failure
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.documents import ListQuery
from tests.support.library import TRACE, LibraryFixture


async def test_an_accepted_document_is_in_the_ledger_and_its_bytes_are_under_their_hash(
    lib: LibraryFixture,
) -> None:
    document, is_new = await lib.hand_in(b"plain words to keep")
    _, path = await lib.library.content(EVERYBODY, document.id)
    assert is_new and document.status == "queued" and document.trace_id == TRACE.trace_id
    assert path.read_bytes() == b"plain words to keep" and lib.files() == [document.sha256]
    assert lib.wake_ups == 1


async def test_sixteen_uploads_of_one_file_at_once_are_one_document(lib: LibraryFixture) -> None:
    ids = set()

    async def upload() -> None:
        ids.add((await lib.hand_in(b"the same words"))[0].id)

    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(upload)
    assert len(ids) == 1 and len(lib.files()) == 1


async def test_sixteen_uploads_of_sixteen_files_at_once_are_sixteen_documents(lib: LibraryFixture) -> None:
    async with anyio.create_task_group() as group:
        for number in range(16):
            group.start_soon(lib.hand_in, f"words of file {number}".encode())
    assert (await lib.rows("documents"), len(lib.files())) == (16, 16)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"\x7fELF\x02" + bytes(50), "unsupported_format"), (b"", "empty"), (b"x" * 1001, "too_large")],
)
async def test_a_refused_file_leaves_nothing(lib: LibraryFixture, data: bytes, code: str) -> None:
    with pytest.raises((Refused, BadDocument)) as refused:
        await lib.hand_in(data)
    assert (refused.value.code, lib.files()) == (code, [])


async def test_a_collection_with_a_strange_name_is_refused(lib: LibraryFixture) -> None:
    with pytest.raises(Refused, match="collection"):
        await lib.hand_in(b"words", collection="../x")


async def test_a_file_is_kept_while_another_collection_uses_it(lib: LibraryFixture) -> None:
    first, _ = await lib.hand_in(b"shared words", collection="one")
    second, _ = await lib.hand_in(b"shared words", collection="two")
    await lib.library.delete(EVERYBODY, first.id)
    assert lib.files() == [second.sha256]
    await lib.library.delete(EVERYBODY, second.id)
    assert lib.files() == []


async def test_a_cancelled_document_can_be_started_anew(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    await lib.library.cancel(EVERYBODY, document.id)
    again = await lib.library.retry(EVERYBODY, document.id)
    assert (again.status, again.version) == ("queued", 2)
    with pytest.raises(Refused, match="only a failed or cancelled"):
        await lib.library.retry(EVERYBODY, document.id)


async def test_without_room_to_work_unfinished_documents_wait_for_the_disk(lib: LibraryFixture) -> None:
    unfinished, _ = await lib.hand_in(b"some words")
    finished = await lib.ready(b"other words")
    lib.may_work = False
    found, _ = await lib.library.page_of(EVERYBODY, ListQuery())
    assert {one.id: one.waiting_for for one in found} == {unfinished.id: {"kind": "disk"}, finished.id: None}
    assert (await lib.library.get(EVERYBODY, unfinished.id)).waiting_for == {"kind": "disk"}


async def test_all_failed_documents_of_a_collection_are_started_anew(lib: LibraryFixture) -> None:
    broken = Failure("corrupt", "It is broken.", "Mend it.")
    ids = [(await lib.hand_in(b"%d" % n, collection="en" if n else "zh"))[0].id for n in range(3)]
    for document_id in ids:
        await lib.work(document_id, broken)
    assert await lib.library.retry_failed(EVERYBODY, "en") == 2
    assert [(await lib.library.get(EVERYBODY, one)).status for one in ids] == ["failed", "queued", "queued"]
    assert (
        await lib.library.retry_failed(EVERYBODY, None),
        await lib.library.retry_failed(EVERYBODY, None),
    ) == (1, 0)


async def test_a_document_deleted_while_it_is_worked_on_leaves_nothing(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    claim = await lib.ledger.claims.claim(document.id, "me", 1.0, 30.0, recipe="m/1")
    await lib.library.delete(EVERYBODY, document.id)
    assert claim is not None
    with pytest.raises(LeaseLost):
        await lib.ledger.claims.to_indexing(claim, 1.0)
    assert [await lib.rows(table) for table in ("documents", "pages", "chunks")] == [0, 0, 0]
    assert lib.files() == []


async def test_a_document_deleted_while_it_is_read_anew_leaves_nothing(lib: LibraryFixture) -> None:
    document = await lib.ready(b"words")
    await lib.library.retry(EVERYBODY, document.id, force=True)
    assert await lib.rows("chunks") == 1
    await lib.library.delete(EVERYBODY, document.id)
    assert [await lib.rows(table) for table in ("documents", "pages", "chunks", "keywords")] == [0] * 4
    assert lib.files() == []


async def test_bytes_that_are_uploaded_while_their_document_is_deleted_keep_their_file(
    lib: LibraryFixture,
) -> None:
    for _ in range(20):
        document, _ = await lib.hand_in(b"words")
        async with anyio.create_task_group() as group:
            group.start_soon(lib.library.delete, EVERYBODY, document.id)
            group.start_soon(lib.hand_in, b"words")
        await lib.hand_in(b"words")
        assert lib.files() == [document.sha256]


async def test_an_upload_waits_for_a_deletion_by_another_process(lib: LibraryFixture, tmp_path: Path) -> None:
    other = Blobs(lib.folder, 1000)
    accepted: list[Document] = []

    async def upload() -> None:
        accepted.append((await lib.hand_in(b"words"))[0])

    lib.last_sleep = 3
    async with anyio.create_task_group() as group:
        async with other.turn():
            group.start_soon(upload)
            while lib.sleeps < 3:
                await anyio.lowlevel.checkpoint()
            assert (accepted, await lib.rows("documents")) == ([], 0)
        lib.go_on.set()
    assert lib.files() == [accepted[0].sha256]


async def test_stray_files_are_swept_at_the_start_and_used_ones_are_not(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words")
    (lib.folder / "incoming" / "torn").write_bytes(b"half")
    stray = lib.folder / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    assert await lib.blobs.sweep(await lib.ledger.documents.blobs()) == 2
    assert lib.files() == [document.sha256]
