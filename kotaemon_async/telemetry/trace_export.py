"""Spans on their way to a collector, by OTLP over HTTP; one that is slow or dead costs only the spans."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

import anyio.to_thread
from loguru import logger
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

#: Spans in one request, and how long they are gathered.
BATCH: Final = 512
GATHER_S: Final = 1.0
#: How long the end of the process waits for the last batch.
CLOSE_S: Final = 1.0
_PATH: Final = "/v1/traces"


class TraceExport(SpanProcessor):
    """Sends every span that ends in the SDK's batches; counts what a collector does not take.

    The SDK's queue drops the oldest spans without a word, so what does not fit is kept out of it here.
    """

    def __init__(self, exporter: SpanExporter, capacity: int, *, on_drop: Callable[[int], None]) -> None:
        self._capacity = capacity
        self._on_drop = on_drop
        self._waiting = 0
        self._turn = threading.Lock()
        self._exporter = _CountedExporter(exporter, self._taken, on_drop)
        self._batches = BatchSpanProcessor(
            self._exporter,
            max_queue_size=capacity,
            schedule_delay_millis=1000 * GATHER_S,
            max_export_batch_size=min(BATCH, capacity),
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Put the span in the queue; never waits."""
        with self._turn:
            fits = self._waiting < self._capacity
            self._waiting += fits
        if fits:
            self._batches.on_end(span)
        else:
            self._on_drop(1)

    async def aclose(self) -> None:
        """Send what waits if the collector takes it at once."""
        # A thread of its own: those of the pool are waited for at the end of the process.
        closing = threading.Thread(target=self._batches.shutdown, name="trace export", daemon=True)
        closing.start()
        if not self._exporter.is_away:
            await anyio.to_thread.run_sync(closing.join, CLOSE_S)

    def _taken(self, spans: int) -> None:
        with self._turn:
            self._waiting -= spans


class _CountedExporter(SpanExporter):
    """Tells what it takes from the queue and what was not sent."""

    def __init__(
        self, exporter: SpanExporter, on_taken: Callable[[int], None], on_drop: Callable[[int], None]
    ) -> None:
        self._exporter = exporter
        self._on_taken = on_taken
        self._on_drop = on_drop
        self.is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; called on the SDK's thread."""
        self._on_taken(len(spans))
        outcome = self._exporter.export(spans)
        is_away = outcome is not SpanExportResult.SUCCESS
        if is_away:
            self._on_drop(len(spans))
        if is_away != self.is_away:
            self.is_away = is_away
            logger.warning("trace_export_fails") if is_away else logger.info("trace_export_goes_on")
        return outcome

    def shutdown(self) -> None:
        """Give up what is being sent."""
        self._exporter.shutdown()


def otlp_exporter(endpoint: str, timeout_s: float) -> SpanExporter:
    """Return what sends to a collector at `endpoint`, with or without the path of traces.

    Importing it costs 0.7 s and some MB, so only who has a collector does.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    url = endpoint.rstrip("/")
    url = url if url.endswith(_PATH) else url + _PATH
    return OTLPSpanExporter(endpoint=url, timeout=timeout_s)
