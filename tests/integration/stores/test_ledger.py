"""The ledger over a real SQLite file."""

from dataclasses import replace
from itertools import pairwise

import pytest

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import LeaseLost, Refused
from kotaemon_async.domain.model import Answer, Document, DocumentWarning, Failure, Locator, Page, Scope
from kotaemon_async.stores.claims import Claim
from kotaemon_async.stores.documents import ListQuery, Named, NewDocument, Shelf
from kotaemon_async.stores.ledger import Ledger
from tests.support.ledger import batch_of, claimed, make_ready, new_document, word_batch

PAGES = [Page(1, "Oxygen is a chemical element.\n\n水的密度很稳定。"), Page(2, "The Rhine flows to the sea.")]


def a_file(number: int = 1, *, collection: str = "default", sha256: str | None = None) -> NewDocument:
    return new_document(f"doc_{number}", collection=collection, sha256=sha256)


async def begun(ledger: Ledger) -> Claim:
    await ledger.documents.accept(a_file(), 1.0)
    return await claimed(ledger)


async def ready(ledger: Ledger) -> Document:
    await ledger.documents.accept(a_file(), 1.0)
    return await make_ready(ledger, "doc_1", batch_of(PAGES))


async def test_the_same_bytes_in_one_collection_are_one_document(ledger: Ledger) -> None:
    first, first_is_new = await ledger.documents.accept(a_file(1, sha256="f" * 64), 1.0)
    again, again_is_new = await ledger.documents.accept(a_file(2, sha256="f" * 64), 2.0)
    other, _ = await ledger.documents.accept(a_file(3, sha256="f" * 64, collection="other"), 3.0)
    assert (first_is_new, again_is_new) == (True, False)
    assert (again.id, other.id) == (first.id, "doc_3")


async def test_the_bytes_of_a_failed_document_start_it_anew(ledger: Ledger) -> None:
    await ledger.claims.fail(await begun(ledger), Failure("corrupt", "It is broken.", "Mend it."), 3.0)
    document, is_new = await ledger.documents.accept(a_file(2, sha256=a_file().sha256), 4.0)
    assert (document.id, document.status, document.error, is_new) == ("doc_1", "queued", None, True)


async def test_only_one_worker_gets_a_document(ledger: Ledger) -> None:
    await ledger.documents.accept(a_file(), 1.0)
    assert (await claimed(ledger)).document.status == "processing"
    assert await ledger.claims.claim("doc_1", "another", 2.0, 30.0, recipe="m/1") is None


async def test_an_expired_lease_is_taken_over_and_the_old_owner_is_fenced_off(ledger: Ledger) -> None:
    await ledger.documents.accept(a_file(), 1.0)
    old, new = await claimed(ledger), await claimed(ledger, now_s=40.0)
    assert new.recovered and new.token > old.token
    with pytest.raises(LeaseLost):
        await ledger.claims.commit_batch(old, batch_of(PAGES), 41.0)
    assert await ledger.claims.commit_batch(new, batch_of(PAGES), 42.0) == 2


async def test_a_page_is_never_committed_twice(ledger: Ledger) -> None:
    claim = await begun(ledger)
    assert await ledger.claims.commit_batch(claim, batch_of(PAGES[:1], 2), 3.0) == 1
    with pytest.raises(LeaseLost):
        await ledger.claims.commit_batch(claim, batch_of(PAGES[:1], 2), 4.0)
    assert await ledger.claims.commit_batch(claim, batch_of(PAGES[1:], 2), 5.0) == 2
    assert (await ledger.documents.get("doc_1")).chunks_done == len(
        await ledger.vector_log.after(0, 100, "m")
    )


async def test_a_document_is_ready_when_the_follower_has_passed_its_last_entry(ledger: Ledger) -> None:
    claim = await begun(ledger)
    await ledger.claims.commit_batch(claim, batch_of(PAGES), 3.0)
    await ledger.claims.to_indexing(claim, 4.0)
    assert await ledger.vector_log.advance("g1", "m", await ledger.vector_log.end() - 1, 5.0) == []
    assert await ledger.vector_log.advance("g1", "m", await ledger.vector_log.end(), 6.0) == ["doc_1"]
    assert (await ledger.documents.get("doc_1")).ready_at_s == 6.0


async def test_a_document_whose_last_entry_was_passed_early_becomes_ready_all_the_same(
    ledger: Ledger,
) -> None:
    claim = await begun(ledger)
    await ledger.claims.commit_batch(claim, batch_of(PAGES), 3.0)
    end = await ledger.vector_log.end()
    assert await ledger.vector_log.advance("g1", "m", end, 4.0) == []
    await ledger.claims.to_indexing(claim, 5.0)
    assert (await ledger.documents.get("doc_1")).waiting_for == {"kind": "vectors"}
    assert await ledger.vector_log.make_ready("m", end, 6.0) == ["doc_1"]
    assert await ledger.vector_log.make_ready("m", end, 7.0) == []


async def test_vectors_come_out_of_the_log_as_they_went_in(ledger: Ledger) -> None:
    await ready(ledger)
    entries = await ledger.vector_log.after(0, 100, "m")
    assert [entry.op for entry in entries] == ["upsert"] * len(entries)
    vectors = [entry.vector.tolist() for entry in entries if entry.vector is not None]
    assert vectors == [[0.5] * 4] * len(entries)


@pytest.mark.parametrize(("query", "page"), [("chemical elements", 1), ("稳定", 1), ("rhine FLOWING", 2)])
async def test_keywords_find_words_in_any_form_and_chinese_of_two_characters(
    ledger: Ledger, query: str, page: int
) -> None:
    await ready(ledger)
    found = await ledger.keywords.search(query, Scope(("default",)), 5)
    passages = await ledger.documents.passages([chunk_id for chunk_id, _ in found])
    assert [passages[chunk_id].page for chunk_id, _ in found] == [page]


async def test_keywords_stay_inside_their_scope(ledger: Ledger) -> None:
    await ready(ledger)
    scopes = Scope(("other",)), Scope(document_ids=("doc_9",)), Scope(document_ids=("doc_1",))
    assert [len(await ledger.keywords.search("oxygen", scope, 5)) for scope in scopes] == [0, 0, 1]


async def test_a_query_of_operators_is_only_words(ledger: Ledger) -> None:
    await ready(ledger)
    assert await ledger.keywords.search('" OR NEAR(a b) * ^ :', Scope(), 5) == []


async def test_a_deleted_document_leaves_nothing_but_orders_to_forget_it(ledger: Ledger) -> None:
    await ready(ledger)
    chunks = {entry.chunk_id for entry in await ledger.vector_log.after(0, 100, "m")}
    assert await ledger.documents.delete("doc_1") == a_file().sha256
    assert {(entry.op, entry.chunk_id) for entry in await ledger.vector_log.after(0, 100, "m")} == {
        ("delete", c) for c in chunks
    }
    assert await ledger.keywords.search("oxygen", Scope(), 5) == []
    assert await ledger.documents.whole_page("doc_1", 1) is None


async def test_a_cancelled_document_takes_its_worker_the_right_to_write(ledger: Ledger) -> None:
    claim = await begun(ledger)
    await ledger.claims.commit_batch(claim, batch_of(PAGES[:1], 2), 3.0)
    assert (await ledger.documents.cancel("doc_1", 4.0)).status == "cancelled"
    with pytest.raises(LeaseLost):
        await ledger.claims.commit_batch(claim, batch_of(PAGES[1:], 2), 5.0)
    assert await ledger.keywords.search("oxygen", Scope(), 5) == []


async def test_a_waiting_document_says_for_what_and_is_due_afterwards(ledger: Ledger) -> None:
    await ledger.claims.wait(await begun(ledger), 3.0, kind="retry", until_s=13.0, cause="error")
    assert (await ledger.documents.get("doc_1")).waiting_for == {"kind": "retry", "at": 13.0}
    assert await ledger.documents.due(12.0, 10) == []
    assert [due.document_id for due in await ledger.documents.due(13.0, 10)] == ["doc_1"]


async def test_a_forgiven_attempt_is_not_counted(ledger: Ledger) -> None:
    await ledger.claims.wait(await begun(ledger), 3.0, kind="worker", until_s=3.0, cause="shutdown")
    assert (await ledger.documents.get("doc_1")).attempt == 0


async def test_pages_of_the_list_are_newest_first_and_complete(ledger: Ledger) -> None:
    for number in range(7):
        await ledger.documents.accept(a_file(number), float(number // 2))
    seen, cursor = [], None
    while True:
        documents, cursor = await ledger.access.page(EVERYBODY, ListQuery(limit=3, cursor=cursor))
        seen += [document.id for document in documents]
        if cursor is None:
            break
    assert seen == ["doc_6", "doc_5", "doc_4", "doc_3", "doc_2", "doc_1", "doc_0"]


async def test_documents_that_were_not_read_whole_are_listed_and_counted(ledger: Ledger) -> None:
    for number in range(3):
        await ledger.documents.accept(a_file(number), float(number))
    places = (Locator("page", 2), Locator("page", 3))
    empty = DocumentWarning("page_without_text", places, "Pictures.", "Recognize them.", more=4)
    skipped = DocumentWarning("part_skipped", (), "Macros are not read.", "")
    batch = replace(batch_of([Page(1, "Oxygen is a gas.")]), warnings=(empty, skipped))
    await make_ready(ledger, "doc_1", batch)
    await ledger.documents.accept(a_file(4), 9.0)
    listed, _ = await ledger.access.page(EVERYBODY, ListQuery(warnings=True))
    others, _ = await ledger.access.page(EVERYBODY, ListQuery(warnings=False))
    assert ([one.id for one in listed], len(others)) == (["doc_1"], 3)
    assert await ledger.documents.warned() == {"page_without_text": 1, "part_skipped": 1}
    assert await ledger.documents.unread(Scope()) == (6, 1)
    assert await ledger.documents.unread(Scope(document_ids=("doc_2",))) == (0, 0)


async def test_names_are_searched_as_plain_text(ledger: Ledger) -> None:
    await ledger.documents.accept(a_file(1), 1.0)
    assert len((await ledger.access.page(EVERYBODY, ListQuery(q="file doc_1")))[0]) == 1
    assert (await ledger.access.page(EVERYBODY, ListQuery(q="%")))[0] == []


@pytest.mark.parametrize(("name", "part"), [
    ("Rückgabe_환불.txt", "Ru\u0308ckgabe"), ("Rückgabe_환불.txt", "RÜCKGABE"), ("Приказ 7.pdf", "приказ"),
    ("資料庫備份.pdf", "资料库"), ("Ｑ３報告.docx", "q3报告"), ("高级⻓期.pdf", "长期"),
    ("50%_a.txt", "50%_"),
])  # fmt: skip
async def test_documents_are_found_by_any_spelling_of_their_name(
    ledger: Ledger, name: str, part: str
) -> None:
    await ledger.documents.accept(replace(new_document(), name=name), 1.0)
    await ledger.documents.accept(new_document("doc_2"), 2.0)
    found, _ = await ledger.access.page(EVERYBODY, ListQuery(q=part))
    assert [document.name for document in found] == [name]


async def test_an_answer_is_read_as_it_was_given(ledger: Ledger) -> None:
    answer = Answer("ans_1", "q?", "a", "extractive", False, (), (), "t", timings_s={"total": 0.1})
    await ledger.answers.save(answer, None, EVERYBODY, 1.0)
    assert await ledger.answers.get("ans_1", EVERYBODY) == answer
    with pytest.raises(Refused, match="no answer"):
        await ledger.answers.get("ans_2", EVERYBODY)


async def test_the_names_of_a_scope_are_those_of_documents_that_can_be_found(ledger: Ledger) -> None:
    await ready(ledger)
    await ledger.documents.accept(a_file(2), 2.0)
    await ledger.documents.accept(a_file(3, collection="other"), 3.0)
    name = a_file().name
    assert await ledger.documents.shelf(Scope(), 5) == Shelf((name,), 1, 2)
    assert await ledger.documents.shelf(Scope(("other",)), 5) == Shelf((), 0, 1)
    assert await ledger.documents.shelf(Scope(document_ids=("doc_1",)), 0) == Shelf((), 1, 0)
    assert await ledger.documents.shelf(Scope(document_ids=("doc_9",)), 0) == Shelf((), 0, 0)


async def test_documents_that_can_be_found_are_named_newest_first(ledger: Ledger) -> None:
    await ready(ledger)
    await ledger.documents.accept(a_file(2), 2.0)
    assert await ledger.documents.named(Scope(("default",)), 5) == [Named("doc_1", a_file().name)]
    assert await ledger.documents.named(Scope(("other",)), 5) == []


@pytest.mark.parametrize(("count", "limit"), [(9, 12), (40, 12), (41, 8), (100, 60)])
async def test_passages_across_a_document_are_its_beginning_and_others_evenly(
    ledger: Ledger, count: int, limit: int
) -> None:
    await ledger.documents.accept(a_file(), 1.0)
    await make_ready(ledger, "doc_1", word_batch(count))
    found = await ledger.documents.passages_across("doc_1", limit)
    places = [int(one.id.rpartition(".")[2]) for one in found]
    gaps = [two - one for one, two in pairwise(places)]
    assert places[: limit // 4] == list(range(limit // 4))
    assert (places == sorted(set(places)), limit / 2 < len(places) <= limit) == (True, True)
    assert places[-1] >= count - max(gaps)
