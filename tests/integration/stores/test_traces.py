"""Traces in a real file: what is found again, and what has to make room."""

from pathlib import Path

from msgspec.structs import replace

from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from kotaemon_async.stores.traces import MOST_ROWS, EventRow, LineRow, SpanRow, TraceStore
from kotaemon_async.telemetry.settings import TraceSettings

WIDE = TraceSettings(max_rows=100_000, max_bytes=1024**3, keep_s=1e6)


def span(number: int, *, trace: str = "t", at_s: float = 100.0, **attributes: object) -> SpanRow:
    return SpanRow(trace, f"{number:016x}", "", "work", at_s, at_s + 1, attributes=attributes)


async def test_a_trace_is_read_as_it_was_told(file: TelemetryFile) -> None:
    store = TraceStore(file, WIDE)
    kept = SpanRow(
        "t", "1", "0", "ingest", 5.0, 6.5, True, {"pages": 3}, (EventRow(5.5, "waits", {"code": "x"}),)
    )
    line = LineRow("t", "1", 6.0, "warning", "document_waits", "", {"wait_s": 1.5})
    await store.append([kept, line], 7.0)
    rows = await store.trace("t")
    assert rows is not None
    assert (rows.spans, rows.lines) == ([replace(kept, process=store.process)], [line])
    assert rows.processes[store.process].seen_s == 7.0
    assert await store.trace("other") is None


async def test_a_span_that_had_begun_is_one_row_when_it_ends(file: TelemetryFile) -> None:
    store = TraceStore(file, WIDE)
    await store.append([SpanRow("t", "1", "", "job", 5.0, lasts=True)], 5.0)
    await store.append([SpanRow("t", "1", "", "job", 5.0, 9.0, lasts=True)], 9.0)
    rows = await store.trace("t")
    assert rows is not None
    assert [row.ended_s for row in rows.spans] == [9.0]


async def test_a_trace_is_found_by_ids_that_stand_in_it(file: TelemetryFile) -> None:
    store = TraceStore(file, WIDE)
    await store.append([span(1, trace="first", doc_id="doc_1"), span(2, trace="then", doc_id="doc_1")], 1.0)
    await store.append([LineRow("asked", "", 1.0, "info", "http_request", "", {"request_id": "r"})], 1.0)
    named = [await store.named("doc_1", first=first) for first in (True, False)]
    assert named == [["first", "then"], ["then", "first"]]
    assert await store.named("r", first=False) == ["asked"]
    assert await store.named("nobody", first=True) == []


async def test_the_oldest_make_room_when_there_are_too_many_rows(file: TelemetryFile) -> None:
    store = TraceStore(file, TraceSettings(max_rows=100, max_bytes=1024**3, keep_s=1e6))
    for number in range(0, 400, 20):
        await store.append([span(n, trace=f"t{n}", doc_id=f"d{n}") for n in range(number, number + 20)], 1.0)
    rows, _ = await store.size()
    assert 80 <= rows <= 100
    assert (await store.trace("t0"), await store.named("d0", first=True)) == (None, [])
    assert await store.named("d399", first=True) == ["t399"]


async def test_the_oldest_make_room_when_there_are_too_many_bytes(
    file: TelemetryFile, tmp_path: Path
) -> None:
    store = TraceStore(file, TraceSettings(max_rows=100_000, max_bytes=1024**2, keep_s=1e6))
    for number in range(0, 5000, 250):
        await store.append([span(n, trace=f"t{n}", code="x" * 200) for n in range(number, number + 250)], 1.0)
        assert (await store.size())[1] <= 1024**2
    assert await store.trace("t4999") is not None
    await file.aclose()
    assert (tmp_path / FILE).stat().st_size < 1.2 * 1024**2


async def test_what_is_too_old_is_forgotten(file: TelemetryFile) -> None:
    store = TraceStore(file, TraceSettings(max_rows=1000, max_bytes=1024**3, keep_s=50.0))
    await store.append([span(1, trace="old", at_s=100.0, doc_id="d")], 101.0)
    await store.append([span(2, trace="young", at_s=140.0)], 140.0)
    await store.append([], 151.0)
    assert (await store.trace("old"), await store.named("d", first=True)) == (None, [])
    assert await store.trace("young") is not None
    await store.append([], 500.0)
    assert (await store.size())[0] == 0


async def test_of_a_huge_trace_the_beginning_is_read(file: TelemetryFile) -> None:
    store = TraceStore(file, WIDE)
    await store.append([span(number) for number in range(MOST_ROWS + 2)], 1.0)
    rows = await store.trace("t")
    assert rows is not None
    assert rows.truncated
    assert len(rows.spans) == MOST_ROWS + 1
