"""Another model beside the one that answers: its vectors, its index, the switch and the way back."""

import numpy as np
import pytest

from kotaemon_async.stores.claims import StaleModel
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.models import EmbeddingModel, Roles, Unmade
from kotaemon_async.stores.vector_log import LogEntry
from tests.support.ledger import claimed, index, make_ready, new_document, word_batch

OLD, NEW = EmbeddingModel("old", 4), EmbeddingModel("new", 6)


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    """Two documents of two chunks each, embedded by the old model, which is changed to the new one."""
    await ledger.models.activate(OLD)
    for name in ("a", "b"):
        await add(ledger, name)
    await ledger.models.begin(NEW)
    return ledger


async def add(ledger: Ledger, name: str, model: EmbeddingModel = OLD, chunks: int = 2) -> None:
    await ledger.documents.accept(new_document(name), 1.0)
    vectors = np.full((chunks, model.dimension), 0.5, np.float32)
    await make_ready(ledger, name, word_batch(chunks, model.name, vectors))


async def embed(ledger: Ledger, model: EmbeddingModel = NEW, limit: int = 100) -> list[str]:
    """The ids of the chunks that the model has embedded now; each component of their vectors is a quarter."""
    chunks = await ledger.models.lacking(model, 0, limit)
    vectors = np.full((len(chunks), model.dimension), 0.25, np.float32)
    await ledger.models.add(model, chunks, vectors)
    return [chunk.id for chunk in chunks]


async def follow(ledger: Ledger, generation: str = "g2", model: EmbeddingModel = NEW) -> list[LogEntry]:
    """An index of the model has taken over what it can."""
    position = await ledger.vector_log.position(generation)
    entries = await ledger.vector_log.after(position, 100, model.name)
    await ledger.vector_log.advance(generation, model.name, entries[-1].seq if entries else position, 9.0)
    return entries


async def held(ledger: Ledger, model: EmbeddingModel) -> dict[str, int | None]:
    """Chunks that the log has for an index of the model, with the lengths of their vectors."""
    entries = await ledger.vector_log.after(0, 100, model.name)
    return {one.chunk_id: None if one.vector is None else len(one.vector) for one in entries}


async def test_chunks_are_embedded_with_the_text_that_is_found(ledger: Ledger) -> None:
    assert [(one.id, one.text) for one in await ledger.models.lacking(NEW, 0, 9)] == [
        (f"{name}.1.1.{n}", "word") for name in "ab" for n in range(2)
    ]
    assert await embed(ledger, limit=3) == ["a.1.1.0", "a.1.1.1", "b.1.1.0"]
    assert await ledger.models.progress("new") == (3, 4)
    assert await embed(ledger) == ["b.1.1.1"]
    assert await ledger.models.has_all(NEW)


async def test_vectors_made_beside_change_nothing_for_the_model_that_answers(ledger: Ledger) -> None:
    before = await held(ledger, OLD)
    await embed(ledger)
    assert await held(ledger, OLD) == before == dict.fromkeys(before, 4)
    assert not await ledger.vector_log.waits_for_model("old")


async def test_the_second_index_goes_as_far_as_there_are_vectors(ledger: Ledger) -> None:
    await embed(ledger, limit=1)
    assert [one.chunk_id for one in await follow(ledger)] == ["a.1.1.0"]
    await embed(ledger)
    assert [one.chunk_id for one in await follow(ledger)] == ["a.1.1.1", "b.1.1.0", "b.1.1.1"]


async def test_an_index_that_nobody_searches_makes_no_document_ready(ledger: Ledger) -> None:
    await ledger.documents.accept(new_document("c"), 1.0)
    await index(ledger, "c", word_batch(1, "old"))
    await embed(ledger)
    await follow(ledger)
    end = await ledger.vector_log.end()
    assert await ledger.vector_log.make_ready("new", end, 9.0) == []
    assert await ledger.vector_log.advance("g", "old", end, 9.0) == ["c"]


async def test_a_delete_stays_in_the_log_until_both_indexes_have_it(ledger: Ledger) -> None:
    await embed(ledger)
    await follow(ledger)
    await ledger.documents.delete("a")
    await follow(ledger, "g", OLD)
    assert [(one.op, one.chunk_id) for one in await follow(ledger)] == [
        ("delete", "a.1.1.0"),
        ("delete", "a.1.1.1"),
    ]
    assert await ledger.vector_log.length(0) == 2


async def test_the_switch_needs_every_vector_and_an_index_that_has_them(ledger: Ledger) -> None:
    switched = [await ledger.models.switch("g2")]
    await embed(ledger)
    switched.append(await ledger.models.switch("g2"))
    await follow(ledger)
    switched += [await ledger.models.switch("g"), await ledger.models.switch("g2")]
    assert switched == [False, False, False, True]
    assert await ledger.models.roles() == Roles(active=NEW, previous=OLD)
    assert await held(ledger, NEW) == {f"{name}.1.1.{n}": 6 for name in "ab" for n in range(2)}
    assert not await ledger.vector_log.waits_for_model("new")


async def test_the_vectors_answer_before_they_are_moved_and_after(ledger: Ledger) -> None:
    await embed(ledger)
    await follow(ledger)
    await ledger.models.switch("g2")
    seen = []
    while await ledger.models.move_some(1):
        log, end = ledger.vector_log, await ledger.vector_log.end()
        held_ids = {one.chunk_id for one in (await log.window(0, 9, end, "new"))[0]}
        seen.append((len(await held(ledger, NEW)), len(held_ids), await log.count(end, "new")))
        assert await log.unknown_ids([*held_ids, "never"], end, "new") == {"never"}
    assert seen == [(4, 4, 4)] * 4
    assert await ledger.models.progress("new") == (4, 4)


@pytest.mark.parametrize("then", ["begin", "turn_back", "activate"])
async def test_what_is_not_moved_yet_is_not_lost_by_the_next_change(ledger: Ledger, then: str) -> None:
    await embed(ledger)
    await follow(ledger)
    await ledger.models.switch("g2")
    assert await ledger.models.has_vectors("new")
    third = EmbeddingModel("third", 5)
    if then == "turn_back":
        await ledger.models.turn_back()
    else:
        await getattr(ledger.models, then)(third)
    assert await ledger.models.progress("new") == (4, 4)


async def test_a_chunk_that_came_meanwhile_holds_the_switch_up(ledger: Ledger) -> None:
    await embed(ledger)
    await add(ledger, "c", chunks=1)
    await follow(ledger)
    assert not await ledger.models.switch("g2")
    assert await embed(ledger) == ["c.1.1.0"]
    await follow(ledger)
    assert await ledger.models.switch("g2")


async def test_what_is_about_to_be_read_anew_is_not_embedded_twice(ledger: Ledger) -> None:
    await ledger.documents.start_anew("a", 6.0, force=True)
    assert await embed(ledger) == ["b.1.1.0", "b.1.1.1"]
    assert not await ledger.models.has_all(NEW)
    await ledger.documents.cancel("a", 7.0)
    assert await embed(ledger) == ["a.1.1.0", "a.1.1.1"]


async def test_a_batch_of_the_former_model_is_refused_after_the_switch(ledger: Ledger) -> None:
    await ledger.documents.accept(new_document("c"), 1.0)
    claim = await claimed(ledger, "c")
    await embed(ledger)
    await follow(ledger)
    await ledger.models.switch("g2")
    with pytest.raises(StaleModel, match="old"):
        await ledger.claims.commit_batch(claim, word_batch(1, "old"), 3.0)
    assert await ledger.claims.commit_batch(claim, word_batch(1, "new"), 3.0) == 1


async def test_a_vector_for_a_chunk_that_is_gone_is_left_out(ledger: Ledger) -> None:
    chunks = [*await ledger.models.lacking(NEW, 0, 1), Unmade(999, "never", "word")]
    await ledger.documents.delete("a")
    await ledger.models.add(NEW, chunks, np.ones((2, 6), np.float32))
    assert await ledger.models.progress("new") == (0, 2)


async def test_deleted_chunks_take_their_new_vectors_with_them(ledger: Ledger) -> None:
    await embed(ledger)
    await ledger.documents.delete("a")
    assert await ledger.models.progress("new") == (2, 2)


async def test_a_vector_of_a_wrong_length_is_made_again(ledger: Ledger) -> None:
    await embed(ledger)
    await ledger.database.write(
        lambda conn: conn.execute("UPDATE new_vectors SET vector = x'0102' WHERE row = 1") and None
    )
    assert await embed(ledger) == ["a.1.1.0"]


async def test_a_change_is_taken_back_before_the_switch(ledger: Ledger) -> None:
    await embed(ledger)
    await follow(ledger)
    await ledger.models.give_up(declined=True)
    assert await ledger.models.roles() == Roles(active=OLD, declined=NEW)
    assert await ledger.models.progress("new") == (0, 4)
    assert await ledger.vector_log.position("g2") == 0
    assert not await ledger.models.switch("g2")


async def test_and_after_it_by_a_change_in_the_other_direction(ledger: Ledger) -> None:
    await embed(ledger)
    await follow(ledger)
    await ledger.models.switch("g2")
    await ledger.models.turn_back()
    assert await ledger.models.roles() == Roles(active=NEW, target=OLD, previous=OLD, declined=NEW)
    assert len(await embed(ledger, OLD)) == 4
    await follow(ledger, "g3", OLD)
    assert await ledger.models.switch("g3")
    assert (await ledger.models.roles()).active == OLD


async def test_a_change_that_is_stopped_does_not_switch(ledger: Ledger) -> None:
    await embed(ledger)
    await follow(ledger)
    assert [await ledger.models.set_stopped(True), await ledger.models.set_stopped(True)] == [True, False]
    await ledger.models.begin(NEW)
    assert (await ledger.models.roles()).is_stopped
    assert not await ledger.models.switch("g2")
    await ledger.models.set_stopped(False)
    assert await ledger.models.switch("g2")


async def test_a_change_to_a_third_model_begins_without_the_vectors_of_the_second(ledger: Ledger) -> None:
    await embed(ledger)
    third = EmbeddingModel("third", 6)
    await ledger.models.begin(third)
    assert (await ledger.models.progress("third"), (await ledger.models.roles()).target) == ((0, 4), third)


async def test_a_model_that_answers_at_once_gets_its_vectors_one_by_one(ledger: Ledger) -> None:
    await ledger.models.activate(NEW)
    assert await ledger.models.roles() == Roles(active=NEW, previous=OLD)
    await embed(ledger, limit=1)
    assert await held(ledger, NEW) == {"a.1.1.0": 6, "a.1.1.1": None, "b.1.1.0": None, "b.1.1.1": None}
    assert [one.chunk_id for one in await follow(ledger)][-1] == "a.1.1.0"
    await embed(ledger)
    assert not await ledger.vector_log.waits_for_model("new")


async def test_a_document_in_the_index_s_queue_waits_for_the_vectors_of_a_model_that_took_over(
    ledger: Ledger,
) -> None:
    await ledger.documents.accept(new_document("c"), 1.0)
    await index(ledger, "c", word_batch(1, "old"))
    reached = await ledger.vector_log.end()
    await ledger.models.activate(NEW)
    await embed(ledger)
    assert await ledger.vector_log.advance("g2", "new", reached, 9.0) == []
    assert await ledger.vector_log.advance("g2", "new", await ledger.vector_log.end(), 9.0) == ["c"]
