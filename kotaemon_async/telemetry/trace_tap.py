"""Hands spans as plain records to whoever keeps them."""

import threading
from dataclasses import dataclass, field
from typing import Final, Protocol

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import INVALID_SPAN_CONTEXT, StatusCode

#: Spans that are told of when they begin, too: they are to be seen if the process dies within.
LASTING: Final = frozenset({"http POST", "job", "ingest", "answer"})


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened within a span."""

    at_s: float
    name: str
    attributes: dict[str, object]


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span; times are Unix seconds, ids hex, `parent_id` may be empty.

    `ended_s` is None while it lasts; `lasts` says that it was or is told of when it begins, too.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    started_s: float
    ended_s: float | None = None
    failed: bool = False
    attributes: dict[str, object] = field(default_factory=dict)
    events: tuple[EventRecord, ...] = ()
    lasts: bool = False


class Receiver(Protocol):
    """Takes spans; called on any thread, must not wait."""

    def began(self, span: SpanRecord) -> None: ...
    def ended(self, span: SpanRecord, original: ReadableSpan) -> None: ...


class Tap(SpanProcessor):
    """Passes spans on to the receivers of the moment."""

    def __init__(self) -> None:
        self._receivers: tuple[Receiver, ...] = ()
        self._turn = threading.Lock()
        self._lasting: set[int] = set()

    def add(self, receiver: Receiver) -> None:
        """From now on it gets spans."""
        with self._turn:
            self._receivers = (*self._receivers, receiver)

    def remove(self, receiver: Receiver) -> None:
        """It gets no more."""
        with self._turn:
            self._receivers = tuple(one for one in self._receivers if one is not receiver)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Tells of a span that may last."""
        if self._receivers and span.name in LASTING:
            self._lasting.add(span.get_span_context().span_id)
            record = record_of(span, lasts=True)
            for receiver in self._receivers:
                receiver.began(record)

    def on_end(self, span: ReadableSpan) -> None:
        """Tells of every span."""
        ids = span.get_span_context() or INVALID_SPAN_CONTEXT
        lasts = ids.span_id in self._lasting
        self._lasting.discard(ids.span_id)
        if self._receivers:
            record = record_of(span, lasts=lasts)
            for receiver in self._receivers:
                receiver.ended(record, span)


def record_of(span: ReadableSpan, *, lasts: bool) -> SpanRecord:
    """The span as it is now."""
    ids = span.get_span_context() or INVALID_SPAN_CONTEXT
    return SpanRecord(
        trace_id=f"{ids.trace_id:032x}",
        span_id=f"{ids.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        name=span.name,
        started_s=(span.start_time or 0) / 1e9,
        ended_s=span.end_time / 1e9 if span.end_time else None,
        failed=span.status.status_code is StatusCode.ERROR,
        attributes=dict(span.attributes or {}),
        events=tuple(
            EventRecord(one.timestamp / 1e9, one.name, dict(one.attributes or {})) for one in span.events
        ),
        lasts=lasts,
    )


#: That of the process; `traces.PROVIDER` tells it of every span.
TAP: Final = Tap()
