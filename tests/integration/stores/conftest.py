"""A new ledger and a new telemetry file for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.aclose()


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[TelemetryFile]:
    opened = await TelemetryFile.open(tmp_path / FILE)
    yield opened
    await opened.aclose()
