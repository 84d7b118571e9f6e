"""What an index that has followed the log up to some entry has to hold, as the ledger says."""

from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.vector_log import LogEntry
from tests.support.ledger import index, make_ready, new_document, word_batch

SPOTS = [n / 20 for n in range(20)]


async def add(ledger: Ledger, name: str, chunks: int, *, model: str = "m", ready: bool = True) -> None:
    """A document with so many one-word chunks on one page; ready means that a follower has passed it."""
    await ledger.documents.accept(new_document(name), 1.0)
    await (make_ready if ready else index)(ledger, name, word_batch(chunks, model))


def ids(entries: list[LogEntry]) -> list[str]:
    return [entry.chunk_id for entry in entries]


async def test_what_the_follower_has_not_reached_need_not_be_there(ledger: Ledger) -> None:
    log = ledger.vector_log
    await add(ledger, "a", 2)
    reached = await log.end()
    await add(ledger, "b", 2, ready=False)
    assert ids((await log.window(0, 10, reached, "m"))[0]) == ["a.1.1.0", "a.1.1.1"]
    assert set(ids(await log.sample(SPOTS, reached, "m"))) == {"a.1.1.0", "a.1.1.1"}
    assert await log.count(reached, "m") is None
    assert await log.count(await log.end(), "m") == 4


async def test_a_sample_brings_what_an_index_holds_of_a_chunk(ledger: Ledger) -> None:
    await add(ledger, "a", 1)
    [entry] = await ledger.vector_log.sample([0.3, 0.9], await ledger.vector_log.end(), "m")
    assert (entry.chunk_id, entry.document_id, entry.collection) == ("a.1.1.0", "a", "default")
    assert entry.vector is not None
    assert entry.vector.tolist() == [0.5] * 4


async def test_windows_cover_everything_once_and_then_end(ledger: Ledger) -> None:
    for name in "abc":
        await add(ledger, name, 3)
    found, after, position = [], 0, await ledger.vector_log.end()
    while True:
        entries, last = await ledger.vector_log.window(after, 2, position, "m")
        if last is None:
            break
        found += ids(entries)
        after = last
    assert found == [f"{name}.1.1.{n}" for name in "abc" for n in range(3)]


async def test_vectors_of_another_model_are_not_expected(ledger: Ledger) -> None:
    log = ledger.vector_log
    await add(ledger, "old", 3, model="other")
    await add(ledger, "new", 2)
    position = await log.end()
    assert await log.count(position, "m") == 2
    assert ids((await log.window(0, 10, position, "m"))[0]) == ["new.1.1.0", "new.1.1.1"]
    assert await log.unknown_ids(["old.1.1.0", "new.1.1.0"], position, "m") == {"old.1.1.0"}


async def test_a_deleted_chunk_is_known_until_the_follower_has_passed_its_delete(ledger: Ledger) -> None:
    log = ledger.vector_log
    await add(ledger, "a", 1)
    before = await log.end()
    await ledger.documents.delete("a")
    assert await log.unknown_ids(["a.1.1.0", "never"], before, "m") == {"never"}
    assert await log.unknown_ids(["a.1.1.0"], await log.end(), "m") == {"a.1.1.0"}


async def test_an_empty_ledger_expects_an_empty_index(ledger: Ledger) -> None:
    log = ledger.vector_log
    assert await log.sample(SPOTS, 0, "m") == []
    assert await log.window(0, 10, 0, "m") == ([], None)
    assert await log.count(0, "m") == 0


async def test_a_follower_that_lacks_what_is_searchable_is_told_so(ledger: Ledger) -> None:
    log = ledger.vector_log
    assert not await log.waits_for_follower(0)
    await add(ledger, "a", 2, ready=False)
    assert not await log.waits_for_follower(0)
    await log.advance("g", "m", await log.end(), 5.0)
    assert await log.waits_for_follower(0)
    assert await log.waits_for_follower(1)
    assert not await log.waits_for_follower(await log.end())
    assert (await log.length(0), await log.length(1)) == (2, 1)


async def test_while_everything_is_read_anew_an_empty_index_still_lacks_it(ledger: Ledger) -> None:
    await add(ledger, "a", 2)
    await ledger.documents.start_anew("a", 6.0, force=True)
    assert await ledger.vector_log.waits_for_follower(0)


async def test_only_chunks_of_the_searchable_version_are_searchable(ledger: Ledger) -> None:
    await add(ledger, "a", 1)
    await ledger.documents.start_anew("a", 6.0, force=True)
    await index(ledger, "a", word_batch(1))
    assert await ledger.documents.searchable(["a.1.1.0", "a.2.1.0", "never"]) == {"a.1.1.0": False}


async def test_half_a_vector_is_no_vector(ledger: Ledger) -> None:
    await add(ledger, "a", 1)
    await ledger.database.write(lambda conn: conn.execute("UPDATE chunks SET vector = x'010203'") and None)
    [entry] = await ledger.vector_log.after(0, 10, "m")
    assert entry.vector is None


async def test_what_can_be_found_waits_for_a_model_that_has_not_embedded_it(ledger: Ledger) -> None:
    log = ledger.vector_log
    await add(ledger, "a", 1, model="other")
    await add(ledger, "b", 1)
    seen = [await log.waits_for_model("m")]
    await ledger.documents.start_anew("a", 6.0, force=True)
    await index(ledger, "a", word_batch(1))
    seen.append(await log.waits_for_model("m"))
    await log.advance("g", "m", await log.end(), 7.0)
    assert [*seen, await log.waits_for_model("m")] == [True, True, False]
