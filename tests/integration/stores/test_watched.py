"""Followed folders and archives in the ledger: whose a document is, and when nothing is left of it."""

from dataclasses import replace

import pytest

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Page
from kotaemon_async.stores.documents import ListQuery, NewDocument
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.watched import FileState, Taken, WatchedFile, WatchedFolder
from tests.support.ledger import batch_of, make_ready, new_document

STATE = FileState(10, 1_000, 7, 1)


def in_folder(document_id: str, sha256: str | None = None) -> NewDocument:
    return replace(new_document(document_id, sha256=sha256), origin="folder")


async def take(ledger: Ledger, path: bytes, document_id: str, sha256: str | None = None) -> str:
    """The file at the path has been taken; returns its document."""
    taken = Taken("/srv", path, STATE)
    document, _ = await ledger.documents.accept(in_folder(document_id, sha256), 1.0, taken=taken)
    return document.id


async def test_a_taken_file_and_its_document_are_written_together(ledger: Ledger) -> None:
    await take(ledger, b"a.pdf", "doc_1")
    assert await ledger.watched.files("/srv") == {b"a.pdf": WatchedFile(b"a.pdf", STATE, "taken", "doc_1")}
    assert await ledger.watched.unused(10) == []


async def test_a_document_of_two_files_is_used_until_the_last_one_is_gone(ledger: Ledger) -> None:
    await take(ledger, b"a.pdf", "doc_1", "f" * 64)
    assert await take(ledger, b"b.pdf", "doc_2", "f" * 64) == "doc_1"
    await ledger.watched.forget("/srv", b"a.pdf")
    assert await ledger.watched.unused(10) == []
    await ledger.watched.forget("/srv", b"b.pdf")
    assert await ledger.watched.unused(10) == ["doc_1"]


@pytest.mark.parametrize("is_first", [True, False])
async def test_what_somebody_has_sent_is_never_unused(ledger: Ledger, is_first: bool) -> None:
    sent = new_document("doc_0", sha256="f" * 64)
    if is_first:
        await ledger.documents.accept(sent, 1.0)
    await take(ledger, b"a.pdf", "doc_1", "f" * 64)
    await ledger.documents.accept(sent, 2.0)
    await ledger.watched.forget("/srv", b"a.pdf")
    assert await ledger.watched.unused(10) == []


async def test_former_contents_are_used_until_the_new_ones_are_ready(ledger: Ledger) -> None:
    await take(ledger, b"a.pdf", "doc_1")
    await take(ledger, b"a.pdf", "doc_2")
    assert (await ledger.watched.settle("/srv"), await ledger.watched.unused(10)) == (0, [])
    await make_ready(ledger, "doc_2", batch_of([Page(1, "Words.")]))
    assert (await ledger.watched.settle("/srv"), await ledger.watched.unused(10)) == (1, ["doc_1"])


async def test_a_file_that_changes_twice_keeps_what_was_ready_and_not_what_never_was(ledger: Ledger) -> None:
    for document_id in ("doc_1", "doc_2", "doc_3"):
        await take(ledger, b"a.pdf", document_id)
    assert (await ledger.watched.files("/srv"))[b"a.pdf"].replaces == "doc_1"
    assert await ledger.watched.unused(10) == ["doc_2"]


async def test_a_document_that_somebody_deleted_is_remembered_as_deleted(ledger: Ledger) -> None:
    await take(ledger, b"a.pdf", "doc_1")
    await ledger.documents.delete("doc_1")
    assert (await ledger.watched.files("/srv"))[b"a.pdf"] == WatchedFile(b"a.pdf", STATE, "deleted")


async def test_deleting_the_new_contents_leaves_the_former_ones(ledger: Ledger) -> None:
    await take(ledger, b"a.pdf", "doc_1")
    await take(ledger, b"a.pdf", "doc_2")
    await ledger.documents.delete("doc_2")
    assert (await ledger.watched.files("/srv"))[b"a.pdf"] == WatchedFile(b"a.pdf", STATE, "taken", "doc_1")


async def test_a_renamed_file_renames_its_document_and_no_uploaded_one(ledger: Ledger) -> None:
    await ledger.documents.accept(new_document("doc_0", sha256="f" * 64), 1.0)
    await take(ledger, b"a.pdf", "doc_1")
    await take(ledger, b"b.pdf", "doc_2", "f" * 64)
    for old, document_id in ((b"a.pdf", "doc_1"), (b"b.pdf", "doc_0")):
        file = WatchedFile(b"c/" + old, STATE, "taken", document_id)
        await ledger.watched.rename("/srv", old, file, "new.pdf", f"c/{old.decode()}")
    names = [((one := await ledger.documents.get(name)).name, one.path) for name in ("doc_1", "doc_0")]
    assert names == [("new.pdf", "c/a.pdf"), ("file doc_0.pdf", "")]
    assert sorted(await ledger.watched.files("/srv")) == [b"c/a.pdf", b"c/b.pdf"]


async def test_a_folder_is_known_by_its_disk(ledger: Ledger) -> None:
    assert await ledger.watched.folder("/srv") is None
    await ledger.watched.keep_folder("/srv", WatchedFolder(1, 2))
    await ledger.watched.keep_folder("/srv", WatchedFolder(3, 4, 5.0))
    await take(ledger, b"a.pdf", "doc_1")
    await ledger.watched.move_device("/srv", 1, 3)
    assert await ledger.watched.folder("/srv") == WatchedFolder(3, 4, 5.0)
    assert (await ledger.watched.files("/srv"))[b"a.pdf"].state.device == 3


async def member(ledger: Ledger, archive_id: str, document_id: str, sha256: str | None = None) -> None:
    new = replace(new_document(document_id, sha256=sha256), origin="archive", parent_id=archive_id)
    await ledger.documents.accept(new, 1.0)


async def test_members_of_an_archive_are_listed_under_it_and_outlive_it(ledger: Ledger) -> None:
    await ledger.documents.accept(new_document("zip_1"), 1.0)
    await member(ledger, "zip_1", "doc_1")
    listed, _ = await ledger.access.page(EVERYBODY, ListQuery(parent_id="zip_1"))
    assert [(one.id, one.parent_id) for one in listed] == [("doc_1", "zip_1")]
    await ledger.documents.delete("zip_1")
    assert (await ledger.documents.get("doc_1")).parent_id == "zip_1"


async def test_only_what_came_from_one_archive_alone_is_its_own(ledger: Ledger) -> None:
    for name in ("zip_1", "zip_2"):
        await ledger.documents.accept(new_document(name), 1.0)
    await ledger.documents.accept(new_document("doc_0", sha256="e" * 64), 1.0)
    await member(ledger, "zip_1", "doc_1")
    await member(ledger, "zip_1", "doc_2", "f" * 64)
    await member(ledger, "zip_2", "doc_3", "f" * 64)
    await member(ledger, "zip_1", "doc_4", "e" * 64)
    assert await ledger.watched.own_members("zip_1") == ["doc_1"]


async def test_the_use_of_nested_archives_is_counted_from_the_outermost(ledger: Ledger) -> None:
    await ledger.documents.accept(new_document("zip_1"), 1.0)
    await member(ledger, "zip_1", "zip_2")
    await member(ledger, "zip_2", "zip_3")
    await member(ledger, "zip_1", "doc_1")
    use = [await ledger.documents.archive_use(name) for name in ("zip_1", "zip_3")]
    assert [(one.depth, one.members, one.size_bytes) for one in use] == [(0, 3, 30), (2, 3, 30)]
