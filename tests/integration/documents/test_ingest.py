"""Ingestion with the real parser children, the real model and a real ledger."""

import pytest

from kotaemon_async.domain.model import Scope
from kotaemon_async.search.embedding.embedder import Embedder
from tests.support.documents import chinese_pdf, encrypted_pdf, english_pdf, image_only_pdf
from tests.support.ingest import Broken, IngestFixture


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
            await self._shop.library.cancel(self._document_id)
        return await self._shop.embedder.embed_passages(texts)
