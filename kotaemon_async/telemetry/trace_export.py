"""Spans on their way to a collector, by OTLP over HTTP; one that is slow or dead costs only the spans."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio
from loguru import logger
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from kotaemon_async.telemetry.trace_buffer import Buffer
from kotaemon_async.telemetry.trace_tap import SpanRecord

#: Spans in one request, and how long they are gathered.
BATCH: Final = 512
GATHER_S: Final = 1.0
IDLE_S: Final = 60.0
#: After a failure the next try waits; what comes meanwhile and does not fit is dropped.
PAUSE_S: Final = 5.0
_PATH: Final = "/v1/traces"


class Export:
    """Sends every span that ends; drops what a collector does not take."""

    def __init__(self, exporter: SpanExporter, capacity: int, *, on_drop: Callable[[int], None]) -> None:
        self._exporter = exporter
        self._on_drop = on_drop
        self._buffer: Buffer[ReadableSpan] = Buffer(capacity, on_drop=on_drop)
        self._is_away = False

    def began(self, span: SpanRecord) -> None:
        """Nothing; collectors only take whole spans."""

    def ended(self, span: SpanRecord, original: ReadableSpan) -> None:  # noqa: ARG002
        """Puts it in the queue."""
        self._buffer.put(original)

    async def run(self) -> None:
        """Sends for ever."""
        while True:
            await self._buffer.wait(gather_s=GATHER_S, at_most_s=IDLE_S)
            if (batch := self._buffer.take(BATCH)) and not await self._sent(batch):
                self._on_drop(len(batch))
                await anyio.sleep(PAUSE_S)

    async def aclose(self) -> None:
        """What waits is sent if the collector takes it at once."""
        if not self._is_away and (batch := self._buffer.take(BATCH)):
            with anyio.move_on_after(1.0):
                await self._sent(batch)
        self._exporter.shutdown()

    async def _sent(self, batch: list[ReadableSpan]) -> bool:
        outcome = await self._exported(batch)
        is_away = outcome is not SpanExportResult.SUCCESS
        if is_away != self._is_away:
            self._is_away = is_away
            logger.warning("trace_export_fails") if is_away else logger.info("trace_export_goes_on")
        return not is_away

    async def _exported(self, batch: list[ReadableSpan]) -> SpanExportResult:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[SpanExportResult] = loop.create_future()

        def export() -> None:
            result = self._exporter.export(batch)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, outcome, result)

        # None of the pool's: those are waited for at the end of the process, however long a collector hangs.
        threading.Thread(target=export, name="trace export", daemon=True).start()
        return await outcome


def _settle(outcome: "asyncio.Future[SpanExportResult]", result: SpanExportResult) -> None:
    if not outcome.done():
        outcome.set_result(result)


def otlp_exporter(endpoint: str, timeout_s: float) -> SpanExporter:
    """What sends to a collector at `endpoint`, with or without the path of traces.

    Importing it costs 0.7 s and some MB, so only who has a collector does.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    url = endpoint.rstrip("/")
    url = url if url.endswith(_PATH) else url + _PATH
    return OTLPSpanExporter(endpoint=url, timeout=timeout_s)
