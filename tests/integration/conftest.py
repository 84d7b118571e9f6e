"""A new ledger, a library over it and a telemetry file for each test; one embedding model a module."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from tests.support.library import LibraryFixture


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.aclose()


@pytest.fixture
def lib(tmp_path: Path, ledger: Ledger) -> LibraryFixture:
    return LibraryFixture(tmp_path, ledger)


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[TelemetryFile]:
    opened = await TelemetryFile.open(tmp_path / FILE)
    yield opened
    await opened.aclose()


@pytest.fixture(scope="module")
async def embedder(model_folder: Path) -> AsyncIterator[Embedder]:
    opened = await Embedder.open(model_folder, model="multilingual", threads=2)
    yield opened
    await opened.aclose()
