"""Which documents a caller sees, and which he may change."""

from dataclasses import replace

import pytest

from kotaemon_async.domain.callers import EVERYBODY, SERVICE, Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Filters, Page, Scope
from kotaemon_async.stores.collections import Change, Share
from kotaemon_async.stores.documents import ListQuery
from kotaemon_async.stores.ledger import Ledger
from tests.support.callers import ADMIN, ALICE, BOB, a_user
from tests.support.ledger import batch_of, make_ready, new_document


async def hand_in(ledger: Ledger, document_id: str, caller: Caller, collection: str = "default") -> None:
    await ledger.documents.accept(new_document(document_id, collection=collection, caller=caller), 1.0)


async def share(ledger: Ledger, name: str, *, write: bool = False) -> None:
    await ledger.collections.change(ALICE, name, Change(shares=(Share("user", "bob", write),)))


async def refusal(
    ledger: Ledger, caller: Caller, document_id: str, *, write: bool = False
) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        await ledger.access.document(caller, document_id, write=write)
    return caught.value.code, caught.value.message


async def test_everybody_and_admins_read_everything(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    for caller in (EVERYBODY, SERVICE, ADMIN):
        assert await ledger.access.readable(caller) is None
        assert (await ledger.access.document(caller, "doc_1", write=True)).collection == "default@alice"


async def test_a_user_reads_what_is_his_shared_or_public(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "papers")
    await hand_in(ledger, "doc_2", ALICE, "secret")
    await hand_in(ledger, "doc_3", EVERYBODY, "open")
    await share(ledger, "papers")
    assert await ledger.access.readable(BOB) == ("open", "papers")
    assert await ledger.access.writable(BOB) == ("open",)
    assert await ledger.access.readable(a_user("carol")) == ("open",)


async def test_a_foreign_document_is_refused_as_one_that_is_not_there(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    for write in (False, True):
        code, said = await refusal(ledger, BOB, "doc_1", write=write)
        assert (code, said.replace("doc_1", "doc_2")) == await refusal(ledger, BOB, "doc_2", write=write)


async def test_what_is_only_to_be_read_is_not_changed(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "papers")
    await share(ledger, "papers")
    assert (await ledger.access.document(BOB, "doc_1")).id == "doc_1"
    assert (await refusal(ledger, BOB, "doc_1", write=True))[0] == "forbidden"
    await share(ledger, "papers", write=True)
    assert (await ledger.access.document(BOB, "doc_1", write=True)).id == "doc_1"


async def test_his_own_default_is_called_default(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    assert (await ledger.access.document(ALICE, "doc_1")).collection == "default"
    (found,), _ = await ledger.access.page(ALICE, ListQuery(collection="default"))
    assert (found.id, found.collection) == ("doc_1", "default")


async def test_a_scope_is_all_that_may_be_read(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    await hand_in(ledger, "doc_2", BOB, "b")
    assert await ledger.access.scope(ALICE) == Scope(("default@alice",))
    assert await ledger.access.scope(ADMIN) == Scope(None)
    assert await ledger.access.scope(a_user("carol")) == Scope(())


@pytest.mark.parametrize("name", ["b", "nowhere", "default@bob", "default@nobody", "a/b"])
async def test_a_foreign_collection_is_an_empty_scope_as_one_that_is_not_there(
    ledger: Ledger, name: str
) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    await hand_in(ledger, "doc_2", BOB, "b")
    await hand_in(ledger, "doc_3", BOB)
    assert await ledger.access.scope(ALICE, name) == Scope(())


async def test_foreign_documents_are_left_out_of_a_scope_as_those_that_are_not_there(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "a")
    await hand_in(ledger, "doc_2", BOB, "b")
    given = ("doc_1", "doc_2", "doc_9")
    assert await ledger.access.scope(ALICE, None, given) == Scope(("a",), ("doc_1",))
    assert await ledger.access.scope(ALICE, None, given[1:]) == Scope((), ())
    assert await ledger.access.scope(ALICE, "a", given) == Scope(("a",), ("doc_1",))
    assert await ledger.access.scope(ADMIN, None, given) == Scope(None, given)


async def test_a_list_holds_what_may_be_read(ledger: Ledger) -> None:
    for number, caller in enumerate((ALICE, BOB, ALICE)):
        await hand_in(ledger, f"doc_{number}", caller)
    ids = [one.id for one in (await ledger.access.page(ALICE, ListQuery()))[0]]
    assert ids == ["doc_2", "doc_0"]
    assert (await ledger.access.page(ALICE, ListQuery(collection="default@bob")))[0] == []


async def test_members_of_a_foreign_archive_are_not_listed_by_it(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_zip", ALICE, "a")
    member = new_document("doc_1", collection="a", caller=SERVICE, parent_id="doc_zip")
    await ledger.documents.accept(member, 1.0)
    assert [one.id for one in (await ledger.access.page(ALICE, ListQuery(parent_id="doc_zip")))[0]] == [
        "doc_1"
    ]
    await hand_in(ledger, "doc_b", BOB, "b")
    await ledger.collections.change(BOB, "b", Change(public="write"))
    await ledger.documents.move(ALICE, "doc_1", "b", 2.0)
    assert (await ledger.access.page(BOB, ListQuery(parent_id="doc_zip")))[0] == []
    assert (await ledger.access.document(BOB, "doc_1")).parent_id is None
    assert (await ledger.access.document(ALICE, "doc_1")).parent_id == "doc_zip"


async def test_members_come_to_where_their_archive_stands_by_now(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_zip", ALICE, "a")
    await ledger.documents.move(ALICE, "doc_zip", "elsewhere", 2.0)
    member = new_document("doc_1", collection="a", caller=SERVICE, parent_id="doc_zip")
    document, _ = await ledger.documents.accept(member, 3.0)
    assert document.collection == "elsewhere"
    await ledger.documents.delete("doc_zip")
    with pytest.raises(Refused, match="doc_zip"):
        await ledger.documents.accept(
            new_document("doc_2", collection="a", caller=SERVICE, parent_id="doc_zip"), 4.0
        )


async def test_events_are_those_of_what_may_be_read(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    await hand_in(ledger, "doc_2", BOB)
    assert await ledger.access.events({ALICE: None, BOB: ["doc_1", "doc_2"], ADMIN: None}) == {
        ALICE: {"doc_1": 1},
        BOB: {"doc_2": 1},
        ADMIN: {"doc_1": 1, "doc_2": 1},
    }


async def test_the_same_bytes_of_two_users_are_two_documents(ledger: Ledger) -> None:
    for caller in (ALICE, BOB):
        new = new_document(f"doc_{caller.user}", sha256="f" * 64, caller=caller)
        document, is_new = await ledger.documents.accept(new, 1.0)
        assert (document.id, is_new) == (f"doc_{caller.user}", True)


async def test_a_document_of_several_is_his_to_read(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE)
    await hand_in(ledger, "doc_2", BOB)
    found = await ledger.access.several(ALICE, ["doc_1", "doc_2", "doc_3"])
    assert [(one.id, one.collection) for one in found] == [("doc_1", "default")]


async def test_a_document_that_was_moved_is_not_found_where_it_stood(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "papers")
    await make_ready(ledger, "doc_1", batch_of([Page(1, "The seal is replaced.")]))
    (chunk,) = [entry.chunk_id for entry in await ledger.vector_log.after(0, 10, "m")]
    await ledger.documents.move(ALICE, "doc_1", "secret", 9.0)
    for name, found in (("papers", []), ("secret", [chunk])):
        assert list(await ledger.documents.searchable([chunk], Scope((name,)))) == found
        assert list(await ledger.documents.passages([chunk], Scope((name,)))) == found


async def test_a_passage_is_found_in_the_documents_that_are_named(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "papers")
    await make_ready(ledger, "doc_1", batch_of([Page(1, "The seal is replaced.")]))
    (chunk,) = [entry.chunk_id for entry in await ledger.vector_log.after(0, 10, "m")]
    both = Scope(("papers",), ("doc_1",)), Scope(None, ("doc_2", "doc_1"))
    for scope in both:
        assert list(await ledger.documents.searchable([chunk], scope)) == [chunk]
        assert list(await ledger.documents.passages([chunk], scope)) == [chunk]
    for scope in (Scope(("papers",), ("doc_2",)), Scope(("secret",), ("doc_1",)), Scope(())):
        assert not await ledger.documents.searchable([chunk], scope)
        assert not await ledger.documents.passages([chunk], scope)


async def hand_in_named(ledger: Ledger, number: int, name: str, collection: str, media_type: str) -> None:
    new = replace(new_document(f"doc_{number}", collection=collection, caller=ALICE), name=name)
    await ledger.documents.accept(replace(new, media_type=media_type), float(number))


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(media_types=("text/plain",)), ("doc_3", "doc_1")),
        (Filters(names=("PÚMP",)), ("doc_2", "doc_1")),
        (Filters(names=("pump", "note")), ("doc_3", "doc_2", "doc_1")),
        (Filters(created_after_s=2.0), ("doc_4", "doc_3", "doc_2")),
        (Filters(created_before_s=2.0), ("doc_1",)),
        (Filters(created_after_s=2.0, created_before_s=4.0, media_types=("text/plain",)), ("doc_3",)),
        (Filters(collections=("papers",), names=("p",)), ("doc_2",)),
        (Filters(names=("nowhere",)), None),
        (Filters(created_after_s=3.0, created_before_s=2.0), None),
    ],
)
async def test_filters_leave_documents_out(
    filters: Filters, found: tuple[str, ...] | None, ledger: Ledger
) -> None:
    await hand_in_named(ledger, 1, "pump.txt", "manuals", "text/plain")
    await hand_in_named(ledger, 2, "Pump two.pdf", "papers", "application/pdf")
    await hand_in_named(ledger, 3, "note.txt", "manuals", "text/plain")
    await hand_in_named(ledger, 4, "sheet.xls", "papers", "application/vnd.ms-excel")
    scope = await ledger.access.scope(ALICE, None, (), filters)
    assert (scope.document_ids if scope.collections != () else None) == found


async def test_filters_that_leave_nothing_out_name_no_documents(ledger: Ledger) -> None:
    await hand_in_named(ledger, 1, "pump.txt", "manuals", "text/plain")
    assert await ledger.access.scope(ALICE, None, (), Filters(names=("pump",))) == Scope(("manuals",))


@pytest.mark.parametrize("collections", [("papers",), ("papers", "open"), ("nowhere",)])
async def test_filters_never_show_what_is_not_ones_own(collections: tuple[str, ...], ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "papers")
    await hand_in(ledger, "doc_2", EVERYBODY, "open")
    for filters in (Filters(collections), Filters(collections, created_after_s=0.0)):
        scope = await ledger.access.scope(BOB, None, (), filters)
        assert scope == Scope(("open",) if "open" in collections else ())


async def test_filters_and_a_scope_hold_together(ledger: Ledger) -> None:
    await hand_in_named(ledger, 1, "pump.txt", "manuals", "text/plain")
    await hand_in_named(ledger, 2, "pump.pdf", "manuals", "application/pdf")
    for caller in (ALICE, ADMIN):
        wanted = Filters(media_types=("text/plain",))
        scope = await ledger.access.scope(caller, None, ("doc_2",), wanted)
        assert scope.collections == ()
        scope = await ledger.access.scope(caller, "manuals", ("doc_1", "doc_2"), wanted)
        assert scope.document_ids == ("doc_1",)


async def test_an_admin_may_name_a_collection_among_all(ledger: Ledger) -> None:
    await hand_in(ledger, "doc_1", ALICE, "papers")
    assert await ledger.access.scope(ADMIN, None, (), Filters(("papers",))) == Scope(("papers",))
