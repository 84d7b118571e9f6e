"""Puts together what keeps and sends traces."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from kotaemon_async.app.settings import Settings
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.trace_export import Export, otlp_exporter
from kotaemon_async.telemetry.trace_tap import TAP


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
    tracing = Tracing(file, wanted, ledger, alone=not settings.broker.is_shared)
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
