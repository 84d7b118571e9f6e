"""Accepting, listing and removing documents over a real ledger and real files."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from kotaemon_async.errors import BadDocument, Refused
from kotaemon_async.library import Library
from kotaemon_async.model import Document
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import TraceContext

TRACE = TraceContext("a" * 32, f"00-{'a' * 32}-{'b' * 16}-01")


class Desk:
    """A library with its folder, its ledger and a count of the bells that it rang."""

    def __init__(self, folder: Path, ledger: Ledger, *, max_bytes: int = 1000) -> None:
        self.folder = folder / "blobs"
        self.ledger = ledger
        self.bells = 0
        self.blobs = Blobs(self.folder, max_bytes)
        self.library = Library(ledger, self.blobs, enqueue=self._ring, clock=lambda: 1.0, sleep=self._sleep)

    def _ring(self) -> None:
        self.bells += 1

    async def _sleep(self, _seconds: float) -> None:
        await anyio.lowlevel.checkpoint()

    async def hand_in(
        self, data: bytes, name: str = "a.txt", collection: str = "default"
    ) -> tuple[Document, bool]:
        async with self.library.incoming() as incoming:
            for start in range(0, len(data), 7):
                await incoming.write(data[start : start + 7])
            return await self.library.accept(incoming, name=name, collection=collection, trace=TRACE)

    def files(self) -> list[str]:
        return [path.name for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    yield Desk(tmp_path, ledger)
    await ledger.aclose()


async def test_an_accepted_document_is_in_the_ledger_and_its_bytes_are_under_their_hash(desk: Desk) -> None:
    document, is_new = await desk.hand_in(b"plain words to keep")
    _, path = await desk.library.content(document.id)
    assert is_new and document.status == "queued" and document.trace_id == TRACE.trace_id
    assert path.read_bytes() == b"plain words to keep" and desk.files() == [document.sha256]
    assert desk.bells == 1


async def test_sixteen_uploads_of_one_file_at_once_are_one_document(desk: Desk) -> None:
    ids = set()

    async def upload() -> None:
        ids.add((await desk.hand_in(b"the same words"))[0].id)

    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(upload)
    assert len(ids) == 1 and len(desk.files()) == 1


async def test_a_refused_file_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        await desk.hand_in(b"\x89PNG\r\n\x1a\n" + bytes(50), "a.txt")
    assert refused.value.code == "unsupported_format"
    assert desk.files() == []


async def test_an_empty_file_is_refused_as_empty(desk: Desk) -> None:
    with pytest.raises(BadDocument) as bad:
        await desk.hand_in(b"")
    assert bad.value.code == "empty"


async def test_a_file_over_the_limit_is_refused_while_it_comes_in(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        await desk.hand_in(b"x" * 1001)
    assert (refused.value.code, desk.files()) == ("too_large", [])


async def test_a_collection_with_a_strange_name_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="collection"):
        await desk.hand_in(b"words", collection="../x")


async def test_a_file_is_kept_while_another_collection_uses_it(desk: Desk) -> None:
    first, _ = await desk.hand_in(b"shared words", collection="one")
    second, _ = await desk.hand_in(b"shared words", collection="two")
    await desk.library.delete(first.id)
    assert desk.files() == [second.sha256]
    await desk.library.delete(second.id)
    assert desk.files() == []


async def test_a_cancelled_document_can_be_started_anew(desk: Desk) -> None:
    document, _ = await desk.hand_in(b"words")
    await desk.library.cancel(document.id)
    again = await desk.library.retry(document.id)
    assert (again.status, again.version) == ("queued", 2)
    with pytest.raises(Refused, match="only a failed or cancelled"):
        await desk.library.retry(document.id)


async def test_watching_ends_with_the_final_state(desk: Desk) -> None:
    document, _ = await desk.hand_in(b"words")
    seen = []
    async for number, state in desk.library.watch(document.id):
        seen.append((number, state.status))
        if len(seen) == 1:
            await desk.library.cancel(document.id)
    assert seen == [(1, "queued"), (2, "cancelled")]


async def test_stray_files_are_swept_at_the_start_and_used_ones_are_not(desk: Desk) -> None:
    document, _ = await desk.hand_in(b"words")
    (desk.folder / "incoming" / "torn").write_bytes(b"half")
    stray = desk.folder / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    assert await desk.blobs.sweep(await desk.ledger.blobs()) == 2
    assert desk.files() == [document.sha256]
