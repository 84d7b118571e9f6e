"""What users have: the documents of all collections that are theirs, whoever put them there."""

from kotaemon_async.stores.collections import Change, Share
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.usage import Used
from tests.support.callers import ALICE, BOB
from tests.support.ledger import new_document


async def test_a_document_counts_for_whom_its_collection_belongs_to(ledger: Ledger) -> None:
    for number, (caller, name) in enumerate([(ALICE, "papers"), (ALICE, "default"), (BOB, "default")]):
        new = new_document(f"doc_{number}", collection=name, caller=caller)
        await ledger.documents.accept(new, 1.0)
    await ledger.collections.change(ALICE, "papers", Change(shares=(Share("user", "bob", may_write=True),)))
    size = new_document("doc_9").size_bytes
    assert await ledger.usage.around(BOB, "papers") == Used("alice", 2, 2 * size)
    assert await ledger.usage.around(BOB, None) == Used("bob", 1, size)
    assert await ledger.usage.around(BOB, "new") == Used("bob", 1, size)


async def test_bytes_that_are_there_already_take_no_more_room(ledger: Ledger) -> None:
    new = new_document("doc_1", collection="papers", caller=ALICE)
    await ledger.documents.accept(new, 1.0)
    assert await ledger.usage.around(ALICE, "papers", new.sha256) == Used("")
