"""Reading a document anew: its old version stays searchable until one transaction switches."""

import pytest

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Document, Failure, Page, Scope
from kotaemon_async.stores.claims import Claim
from kotaemon_async.stores.ledger import Ledger
from tests.support.ledger import batch_of, claimed, make_ready, new_document

BROKEN = Failure("corrupt", "It is broken.", "Mend it.")
OLD, NEW = "The old lighthouse burned oil.", "The new lighthouse burns electric light."


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    await ledger.documents.accept(new_document(), 1.0)
    return ledger


async def commit(ledger: Ledger, claim: Claim, text: str) -> None:
    await ledger.claims.commit_batch(claim, batch_of([Page(1, text)]), 3.0)


async def ready(ledger: Ledger, text: str, model: str = "m") -> Document:
    return await make_ready(ledger, "doc_1", batch_of([Page(1, text)], model=model))


async def found(ledger: Ledger, word: str) -> list[str]:
    hits = await ledger.keywords.search(word, Scope(), 10)
    return [passage.text for passage in (await ledger.documents.passages([hit[0] for hit in hits])).values()]


async def indexed(ledger: Ledger, model: str = "m") -> set[str]:
    """What a follower that begins anew ends up with."""
    held: set[str] = set()
    for entry in await ledger.vector_log.after(0, 1000, model):
        (held.add if entry.vector is not None else held.discard)(entry.chunk_id)
    return held


async def shown(ledger: Ledger) -> tuple[list[str], str | None]:
    page = await ledger.documents.whole_page("doc_1", 1)
    return await found(ledger, "lighthouse"), page.text if page else None


async def test_the_old_version_is_found_until_the_new_one_is_ready(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    again = await ledger.documents.start_anew("doc_1", 6.0, force=True)
    assert (again.status, again.version, again.pages_done) == ("queued", 2, 0)
    claim = await claimed(ledger)
    await commit(ledger, claim, NEW)
    assert await shown(ledger) == ([OLD], OLD)
    await ledger.claims.to_indexing(claim, 7.0)
    await ledger.vector_log.advance("g", "m", await ledger.vector_log.end(), 8.0)
    assert await shown(ledger) == ([NEW], NEW)


async def test_after_the_switch_nothing_of_the_old_version_is_left(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    await ledger.documents.start_anew("doc_1", 6.0, force=True)
    document = await ready(ledger, NEW)
    assert (document.version, document.chunks_done) == (2, 1)
    assert await indexed(ledger) == {"doc_1.2.1.0"}
    assert await found(ledger, "oil") == []


async def test_a_new_version_that_fails_leaves_the_old_one_searchable(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    await ledger.documents.start_anew("doc_1", 6.0, force=True)
    claim = await claimed(ledger)
    await commit(ledger, claim, NEW)
    await ledger.claims.fail(claim, BROKEN, 7.0)
    assert (await ledger.documents.get("doc_1")).status == "failed"
    assert await found(ledger, "lighthouse") == [OLD]
    assert await indexed(ledger) == {"doc_1.1.1.0"}


async def test_a_retry_after_that_still_keeps_the_old_version(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    await ledger.documents.start_anew("doc_1", 6.0, force=True)
    await ledger.claims.fail(await claimed(ledger), BROKEN, 7.0)
    assert (await ledger.documents.start_anew("doc_1", 8.0)).version == 3
    assert await found(ledger, "oil") == [OLD]
    await ready(ledger, NEW)
    assert await indexed(ledger) == {"doc_1.3.1.0"}


async def test_a_cancelled_renewal_is_ready_as_before(ledger: Ledger) -> None:
    before = await ready(ledger, OLD)
    await ledger.documents.start_anew("doc_1", 6.0, force=True)
    await commit(ledger, await claimed(ledger), NEW)
    after = await ledger.documents.cancel("doc_1", 7.0)
    assert (after.status, after.version, after.ready_at_s) == ("ready", 1, before.ready_at_s)
    assert (after.pages_done, after.pages_total, after.chunks_done) == (1, 1, 1)
    assert await found(ledger, "lighthouse") == [OLD]
    assert await indexed(ledger) == {"doc_1.1.1.0"}


async def test_a_document_in_work_can_be_forced_to_begin_again(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    await commit(ledger, claim, OLD)
    document = await ledger.documents.start_anew("doc_1", 6.0, force=True)
    assert (document.status, document.version, document.chunks_done) == ("queued", 2, 0)
    assert await indexed(ledger) == set()


async def test_a_ready_document_is_not_read_anew_without_force(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    with pytest.raises(Refused, match="ready"):
        await ledger.documents.start_anew("doc_1", 6.0)


async def test_delete_removes_every_version(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    await ledger.documents.start_anew("doc_1", 6.0, force=True)
    await commit(ledger, await claimed(ledger), NEW)
    assert await ledger.documents.delete("doc_1") == new_document().sha256
    tables = ("documents", "pages", "chunks", "keywords_docsize")
    rows = await ledger.database.read(
        lambda conn: [conn.execute(f"SELECT count(*) FROM {name}").get for name in tables]
    )
    assert (rows, await indexed(ledger)) == ([0, 0, 0, 0], set())


async def test_another_recipe_has_ready_documents_read_anew_once(ledger: Ledger) -> None:
    await ready(ledger, OLD)
    assert await ledger.documents.start_stale_anew("m/2", 6.0) == 1
    assert await ledger.documents.start_stale_anew("m/2", 6.0) == 0
    assert await found(ledger, "oil") == [OLD]
    claim = await claimed(ledger, recipe="m/2")
    await commit(ledger, claim, NEW)
    await ledger.claims.to_indexing(claim, 4.0)
    await ledger.vector_log.advance("g", "m", await ledger.vector_log.end(), 5.0)
    assert await ledger.documents.start_stale_anew("m/2", 7.0) == 0


async def test_a_half_read_document_begins_again_under_another_recipe(ledger: Ledger) -> None:
    await commit(ledger, await claimed(ledger), OLD)
    await ledger.claims.drop_leases()
    claim = await claimed(ledger, recipe="m/2")
    assert (claim.document.pages_done, claim.document.chunks_done) == (0, 0)
    await commit(ledger, claim, NEW)
    assert await found(ledger, "lighthouse") == [NEW]


async def test_vectors_of_another_model_are_not_followed(ledger: Ledger) -> None:
    await ready(ledger, OLD, "old")
    assert await indexed(ledger, "new") == set()
    assert await found(ledger, "oil") == [OLD]


async def test_attempts_are_counted_by_cause_and_stops_are_none(ledger: Ledger) -> None:
    for cause in ("crash", "error", "shutdown", "disk"):
        await ledger.claims.wait(await claimed(ledger), 2.0, kind="retry", until_s=2.0, cause=cause)
    document = (await claimed(ledger)).document
    tried = document.attempts
    assert (tried.crash, tried.error, tried.shutdown, document.attempt) == (1, 1, 1, 3)


async def test_a_lost_worker_is_counted_until_the_next_checkpoint(ledger: Ledger) -> None:
    await claimed(ledger)
    await ledger.claims.drop_leases()
    claim = await claimed(ledger)
    assert (claim.recovered, claim.document.attempts.lost, claim.document.attempt) == (True, 1, 1)
    await commit(ledger, claim, OLD)
    assert (await ledger.documents.get("doc_1")).attempts.lost == 0
