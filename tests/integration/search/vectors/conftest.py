"""One vector child a module for the tests to which its life does not matter."""

from collections.abc import AsyncIterator

import pytest

from kotaemon_async.search.vectors.store import VectorStore
from tests.support.vectors import opened


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VectorStore]:
    async with opened(tmp_path_factory.mktemp("shared") / "vectors") as store:
        yield store


@pytest.fixture
async def store(running: VectorStore) -> VectorStore:
    """The shared index, empty again."""
    await running.apply([], await running.ids(0, 5000))
    return running
