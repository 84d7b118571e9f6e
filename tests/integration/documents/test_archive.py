"""ZIP archives: each file becomes a document, once, with its path, and what cannot be one is named."""

import pytest

from kotaemon_async.documents import archive
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Document
from kotaemon_async.resilience import faults
from kotaemon_async.stores.documents import ListQuery
from tests.support.archives import flagged, zipped
from tests.support.ingest import IngestFixture

#: Of the questions whether there is room to work, one between two members of the second unit.
STOP_AT = 58
MEMBERS = {"reports/2031/a.txt": "The harbour opened in spring.", "b.md": "# Cranes\n\nThey lift ten tons."}
SIXTY = {f"{n}.txt": f"Words of file {n}." for n in range(60)}


async def all_documents(rig: IngestFixture) -> list[Document]:
    """All documents, by path."""
    found, _ = await rig.ledger.access.page(EVERYBODY, ListQuery(limit=200))
    return sorted(found, key=lambda one: (one.path, one.name))


async def names(rig: IngestFixture, end: str = "") -> list[str]:
    """The names of all documents that end so, in order."""
    return sorted(one.name for one in await all_documents(rig) if one.name.endswith(end))


async def work(rig: IngestFixture) -> None:
    """Everything that is due is done, and the index has followed."""
    while due := await rig.ledger.documents.due(rig.clock(), 100):
        for one in due:
            await rig.worker().run(one.document_id)
        rig.clock.now_s += 1
    await rig.ledger.vector_log.advance("g", "m", await rig.ledger.vector_log.end(), 5.0)


async def unpacked(rig: IngestFixture, document_id: str) -> int:
    """How many documents of different paths there are, none twice, once the archive is read to its end."""
    await rig.worker().run(document_id)
    assert (await rig.ledger.documents.get(document_id)).stage == "indexing"
    documents = await all_documents(rig)
    assert len(documents) == len({one.path for one in documents})
    return len(documents)


async def hand_in(rig: IngestFixture, data: bytes, name: str = "papers.zip") -> Document:
    """The archive once all work is done."""
    document_id = await rig.hand_in(data, name)
    await work(rig)
    return await rig.ledger.documents.get(document_id)


def said(document: Document) -> dict[str, str]:
    """What is said of each member that is no document."""
    return {place.label: one.message for one in document.warnings for place in one.places}


async def test_members_become_documents_and_the_archive_lists_them(rig: IngestFixture) -> None:
    document = await hand_in(rig, zipped(MEMBERS))
    assert (document.status, document.warnings, document.chunks_done) == ("ready", (), 0)
    members, _ = await rig.ledger.access.page(EVERYBODY, ListQuery(parent_id=document.id))
    assert {(one.path, one.name, one.status, one.parent_id) for one in members} == {
        ("papers.zip/reports/2031/a.txt", "a.txt", "ready", document.id),
        ("papers.zip/b.md", "b.md", "ready", document.id),
    }
    texts = await rig.ledger.documents.page_texts([(document.id, 1)])
    assert texts[document.id, 1] == "reports/2031/a.txt (29 bytes)\nb.md (29 bytes)"


async def test_what_cannot_be_a_document_is_named_with_why(rig: IngestFixture) -> None:
    programs = {"a.exe": b"\x7fELF\2\1\1" + bytes(400), "b.exe": b"\x7fELF\2\1\1" + bytes(401)}
    data = zipped({**programs, "empty.txt": b"", "good.txt": b"Good words.", "secret.txt": b"secret"})
    document = await hand_in(rig, flagged(data, 1, "secret.txt"))
    assert document.status == "ready" and await names(rig) == ["good.txt", "papers.zip"]
    assert said(document) == {
        **dict.fromkeys(programs, "The file seems to be a program, which cannot be read."),
        "empty.txt": "The file holds no bytes.",
        "secret.txt": "The file is protected by a password.",
    }
    assert [one.code for one in document.warnings] == ["part_skipped"] * 3


async def test_archives_in_archives_are_unpacked_to_a_depth(rig: IngestFixture) -> None:
    data = zipped({"deepest.txt": "The deepest words."})
    for depth in range(archive.MAX_DEPTH + 1, 0, -1):
        data = zipped({f"{depth}.zip": data, f"{depth}.txt": f"Words at depth {depth}."})
    await hand_in(rig, data, "0.zip")
    assert await names(rig, ".zip") == ["0.zip", "1.zip", "2.zip", "3.zip"]
    documents = {one.path: one for one in await all_documents(rig)}
    assert said(documents["0.zip/1.zip/2.zip/3.zip"]) == {"4.zip": "The archive lies too deep in others."}
    assert {"0.zip/1.zip/2.zip/3.zip/4.txt", "0.zip/1.txt"} <= documents.keys()


async def test_the_same_archive_twice_in_another_is_one(rig: IngestFixture) -> None:
    inner = zipped({"a.txt": "The same words."})
    await hand_in(rig, zipped({"one.zip": inner, "two.zip": inner, "a.txt": "The same words."}))
    assert await names(rig) == ["a.txt", "one.zip", "papers.zip"]


async def test_no_more_comes_out_of_all_archives_together_than_may(
    rig: IngestFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 4)
    inner = {name: zipped({f"{name}{n}.txt": f"Words {name} {n}." for n in range(3)}) for name in "ab"}
    await hand_in(rig, zipped({f"{name}.zip": data for name, data in inner.items()}))
    documents = await all_documents(rig)
    left = [label for one in documents for label, why in said(one).items() if why.startswith("More files")]
    assert (len(documents), len(left)) == (5, 4)


@pytest.mark.parametrize("point", ["library.after_accept", "ingest.before_commit", "ingest.after_commit"])
@pytest.mark.parametrize("count", [1, 2])
async def test_an_archive_that_failed_half_way_is_retried_and_doubles_nothing(
    rig: IngestFixture, point: str, count: int
) -> None:
    document_id = await rig.hand_in(zipped(SIXTY), "a.zip")
    faults.arm(f"{point}:{count}:raise")
    await rig.worker().run(document_id)
    faults.arm("")
    assert (await rig.ledger.documents.get(document_id)).status == "failed"
    await rig.library.retry(EVERYBODY, document_id)
    assert await unpacked(rig, document_id) == 61


async def test_a_stop_between_two_members_is_gone_on_from_the_last_unit(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(zipped(SIXTY), "a.zip")
    asked = 0

    def may_work() -> bool:
        nonlocal asked
        asked += 1
        if asked == STOP_AT:
            worker.stop()
        return True

    worker = rig.worker(may_work=may_work)
    await worker.run(document_id)
    stopped = await rig.ledger.documents.get(document_id)
    assert (stopped.status, stopped.pages_done, stopped.attempts.shutdown) == ("queued", 1, 1)
    assert await unpacked(rig, document_id) == 61


async def test_a_protected_or_broken_archive_fails(rig: IngestFixture) -> None:
    data = zipped({"a.txt": "Some words."})
    protected, broken = await hand_in(rig, flagged(data, 1)), await hand_in(rig, data[:-30], "b.zip")
    assert protected.error and protected.error.code == "encrypted"
    assert broken.error and broken.error.code == "corrupt"


async def test_members_outlive_their_archive_and_come_back_with_it(rig: IngestFixture) -> None:
    document = await hand_in(rig, zipped(MEMBERS))
    await rig.library.delete(EVERYBODY, document.id)
    assert await names(rig) == ["a.txt", "b.md"]
    await hand_in(rig, zipped(MEMBERS))
    assert await names(rig) == ["a.txt", "b.md", "papers.zip"]


async def test_paths_that_climb_and_names_that_hide_are_data(rig: IngestFixture) -> None:
    odd = {
        "../../etc/x.txt": "1.",
        "C:\\y\\z.txt": "2.",
        "a\u202etxt.exe.txt": "3.",
        "n" * 300 + ".txt": "4.",
    }
    await hand_in(rig, zipped(odd))
    paths = [one.path for one in await all_documents(rig) if one.path]
    assert (paths[0], paths[1]) == ("papers.zip/atxt.exe.txt", "papers.zip/etc/x.txt")
    assert paths[3] == "papers.zip/y/z.txt"
    assert [len(one) for one in await names(rig, "n.txt")] == [255]
