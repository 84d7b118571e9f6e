"""Use case: keep spans and log lines, and give the path of a request or document from them."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final

import anyio
from loguru import logger
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import KotaemonError, Refused, Unavailable
from kotaemon_async.operations.traces.path import TraceBody, is_caused_by, path_of, without_others
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import TelemetryFile
from kotaemon_async.stores.traces import LineRow, Row, TraceStore, span_row
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.logs import event_of
from kotaemon_async.telemetry.settings import TraceSettings
from kotaemon_async.telemetry.trace_words import kept_fields
from kotaemon_async.telemetry.traces import LISTENERS

if TYPE_CHECKING:
    from loguru import Message, Record

#: Spans that are written when they begin, too: they are to be seen if the process dies within.
LASTING: Final = frozenset({"http POST", "job", "ingest", "answer"})

#: Rows in one transaction, and how long they are gathered for it.
BATCH: Final = 500
GATHER_S: Final = 0.2
#: While something lasts, the file shows at least so often that this process is there.
SHOW_S: Final = 2.0
_IDLE_S: Final = 600.0
_CLOSE_S: Final = 2.0
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_IDS: Final = frozenset({"trace_id", "span_id"})


class Tracing(SpanProcessor):
    """Takes spans and log lines without ever keeping anybody waiting; `run` writes them down.

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
        self._buffer = RowBuffer(settings.queue_rows, on_drop=self._dropped)
        self._writing = anyio.Lock()
        self._lasting: set[int] = set()
        self.dropped = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take spans and lines while the block runs; write the last ones at its end."""
        LISTENERS.add(self)
        try:
            with lines_to(self._buffer.put):
                yield
        finally:
            LISTENERS.remove(self)
            with anyio.move_on_after(_CLOSE_S, shield=True):
                await self._write(ended=True)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Take a span that may last: it is written at once."""
        if span.name in LASTING:
            self._lasting.add(_id_of(span))
            self._buffer.put(span_row(span, lasts=True), urgent=True, matters=True)

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that is over."""
        lasts = _id_of(span) in self._lasting
        self._lasting.discard(_id_of(span))
        # Without its end, what has begun would seem to go on for ever.
        self._buffer.put(span_row(span, lasts=lasts), matters=lasts)

    async def run(self) -> None:
        """Write for ever; drop and count what cannot be written."""
        while True:
            await self._buffer.wait(gather_s=GATHER_S, at_most_s=SHOW_S if self._lasting else _IDLE_S)
            await self._write()

    async def path(self, name: str, caller: Caller) -> TraceBody:
        """Return the path that a trace id, a document id, an answer id or an X-Request-ID leads to.

        Raises: Refused `not_found`, also for what holds more than the caller's own requests and what these
        caused; Unavailable.
        """
        await self._write()
        for trace_id in await self._candidates(name, caller):
            rows = await self._store.trace(trace_id)
            if rows is not None and not caller.is_admin:
                rows = without_others(rows) if is_caused_by(rows, await self._ids(caller)) else None
            if rows is not None:
                return path_of(trace_id, rows, self._clock(), self._store.process, alone=self._alone)
        raise Refused(
            f"No trace of {name!r} is kept.",
            code="not_found",
            hint="Take a trace id, an id of a document or an answer, or an X-Request-ID that is not too old.",
        )

    def register_in(self, health: Health) -> None:
        """Make its check a part of the report."""
        health.register("traces", self.check)

    async def check(self) -> dict[str, object]:
        """Return how many rows and bytes are kept, for the health report; with a `code` while nothing is."""
        found = {**await self._file.check(), "waiting": len(self._buffer), "dropped": self.dropped}
        if "code" not in found:
            try:
                found["rows"], found["size_bytes"] = await self._store.size()
            except Unavailable as error:
                found |= {"code": error.code, "message": error.hint}
        return found

    async def _candidates(self, name: str, caller: Caller) -> list[str]:
        """Return trace ids that the name may stand for, the likeliest first."""
        if _TRACE_ID.fullmatch(name):
            return [name]
        known = await self._known(name, caller)
        named = await self._store.named(name, first=known is not None)
        return [trace_id for trace_id in (known, *named) if trace_id]

    async def _ids(self, caller: Caller) -> set[str]:
        """Return what lines and spans call the caller, and his user with other keys."""
        found = {caller.id}
        if caller.user:
            with suppress(Unavailable):
                found |= {key.id for key in await self._ledger.api_keys.listed() if key.user == caller.user}
        return found

    async def _known(self, name: str, caller: Caller) -> str | None:
        """Return what the ledger says; empty when it knows no such thing, None for names of other things."""
        try:
            if name.startswith("doc_"):
                return (await self._ledger.documents.get(name)).trace_id
            if name.startswith("ans_"):
                return (await self._ledger.answers.get(name, caller)).trace_id
        except KotaemonError:  # deleted, or the ledger is away: the file may know
            return ""
        return None

    async def _write(self, *, ended: bool = False) -> None:
        """Write everything that waits, or drop it."""
        async with self._writing:
            begun = False
            while not begun or len(self._buffer):
                begun, batch = True, self._buffer.take(BATCH)
                await self._append(batch, ended=ended and not len(self._buffer))

    async def _append(self, batch: list[Row], *, ended: bool) -> None:
        try:
            await self._store.append(batch, self._clock(), ended=ended)
        except Unavailable:
            self._dropped(len(batch))

    def _dropped(self, rows: int) -> None:
        self.dropped += rows
        metrics.SPANS_DROPPED.inc(rows)


class RowBuffer:
    """Takes rows from any thread, gives them to one task; what does not fit is dropped and counted."""

    def __init__(self, capacity: int, *, on_drop: Callable[[int], None]) -> None:
        self._capacity = capacity
        self._on_drop = on_drop
        self._rows: deque[Row] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._filled = asyncio.Event()
        self._urgent = asyncio.Event()

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, row: Row, *, urgent: bool = False, matters: bool = False) -> None:
        """Have the row written soon, or at once; what matters finds twice as much room."""
        if len(self._rows) >= (2 * self._capacity if matters else self._capacity):
            self._on_drop(1)
            return
        self._rows.append(row)
        if urgent:
            self._notify(self._urgent)
        if len(self._rows) == 1 or urgent:
            self._notify(self._filled)

    async def wait(self, *, gather_s: float, at_most_s: float) -> None:
        """Wait for a row and `gather_s` longer, in which more may come; or until `at_most_s` is over."""
        self._loop = asyncio.get_running_loop()
        if self._rows or await _is_set(self._filled, at_most_s):
            await _is_set(self._urgent, gather_s)

    def take(self, most: int) -> list[Row]:
        """Take out the oldest rows, at most so many."""
        taken = [self._rows.popleft() for _ in range(min(most, len(self._rows)))]
        if not self._rows:
            self._filled.clear()
            self._urgent.clear()
        return taken

    def _notify(self, event: asyncio.Event) -> None:
        # Before anybody has waited there is no loop; whoever waits first looks at what is there.
        if self._loop is not None and not event.is_set():
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(event.set)


async def _is_set(event: asyncio.Event, within_s: float) -> bool:
    with anyio.move_on_after(within_s):
        await event.wait()
    return event.is_set()


@contextmanager
def lines_to(take: Callable[[LineRow], None]) -> Iterator[None]:
    """Give `take` each line from info on that has a trace id, during the block and on any thread."""

    def write(message: "Message") -> None:
        take(_line_of(message.record))

    # Without a format loguru makes no text and no traceback that nobody would read.
    sink = logger.add(
        write,
        level="INFO",
        format=lambda _: "",
        filter=lambda record: bool(record["extra"].get("trace_id")),
        backtrace=False,
        diagnose=False,
        catch=True,
    )
    try:
        yield
    finally:
        with suppress(ValueError):  # everything that was logged to is closed already
            logger.remove(sink)


def _line_of(record: "Record") -> LineRow:
    found, bound = record["exception"], record["extra"]
    return LineRow(
        trace_id=str(bound["trace_id"]),
        span_id=str(bound.get("span_id") or ""),
        at_s=record["time"].timestamp(),
        level=record["level"].name.lower(),
        event=event_of(record),
        exception=found.type.__name__ if found is not None and found.type is not None else "",
        fields=kept_fields({key: value for key, value in bound.items() if key not in _IDS}),
    )


def _id_of(span: ReadableSpan) -> int:
    return (span.get_span_context() or INVALID_SPAN_CONTEXT).span_id
