"""Puts together what keeps and sends traces, and tells how documents became ready."""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loguru import logger

from kotaemon_async.app.parts import is_shared
from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from kotaemon_async.stores.traces import TraceBounds
from kotaemon_async.stores.vector_log import LogEntry
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.trace_export import Export, otlp_exporter
from kotaemon_async.telemetry.trace_tap import TAP
from kotaemon_async.telemetry.traces import continue_from, past_span, span
from kotaemon_async.tracing import Tracing

#: Documents whose way through the index is remembered; of the others only the end is told.
_MOST_ON_THE_WAY: Final = 1000


@dataclass(frozen=True, slots=True)
class Traces:
    """What becomes of spans: kept in `file` by `tracing`, and sent where a collector is set."""

    file: TelemetryFile
    tracing: Tracing
    export: Export | None

    def register_in(self, health: Health) -> None:
        """The file's check is part of the report."""
        self.tracing.register_in(health)

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What has to run for it, by name."""
        found: dict[str, Callable[[], Awaitable[None]]] = {"traces": self.tracing.run}
        if self.export is not None:
            found["trace_export"] = self.export.run
        return found


async def open_traces(settings: Settings, folder: Path, ledger: Ledger, stack: AsyncExitStack) -> Traces:
    """The file, who listens to spans, and the way to a collector; all closed with the stack."""
    wanted = settings.traces
    file = await TelemetryFile.open(folder / FILE)
    stack.push_async_callback(file.aclose)
    bounds = TraceBounds(wanted.max_rows, wanted.max_bytes, wanted.keep_s)
    tracing = Tracing(file, bounds, ledger, capacity=wanted.queue_rows, alone=not is_shared(settings))
    if wanted.keep:
        await stack.enter_async_context(tracing.listening())
    export = None
    if wanted.otlp_endpoint is not None:
        exporter = otlp_exporter(wanted.otlp_endpoint, wanted.otlp_timeout_s)
        export = Export(exporter, wanted.queue_rows, on_drop=metrics.SPANS_DROPPED.inc)
        stack.push_async_callback(export.aclose)
        TAP.add(export)
        stack.callback(TAP.remove, export)
    return Traces(file, tracing, export)


@dataclass(frozen=True, slots=True)
class _Way:
    """Since when a document's entries were applied to the index, and how many."""

    began_s: float
    entries: int


class ReadyNews:
    """Tells, under the trace that began with its upload, how a document went through the index."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self._ways: dict[str, _Way] = {}

    def applied(self, entries: Sequence[LogEntry], began_s: float) -> None:
        """Notes whose entries are in the index now."""
        for entry in entries:
            way = self._ways.setdefault(entry.document_id, _Way(began_s, 0))
            self._ways[entry.document_id] = replace(way, entries=way.entries + 1)
        while len(self._ways) > _MOST_ON_THE_WAY:
            del self._ways[next(iter(self._ways))]

    async def ready(self, document_ids: list[str]) -> None:
        """One span and one line for each document."""
        for document_id in document_ids:
            way = self._ways.pop(document_id, None)
            try:
                document = await self._ledger.get(document_id)
            except Refused:
                continue  # deleted in the meantime
            ready_s = document.ready_at_s or self._clock()
            with continue_from(document.traceparent):
                if way is not None:
                    past_span("index", way.began_s, ready_s, doc_id=document_id, entries=way.entries)
                with span("ready", doc_id=document_id):
                    waited_s = round(ready_s - document.created_at_s, 3)
                    logger.bind(doc_id=document_id, duration_s=waited_s).info("document_ready")
