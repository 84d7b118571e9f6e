"""What the tests of ingestion share: the real model, and a library with its workers over a real ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.ledger import Ledger
from tests.support.ingest import IngestFixture


@pytest.fixture(scope="module")
async def embedder(model_folder: Path) -> AsyncIterator[Embedder]:
    opened = await Embedder.open(model_folder, model="all-MiniLM-L6-v2", threads=2)
    yield opened
    await opened.aclose()


@pytest.fixture
async def rig(tmp_path: Path, sandbox: Sandbox, embedder: Embedder) -> AsyncIterator[IngestFixture]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    yield IngestFixture(tmp_path, ledger, sandbox, embedder)
    await ledger.aclose()
