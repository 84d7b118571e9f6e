"""Which collections the ledger knows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.stores.documents import Collection, NewDocument
from kotaemon_async.stores.ledger import Ledger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.aclose()


async def accept(ledger: Ledger, number: int, collection: str, at_s: float) -> str:
    new = NewDocument(f"doc_{number}", "a.pdf", "application/pdf", 1, str(number), collection, 6, "t", "p")
    return (await ledger.documents.accept(new, at_s))[0].id


async def test_each_collection_is_told_once_with_its_oldest_document(ledger: Ledger) -> None:
    for number, (name, at_s) in enumerate([("zh", 5.0), ("en", 9.0), ("en", 4.0), ("my papers", 7.0)]):
        await accept(ledger, number, name, at_s)
    told = [Collection("en", 4.0), Collection("my papers", 7.0), Collection("zh", 5.0)]
    assert await ledger.documents.collections(10) == told
    assert await ledger.documents.collections(2) == told[:2]
    assert await ledger.documents.collection("en") == told[0]


async def test_a_collection_goes_with_its_last_document(ledger: Ledger) -> None:
    document_id = await accept(ledger, 1, "en", 1.0)
    await ledger.documents.delete(document_id)
    assert await ledger.documents.collections(10) == []
    assert await ledger.documents.collection("en") is None
