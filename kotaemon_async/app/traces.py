"""Puts together what keeps the spans of requests and documents, and sends them to a collector."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from kotaemon_async.app.settings import Settings
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.trace_export import TraceExport, otlp_exporter
from kotaemon_async.telemetry.traces import LISTENERS


@dataclass(frozen=True, slots=True)
class Traces:
    """What keeps spans, and the file it keeps them in."""

    file: TelemetryFile
    tracing: Tracing

    def register_in(self, health: Health) -> None:
        """Make the file's check a part of the report."""
        self.tracing.register_in(health)


async def open_traces(settings: Settings, folder: Path, ledger: Ledger, stack: AsyncExitStack) -> Traces:
    """Open the file, keep spans, and send them where a collector is set; all is closed with the stack."""
    wanted = settings.traces
    file = await TelemetryFile.open(folder / FILE)
    stack.push_async_callback(file.aclose)
    tracing = Tracing(file, wanted, ledger, alone=not settings.broker.is_shared)
    if wanted.keep:
        await stack.enter_async_context(tracing.listening())
    if wanted.otlp_endpoint is not None:
        exporter = otlp_exporter(wanted.otlp_endpoint, wanted.otlp_timeout_s)
        export = TraceExport(exporter, wanted.queue_rows, on_drop=metrics.SPANS_DROPPED.inc)
        stack.push_async_callback(export.aclose)
        LISTENERS.add(export)
        stack.callback(LISTENERS.remove, export)
    return Traces(file, tracing)
