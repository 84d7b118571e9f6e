"""Beside the work: long waits are shown, and a document that was cancelled or deleted ends it at once."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from kotaemon_async.documents.ingest import Ingest
from kotaemon_async.documents.parsing.formats import PDF
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.callers import EVERYBODY, SERVICE
from kotaemon_async.resilience import faults
from tests.support.documents import english_pdf, write
from tests.support.ingest import SETTINGS, IngestFixture, Stuck, Ticks

#: Far more looks at the claim than any wait in these tests needs.
MANY = 8


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = Sandbox(ParserSettings(children=1), max_pages=5000)
    yield opened
    await opened.aclose()


@asynccontextmanager
async def running(worker: Ingest, document_id: str) -> AsyncIterator[None]:
    """The worker works during the block, which must leave it nothing to wait for."""
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run, document_id)
            yield


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def waits_for(rig: IngestFixture, document_id: str) -> dict[str, object] | None:
    return (await rig.ledger.documents.get(document_id)).waiting_for


async def test_a_long_wait_for_the_embedder_is_shown_until_the_next_step(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(2))
    stuck, ticks = Stuck(rig.embedder), Ticks()
    async with running(rig.worker(embedder=stuck, ticks=ticks), document_id):
        await stuck.asked.wait()
        await ticks.pass_by(1, 4)
        assert await waits_for(rig, document_id) is None
        await ticks.pass_by(1, 3)
        assert await waits_for(rig, document_id) == {"kind": "embedder"}
        stuck.let_go.set()
    document = await rig.ledger.documents.get(document_id)
    assert (document.stage, document.waiting_for) == ("indexing", {"kind": "vectors"})


async def test_waiting_for_a_free_parser_is_shown(rig: IngestFixture, tmp_path: Path) -> None:
    document_id = await rig.hand_in(english_pdf(2))
    ticks = Ticks()
    opened = rig.sandbox.open(write(tmp_path, "b.pdf", english_pdf()), PDF)
    async with opened, running(rig.worker(ticks=ticks), document_id):
        await ticks.pass_by(1, MANY)
        assert await waits_for(rig, document_id) == {"kind": "parser"}
        await rig.library.cancel(EVERYBODY, document_id)
        ticks.run_free(1)  # the beat before may see the end already
    assert (await rig.ledger.documents.get(document_id)).status == "cancelled"


async def test_a_claim_is_renewed_as_long_as_the_work_lasts(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(2))
    stuck, ticks = Stuck(rig.embedder), Ticks()
    async with running(rig.worker(embedder=stuck, ticks=ticks), document_id):
        await stuck.asked.wait()
        rig.clock.now_s += 25
        await ticks.pass_by(1, MANY)
        rig.clock.now_s += 25  # past the lease of the claim itself
        assert await rig.ledger.documents.due(rig.clock.now_s, 10) == []
        stuck.let_go.set()


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_one_look_at_the_ledger_ends_the_work_on_what_nobody_wants_any_more(
    rig: IngestFixture, end: str
) -> None:
    document_id = await rig.hand_in(english_pdf(6))
    stuck, ticks = Stuck(rig.embedder, good_calls=1), Ticks()
    async with running(rig.worker(embedder=stuck, ticks=ticks), document_id):
        await stuck.asked.wait()
        await getattr(rig.library, end)(SERVICE, document_id)
        await ticks.pass_by(1, 1)
    assert await rig.contents(document_id) == [0, 0, 0]
    assert rig.sandbox.restarts == 1


async def test_a_parser_that_hangs_is_ended_with_its_document_and_a_fresh_one_serves(
    rig: IngestFixture,
) -> None:
    document_id = await rig.hand_in(english_pdf(6))
    await rig.sandbox.warm()
    (stopped,) = rig.sandbox.pids
    os.kill(stopped, signal.SIGSTOP)
    ticks = Ticks()
    async with running(rig.worker(ticks=ticks), document_id):
        await ticks.pass_by(1, MANY)
        assert await waits_for(rig, document_id) == {"kind": "parser"}
        await rig.library.cancel(EVERYBODY, document_id)
        ticks.run_free(1)  # the beat before may see the end already
    assert stopped not in rig.sandbox.pids and not exists(stopped)
    assert (await rig.ingest(english_pdf(1), "b.pdf")).stage == "indexing"


async def test_work_goes_on_while_the_ledger_cannot_be_asked(rig: IngestFixture) -> None:
    document_id = await rig.hand_in(english_pdf(2))
    stuck, ticks = Stuck(rig.embedder), Ticks()
    settings = SETTINGS.model_copy(update={"lease_s": 6.0})
    async with running(rig.worker(embedder=stuck, ticks=ticks, settings=settings), document_id):
        await stuck.asked.wait()
        faults.arm("sqlite.before_commit:1:enospc")
        await ticks.pass_by(1, 2)
        faults.arm("")
        stuck.let_go.set()
    assert (await rig.ledger.documents.get(document_id)).stage == "indexing"
