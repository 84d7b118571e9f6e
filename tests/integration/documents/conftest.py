"""A library with its workers over a ledger, real parser children and the real model."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.ledger import Ledger
from tests.support.ingest import IngestFixture


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = Sandbox(ParserSettings(children=2), max_pages=5000)
    yield opened
    await opened.aclose()


@pytest.fixture
def rig(tmp_path: Path, ledger: Ledger, sandbox: Sandbox, embedder: Embedder) -> IngestFixture:
    return IngestFixture(tmp_path, ledger, sandbox, embedder)
