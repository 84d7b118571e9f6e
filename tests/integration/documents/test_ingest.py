"""Ingestion with real parser children, the real model and a real ledger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from kotaemon_async.documents import ingest
from kotaemon_async.documents.ingest import RECIPE, SUSPECT_LOSSES
from kotaemon_async.documents.outcomes import RECORD_EVERY_S, TURN_AGAIN_S
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Attempts, Scope
from kotaemon_async.resilience import faults
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.models import EmbeddingModel
from tests.support import poisoned_child
from tests.support.documents import chinese_pdf, encrypted_pdf, english_pdf, image_only_pdf
from tests.support.ingest import SETTINGS, Broken, IngestFixture, Renamed, Stuck, Ticks


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = Sandbox(ParserSettings(children=2), max_pages=5000, script=Path(poisoned_child.__file__))
    yield opened
    await opened.aclose()


def poisoned_pdf(marker: str, page: int = 1, pages: int = 1) -> bytes:
    return english_pdf(texts=[f"A page, {marker if n == page else n}." for n in range(1, pages + 1)])


def tried(**ended: int) -> Attempts:
    """Tries that ended, by cause."""
    return replace(Attempts(0, 0, 0, 0), **ended)


async def lose_workers(rig: IngestFixture, document_ids: list[str], times: int) -> None:
    """So many workers have died with these documents in their hands."""
    for _ in range(times):
        for one in document_ids:
            await rig.ledger.claims.claim(one, "dead", rig.clock(), 1.0, recipe=RECIPE)
        await rig.ledger.claims.drop_leases()


async def test_every_page_of_a_pdf_is_searchable_before_the_index_has_followed(rig: IngestFixture) -> None:
    document = await rig.ingest(english_pdf(5))
    assert (document.status, document.stage, document.pages_done) == ("processing", "indexing", 5)
    found = await rig.ledger.keywords.search("page 3", Scope(), 10)
    assert found and document.chunks_done == len(await rig.ledger.vector_log.after(0, 100, rig.embedder.name))


async def test_a_chinese_pdf_is_found_by_a_word_of_two_characters(rig: IngestFixture) -> None:
    document = await rig.ingest(chinese_pdf(texts=["氧气是一种化学元素。它在常温下很稳定。"]))
    found = await rig.ledger.keywords.search("稳定", Scope(), 10)
    passages = await rig.ledger.documents.passages([chunk_id for chunk_id, _ in found])
    assert [passage.document_id for passage in passages.values()] == [document.id]


@pytest.mark.parametrize(
    ("data", "code"),
    [(encrypted_pdf(), "encrypted"), (image_only_pdf(), "no_text"), (b"%PDF-1.7 nothing more", "corrupt")],
)
async def test_a_bad_file_fails_at_once_with_its_code_and_a_hint(
    rig: IngestFixture, data: bytes, code: str
) -> None:
    document = await rig.ingest(data)
    assert document.status == "failed" and document.error is not None
    assert document.error.code == code and document.error.hint
    assert await rig.ledger.vector_log.after(0, 10, rig.embedder.name) == []


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
async def test_text_kinds_are_read_too(rig: IngestFixture, name: str) -> None:
    document = await rig.ingest(b"# Oxygen\n\nOxygen is an element.\n", name)
    assert (document.stage, document.pages_done, document.chunks_done) == ("indexing", 1, 1)


async def test_work_goes_on_from_the_last_checkpoint(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(6))
    await rig.worker(embedder=Broken(rig.embedder, good_calls=1)).run(document_id)
    before = [entry.chunk_id for entry in await rig.ledger.vector_log.after(0, 100, rig.embedder.name)]
    assert (await rig.ledger.documents.get(document_id)).pages_done == 2
    rig.clock.now_s += 1000
    await rig.worker().run(document_id)
    after = [entry.chunk_id for entry in await rig.ledger.vector_log.after(0, 100, rig.embedder.name)]
    assert after[: len(before)] == before and len(set(after)) == len(after) > len(before)


@pytest.mark.parametrize(("pages", "batches", "done"), [(8, 1, 2), (9, 1, 1), (9, 2, 3), (9, 3, 5)])
async def test_the_first_pages_of_a_long_document_are_committed_in_small_batches(
    rig: IngestFixture, pages: int, batches: int, done: int
) -> None:
    document_id = await rig.hand_in(english_pdf(pages))
    await rig.worker(embedder=Broken(rig.embedder, good_calls=batches)).run(document_id)
    assert (await rig.ledger.documents.get(document_id)).pages_done == done


async def test_a_sentence_over_a_checkpoint_is_whole_when_work_goes_on(rig: IngestFixture) -> None:
    pages = [f"Hale of Leeds. It was {n}. The lamp {n} of the tower had been bought by" for n in range(1, 7)]
    document_id = await rig.hand_in(english_pdf(texts=pages))
    await rig.worker(embedder=Broken(rig.embedder, good_calls=1)).run(document_id)
    rig.clock.now_s += 1000
    await rig.worker().run(document_id)
    entries = await rig.ledger.vector_log.after(0, 100, rig.embedder.name)
    ids = [entry.chunk_id for entry in entries]
    found = await rig.ledger.documents.sentences(ids)
    over = await rig.ledger.documents.carried_over(ids)
    assert over == {key: one for key, one in found.items() if len(one.sentences[-1].places) > 1} != {}
    texts = [one.text for passage in found.values() for one in passage.sentences]
    assert [f"The lamp {n} of the tower had been bought by Hale of Leeds." for n in range(1, 6)] == [
        text for text in texts if text.startswith("The lamp") and text.endswith("Leeds.")
    ]


async def test_a_stopping_worker_gives_its_document_back_after_a_checkpoint(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(6))
    worker = rig.worker(on_step=lambda: worker.stop())  # noqa: PLW0108 - it is not there yet
    await worker.run(document_id)
    document = await rig.ledger.documents.get(document_id)
    assert (document.status, document.pages_done, document.attempt) == ("queued", 2, 0)


async def test_a_document_cancelled_in_the_middle_stays_empty(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(6))
    worker = rig.worker(embedder=Cancelling(rig, document_id))
    await worker.run(document_id)
    document = await rig.ledger.documents.get(document_id)
    assert (document.status, document.chunks_done) == ("cancelled", 0)
    assert await rig.ledger.keywords.search("page", Scope(), 10) == []


class Cancelling(Embedder):
    """An embedder during whose second call somebody cancels the document."""

    def __init__(self, rig: IngestFixture, document_id: str) -> None:
        self._shop, self._document_id, self._calls = rig, document_id, 0
        self.name = rig.embedder.name

    async def embed_passages(self, texts):  # type: ignore[no-untyped-def]
        self._calls += 1
        if self._calls == 2:
            await self._shop.library.cancel(EVERYBODY, self._document_id)
        return await self._shop.embedder.embed_passages(texts)


# Why a try ends, and what that means for the next one: crashes, errors, stops, lost workers, a full disk.


@pytest.mark.parametrize(
    ("marker", "code"), [("deadly by SIGSEGV", "corrupt"), ("deadly by SIGKILL", "parser_limit")]
)
async def test_a_document_that_kills_three_parsers_fails_and_says_so(
    rig: IngestFixture, marker: str, code: str
) -> None:
    document_id = await rig.hand_in(poisoned_pdf(marker))
    for _ in range(3):
        await rig.worker().run(document_id)
        rig.clock.now_s += 1000
    document = await rig.ledger.documents.get(document_id)
    assert document.error is not None and (document.status, document.error.code) == ("failed", code)
    signal = marker.rpartition(" ")[2]
    assert document.error.message == f"The parser died 3 times over this file, the last time by {signal}."
    assert (document.attempts, document.attempt) == (tried(crash=3), 3)


async def test_the_wait_after_a_crash_is_short_and_grows(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(poisoned_pdf("deadly by SIGSEGV"))
    waits = []
    for _ in range(2):
        await rig.worker().run(document_id)
        waits.append(await rig.waits_s(document_id))
        rig.clock.now_s += 1000
    (first, first_s), (second, second_s) = waits
    assert (first, second) == ("retry", "retry")
    assert 0.5 <= first_s <= 1 and 1.5 <= second_s <= 3


async def test_pages_before_a_deadly_one_are_kept_for_the_next_try(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(poisoned_pdf("deadly by SIGSEGV", page=6, pages=6))
    await rig.worker().run(document_id)
    assert (await rig.ledger.documents.get(document_id)).pages_done == 4


async def test_a_healthy_document_beside_a_deadly_one_needs_one_try(rig: IngestFixture) -> None:
    deadly = await rig.hand_in(poisoned_pdf("deadly by SIGKILL", page=2, pages=3))
    healthy = await rig.hand_in(english_pdf(4), "b.pdf")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.worker().run, deadly)
        group.start_soon(rig.worker().run, healthy)
    document = await rig.ledger.documents.get(healthy)
    assert (document.stage, document.pages_done, document.attempt) == ("indexing", 4, 1)
    assert (await rig.ledger.documents.get(deadly)).attempts == tried(crash=1)


async def test_six_attempts_take_a_quarter_of_an_hour(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    worker = rig.worker(embedder=Broken(rig.embedder, good_calls=0))
    for most_s in (10, 30, 90, 270, 810):
        await worker.run(document_id)
        kind, wait_s = await rig.waits_s(document_id)
        assert kind == "retry" and most_s / 2 <= wait_s <= most_s
        rig.clock.now_s += wait_s
    await worker.run(document_id)
    document = await rig.ledger.documents.get(document_id)
    assert (document.status, document.attempt, document.attempts) == ("failed", 6, tried(error=6))
    assert document.error is not None and document.error.code == "embedder_unavailable"


async def test_a_batch_goes_on_with_the_model_that_took_over_when_its_own_was_closed(
    rig: IngestFixture,
) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    models = [rig.embedder, Broken(rig.embedder, good_calls=0)]
    await rig.worker(models=lambda: models.pop() if models[1:] else models[0]).run(document_id)
    assert (await rig.ledger.documents.get(document_id)).stage == "indexing"


async def test_a_batch_of_a_model_that_answers_no_more_is_embedded_by_its_successor(
    rig: IngestFixture,
) -> None:
    await rig.ledger.models.activate(EmbeddingModel("new", rig.embedder.dimension))
    document_id = await rig.hand_in(english_pdf(1))
    models = [Renamed(rig.embedder, "new"), Renamed(rig.embedder, "old")]
    await rig.worker(models=lambda: models.pop() if models[1:] else models[0]).run(document_id)
    entries = await rig.ledger.vector_log.after(0, 9, "new")
    assert len(entries) > 0 and all(entry.vector is not None for entry in entries)


async def test_a_document_is_not_tried_before_its_time(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    await rig.worker(embedder=Broken(rig.embedder, good_calls=0)).run(document_id)
    rig.clock.now_s += 4.9
    await rig.worker().run(document_id)
    assert (await rig.ledger.documents.get(document_id)).status == "queued"


async def test_a_neighbour_that_names_a_time_is_given_it(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    await rig.worker(embedder=Broken(rig.embedder, 0, retry_after_s=77)).run(document_id)
    assert await rig.waits_s(document_id) == ("retry", 77)


async def test_a_bad_file_uses_up_one_attempt_and_no_more(rig: IngestFixture) -> None:
    document = await rig.ingest(encrypted_pdf())
    assert (document.status, document.attempt, document.attempts) == ("failed", 1, tried())


async def test_twenty_deploys_eat_no_attempt(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(42))
    for _ in range(20):
        worker = rig.worker(on_step=lambda: worker.stop())  # noqa: PLW0108, B023 - it is not there yet
        await worker.run(document_id)
    waiting = await rig.ledger.documents.get(document_id)
    assert (waiting.attempts, waiting.attempt) == (tried(shutdown=20), 0)
    await rig.worker().run(document_id)
    document = await rig.ledger.documents.get(document_id)
    assert (document.stage, document.pages_done, document.attempt) == ("indexing", 42, 1)


async def test_a_parser_that_dies_while_the_service_stops_is_no_crash_of_the_document(
    rig: IngestFixture,
) -> None:
    document_id = await rig.hand_in(poisoned_pdf("deadly by SIGSEGV", page=3, pages=4))
    settings = SETTINGS.model_copy(update={"batch_pages": 1})
    worker = rig.worker(settings=settings, on_step=lambda: worker.stop())  # noqa: PLW0108
    await worker.run(document_id)
    assert (await rig.ledger.documents.get(document_id)).attempts == tried(shutdown=1)


async def test_a_document_that_took_too_many_workers_with_it_is_failed(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    await lose_workers(rig, [document_id], 3)
    settings = SETTINGS.model_copy(update={"max_losses": 2})
    await rig.worker(settings=settings).run(document_id)
    document = await rig.ledger.documents.get(document_id)
    assert document.error is not None
    assert (document.error.code, document.error.message) == (
        "parser_limit",
        "The service died 3 times over this file.",
    )


async def test_documents_that_may_have_taken_workers_with_them_are_read_one_at_a_time(
    rig: IngestFixture,
) -> None:
    first, second = await rig.hand_in(english_pdf(1)), await rig.hand_in(english_pdf(2), "b.pdf")
    await lose_workers(rig, [first, second], SUSPECT_LOSSES)
    stuck = Stuck(rig.embedder)
    worker = rig.worker(embedder=stuck)
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run, first)
        await stuck.asked.wait()
        await worker.run(second)
        postponed = await rig.ledger.documents.get(second)
        stuck.let_go.set()
    assert (postponed.status, postponed.attempts, postponed.attempt) == ("queued", tried(lost=2), 0)
    rig.clock.now_s += TURN_AGAIN_S
    await worker.run(second)
    assert [(await rig.ledger.documents.get(one)).stage for one in (first, second)] == ["indexing"] * 2


async def test_nothing_is_begun_without_room_on_the_disk(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    before = await rig.ledger.documents.get(document_id)
    await rig.worker(may_work=lambda: False).run(document_id)
    assert await rig.ledger.documents.get(document_id) == before


async def test_under_memory_pressure_nothing_begins_and_what_has_begun_goes_on(rig: IngestFixture) -> None:
    begun, waiting = await rig.hand_in(english_pdf(6)), await rig.hand_in(english_pdf(5))
    has_memory = [True]
    worker = rig.worker(may_start=lambda: has_memory[0], on_step=lambda: has_memory.__setitem__(0, False))
    await worker.run(begun)
    await worker.run(waiting)
    documents = [await rig.ledger.documents.get(one) for one in (begun, waiting)]
    assert [(one.stage, one.pages_done) for one in documents] == [("indexing", 6), (None, 0)]


async def test_work_waits_for_the_disk_at_its_checkpoint_and_goes_on_from_there(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(6))
    has_room = [True]
    worker = rig.worker(may_work=lambda: has_room[0], on_step=lambda: has_room.__setitem__(0, False))
    await worker.run(document_id)
    waiting = await rig.ledger.documents.get(document_id)
    assert (waiting.status, waiting.waiting_for) == ("queued", {"kind": "disk"})
    assert (waiting.pages_done, waiting.attempts, waiting.attempt) == (2, tried(), 0)
    await rig.worker().run(document_id)
    assert (await rig.ledger.documents.get(document_id)).stage == "indexing"


@pytest.mark.parametrize("plan", ["ingest.before_commit:1:enospc", "sqlite.before_commit:3:enospc"])
async def test_a_write_without_room_is_a_wait_for_the_disk_and_no_attempt(
    rig: IngestFixture, plan: str
) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    faults.arm(plan)
    await rig.worker().run(document_id)
    waiting = await rig.ledger.documents.get(document_id)
    assert (waiting.status, waiting.attempts, waiting.attempt) == ("queued", tried(), 0)
    assert await rig.waits_s(document_id) == ("disk", 5)


async def test_an_outcome_that_the_ledger_does_not_take_is_offered_every_second(
    rig: IngestFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "CONFIRM_EVERY_S", 60.0)  # told apart by their length
    document_id = await rig.hand_in(english_pdf(1))
    # claimed, pages counted; then a batch, and twice its failure, which cannot be written
    faults.arm("sqlite.before_commit:3:enospc,sqlite.before_commit:4:enospc,sqlite.before_commit:5:enospc")
    ticks = Ticks()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.worker(ticks=ticks).run, document_id)
        await ticks.pass_by(RECORD_EVERY_S, 2)
    assert await rig.waits_s(document_id) == ("disk", 5)


async def test_a_ledger_that_takes_no_claim_leaves_the_document_in_the_queue(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    before = await rig.ledger.documents.get(document_id)
    faults.arm("sqlite.before_commit:1:enospc")
    await rig.worker().run(document_id)
    assert await rig.ledger.documents.get(document_id) == before


async def test_a_bug_fails_the_document_as_ours(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(1))
    faults.arm("ingest.before_commit:1:raise")
    await rig.worker().run(document_id)
    document = await rig.ledger.documents.get(document_id)
    assert document.error is not None and document.error.code == "internal"
