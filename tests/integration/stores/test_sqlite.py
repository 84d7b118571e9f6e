"""Opening a database and giving up in the middle."""

import threading
from pathlib import Path

import anyio
import pytest

from kotaemon_async.stores.ledger import SCHEMA
from kotaemon_async.stores.sqlite import Database


def sqlite_threads() -> int:
    return sum("apsw" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("turns", range(8))
async def test_whenever_the_opening_is_cancelled_no_thread_is_left(tmp_path: Path, turns: int) -> None:
    before = sqlite_threads()

    async def open_and_close() -> None:
        database = await Database.open(tmp_path / "ledger.db", SCHEMA)
        await database.aclose()

    async with anyio.create_task_group() as group:
        group.start_soon(open_and_close)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert sqlite_threads() == before


async def test_a_ledger_keeps_to_its_references_and_waits_for_another_process(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "ledger.db", SCHEMA)
    try:
        held = await database.write(lambda conn: [conn.pragma("foreign_keys"), conn.pragma("busy_timeout")])
    finally:
        await database.aclose()
    assert held == [1, 5000]
