"""A library in a data folder beside which backups are made."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.stores.ledger import Ledger
from tests.support.library import LibraryFixture


@pytest.fixture
async def lib(tmp_path: Path) -> AsyncIterator[LibraryFixture]:
    (tmp_path / "data").mkdir()
    ledger = await Ledger.open(tmp_path / "data" / "ledger.db")
    yield LibraryFixture(tmp_path / "data", ledger)
    await ledger.aclose()
