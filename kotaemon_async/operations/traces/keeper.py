"""Use case: keep what spans and log lines tell, and give the path of a request or document from it."""

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from opentelemetry.sdk.trace import ReadableSpan

from kotaemon_async.domain.errors import KotaemonError, Refused, Unavailable
from kotaemon_async.operations.traces.path import TracePath, path_of
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import TelemetryFile
from kotaemon_async.stores.traces import Record, TraceStore
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.settings import TraceSettings
from kotaemon_async.telemetry.trace_buffer import Buffer
from kotaemon_async.telemetry.trace_log import LineRecord, lines_to
from kotaemon_async.telemetry.trace_tap import TAP, SpanRecord

#: Records in one transaction, and how long they are gathered for it.
BATCH: Final = 500
GATHER_S: Final = 0.2
#: While something lasts, the file shows at least so often that this process is there.
SHOW_S: Final = 2.0
_IDLE_S: Final = 600.0
_CLOSE_S: Final = 2.0
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


class Tracing:
    """Takes spans and lines without ever keeping anybody waiting; `run` writes them down.

    `alone` says that no other process works in the same data folder.
    """

    def __init__(
        self,
        file: TelemetryFile,
        settings: TraceSettings,
        ledger: Ledger,
        *,
        alone: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._store = TraceStore(file, settings)
        self._ledger = ledger
        self._alone = alone
        self._clock = clock
        self._buffer: Buffer[Record] = Buffer(settings.queue_rows, on_drop=self._dropped)
        self._writing = anyio.Lock()
        self._lasting = 0
        self.dropped = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Spans and lines are taken while the block runs; at its end the last ones are written."""
        TAP.add(self)
        try:
            with lines_to(self._take_line):
                yield
        finally:
            TAP.remove(self)
            with anyio.move_on_after(_CLOSE_S, shield=True):
                await self._write(ended=True)

    def began(self, span: SpanRecord) -> None:
        """Takes a span that may last: it is written at once."""
        self._lasting += 1
        self._buffer.put(span, urgent=True, matters=True)

    def ended(self, span: SpanRecord, original: ReadableSpan) -> None:  # noqa: ARG002
        """Takes a span that is over."""
        self._lasting -= span.lasts
        # Without its end, what has begun would seem to go on for ever.
        self._buffer.put(span, matters=span.lasts)

    def _take_line(self, line: LineRecord) -> None:
        self._buffer.put(line)

    async def run(self) -> None:
        """Writes for ever; what cannot be written is dropped and counted."""
        while True:
            await self._buffer.wait(gather_s=GATHER_S, at_most_s=SHOW_S if self._lasting > 0 else _IDLE_S)
            await self._write()

    async def path(self, name: str) -> TracePath:
        """The path that a trace id, a document id, an answer id or an X-Request-ID leads to.

        Raises: Refused `not_found`; Unavailable.
        """
        await self._write()
        for trace_id in await self._candidates(name):
            rows = await self._store.trace(trace_id)
            if rows is not None:
                return path_of(trace_id, rows, self._clock(), self._store.process, alone=self._alone)
        raise Refused(
            f"No trace of {name!r} is kept.",
            code="not_found",
            hint="Take a trace id, an id of a document or an answer, or an X-Request-ID that is not too old.",
        )

    def register_in(self, health: Health) -> None:
        """Its check is part of the report."""
        health.register("traces", self.check)

    async def check(self) -> dict[str, object]:
        """How many rows and bytes are kept, for the health report; with a `code` while nothing is."""
        found = {**await self._file.check(), "waiting": len(self._buffer), "dropped": self.dropped}
        if "code" not in found:
            try:
                found["rows"], found["size_bytes"] = await self._store.size()
            except Unavailable as error:
                found |= {"code": error.code, "message": error.hint}
        return found

    async def _candidates(self, name: str) -> list[str]:
        """Trace ids that the name may stand for, the likeliest first."""
        if _TRACE_ID.fullmatch(name):
            return [name]
        known = await self._known(name)
        named = await self._store.named(name, first=known is not None)
        return [trace_id for trace_id in (known, named) if trace_id]

    async def _known(self, name: str) -> str | None:
        """What the ledger says; empty when it says nothing of a document or answer, None for other names."""
        try:
            if name.startswith("doc_"):
                return (await self._ledger.documents.get(name)).trace_id
            if name.startswith("ans_"):
                return (await self._ledger.answers.get(name)).trace_id
        except KotaemonError:  # deleted, or the ledger is away: the file may know
            return ""
        return None

    async def _write(self, *, ended: bool = False) -> None:
        """Everything that waits is written, or dropped."""
        async with self._writing:
            begun = False
            while not begun or len(self._buffer):
                begun, batch = True, self._buffer.take(BATCH)
                await self._append(batch, ended=ended and not len(self._buffer))

    async def _append(self, batch: list[Record], *, ended: bool) -> None:
        try:
            await self._store.append(batch, self._clock(), ended=ended)
        except Unavailable:
            self._dropped(len(batch))

    def _dropped(self, records: int) -> None:
        self.dropped += records
        metrics.SPANS_DROPPED.inc(records)
