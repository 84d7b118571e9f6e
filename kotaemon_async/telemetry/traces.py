"""One trace id from the first byte of a request to the last job it caused, in W3C `traceparent` form."""

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as RecordedSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    format_span_id,
    format_trace_id,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.telemetry.trace_words import Attribute, Kept, kept_attributes

__all__ = ["Attribute", "SpanKind"]

# A streamed reply may be closed from another task than it was started in; the context is then gone
# already, and what detach() logs would be noise.
logging.getLogger("opentelemetry.context").setLevel(logging.CRITICAL)
# A header of another's making is nothing to warn of.
logging.getLogger("opentelemetry.trace.propagation.tracecontext").setLevel(logging.CRITICAL)


class SpanListeners(SpanProcessor):
    """Passes spans on to the processors of the moment; the SDK's provider cannot let one go."""

    def __init__(self) -> None:
        self._processors: tuple[SpanProcessor, ...] = ()
        self._turn = threading.Lock()

    def add(self, processor: SpanProcessor) -> None:
        """Pass spans on to it from now on; it is called on any thread and must not wait."""
        with self._turn:
            self._processors = (*self._processors, processor)

    def remove(self, processor: SpanProcessor) -> None:
        """Pass no more spans on to it."""
        with self._turn:
            self._processors = tuple(one for one in self._processors if one is not processor)

    def on_start(self, span: RecordedSpan, parent_context: Context | None = None) -> None:
        """Pass on a span that begins."""
        for processor in self._processors:
            processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on a span that has ended."""
        for processor in self._processors:
            processor.on_end(span)


class TaskTraces(SpanProcessor):
    """Remembers which trace each task works for, readable from another thread; threads are left out."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[asyncio.Task[object], dict[int, str]] = WeakKeyDictionary()

    def on_start(self, span: RecordedSpan, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Keep the span for the task that runs now."""
        task, found = _task(), span.get_span_context()
        if task is not None and found is not None:
            self._open.setdefault(task, {})[found.span_id] = f"{found.trace_id:032x}"

    def on_end(self, span: ReadableSpan) -> None:
        """Forget the span; one that another task ends goes with the task that began it."""
        task, found = _task(), span.get_span_context()
        if task is not None and found is not None:
            self._open.get(task, {}).pop(found.span_id, None)

    def trace_of(self, task: "asyncio.Task[object] | None") -> str:
        """Return the trace id of the task's innermost span, "" without one; callable from any thread."""
        found = self._open.get(task, {}) if task is not None else {}
        return next(reversed(list(found.values())), "")


def _task() -> "asyncio.Task[object] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


#: Ours alone, not the global one: libraries that trace themselves stay silent. Callers may ask for
#: any sampling they like, the ids and the local record are made in any case.
PROVIDER = TracerProvider(
    sampler=ALWAYS_ON, resource=Resource({"service.name": "kotaemon-async"}), shutdown_on_exit=False
)
TASK_TRACES = TaskTraces()
PROVIDER.add_span_processor(TASK_TRACES)
LISTENERS = SpanListeners()
PROVIDER.add_span_processor(LISTENERS)
_TRACER = PROVIDER.get_tracer("kotaemon_async")
_IDS = RandomIdGenerator()
_HEADERS = TraceContextTextMapPropagator()
_USER_ID: ContextVar[str] = ContextVar("user_id", default="")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace id, and the header value that continues it elsewhere; both empty outside of a trace."""

    trace_id: str
    traceparent: str


def current() -> TraceContext:
    """Return the trace this code runs in."""
    trace_id, span_id = current_ids()
    if not trace_id:
        return TraceContext("", "")
    # The SDK's propagator would write its flag for random ids, too, which older receivers refuse.
    is_sampled = trace.get_current_span().get_span_context().trace_flags.sampled
    return TraceContext(trace_id, f"00-{trace_id}-{span_id}-{int(is_sampled):02x}")


def current_ids() -> tuple[str, str]:
    """Return trace id and span id as hex, both empty outside of a trace."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return "", ""
    return format_trace_id(found.trace_id), format_span_id(found.span_id)


@contextmanager
def caused_by(user_id: str) -> Iterator[None]:
    """Let all spans and log lines of the block, and of tasks that begin in it, carry the caller's id."""
    token = _USER_ID.set(user_id)
    try:
        yield
    finally:
        _USER_ID.reset(token)


def current_user_id() -> str:
    """Return the id of the caller this code works for, "" when it is nobody's."""
    return _USER_ID.get()


@contextmanager
def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute) -> Iterator[Span]:
    """Record a span around the block, child of the current one or the root of a new trace.

    Attributes whose key is not in trace_words.ATTRIBUTES are left out, there and in all functions below.
    """
    parent = trace.get_current_span()
    if _is_unrecorded(parent):
        yield parent
        return
    # The texts of exceptions may quote documents, so only their type goes into the span.
    with _TRACER.start_as_current_span(
        name,
        kind=kind,
        attributes=_attributes(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
        try:
            yield started
        except asyncio.CancelledError:
            started.set_attribute("cancelled", True)
            raise
        except Exception as error:
            _fail(started, error.code if isinstance(error, KotaemonError) else type(error).__name__)
            raise


@contextmanager
def child_span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute) -> Iterator[Span]:
    """Record a span around the block inside of a span that is recorded; begin no trace."""
    if not trace.get_current_span().is_recording():
        yield trace.INVALID_SPAN
        return
    with span(name, kind=kind, **attributes) as started:
        yield started


@contextmanager
def unrecorded() -> Iterator[None]:
    """Give the block a trace id for its log lines and replies, a given one or its own, and no spans."""
    given = trace.get_current_span().get_span_context()
    trace_id = given.trace_id if given.is_valid else _IDS.generate_trace_id()
    ids = SpanContext(trace_id, _IDS.generate_span_id(), is_remote=False)
    with trace.use_span(NonRecordingSpan(ids), record_exception=False, set_status_on_exception=False):
        yield


def past_span(name: str, began_s: float, ended_s: float, **attributes: Attribute) -> None:
    """Record what is over already, in Unix seconds, as a child of the current span."""
    parent = trace.get_current_span()
    if parent.get_span_context().is_valid and not _is_unrecorded(parent):
        started = _TRACER.start_span(name, start_time=_ns(began_s), attributes=_attributes(attributes))
        started.end(_ns(max(began_s, ended_s)))


def event(name: str, **attributes: Attribute) -> None:
    """Note in the current span that something happened now."""
    current_span = trace.get_current_span()
    if current_span.is_recording():
        current_span.add_event(name, kept_attributes(attributes))


def mark(**attributes: Attribute) -> None:
    """Add attributes to the current span."""
    current_span = trace.get_current_span()
    if current_span.is_recording():
        current_span.set_attributes(kept_attributes(attributes))


def rename(name: str) -> None:
    """Give the current span its name, which is known only now."""
    trace.get_current_span().update_name(name)


def mark_failed(code: str) -> None:
    """Mark the current span as failed, although nothing is raised through it."""
    current_span = trace.get_current_span()
    if current_span.is_recording():
        _fail(current_span, code)


def _attributes(given: Mapping[str, Attribute]) -> Kept:
    return kept_attributes({"user_id": current_user_id() or None, **given})


def _fail(failed: Span, kind: str) -> None:
    failed.set_attribute("error.type", kind)
    failed.set_status(Status(StatusCode.ERROR))


def _is_unrecorded(parent: Span) -> bool:
    """Return whether it stands for a trace of this process that is not recorded."""
    ids = parent.get_span_context()
    return isinstance(parent, NonRecordingSpan) and ids.is_valid and not ids.is_remote


def _ns(at_s: float) -> int:
    return int(at_s * 1e9)


@contextmanager
def continue_from(traceparent: str | None) -> Iterator[None]:
    """Let spans of the block belong to the trace that the header names; an invalid one changes nothing."""
    headers = {"traceparent": traceparent or ""}
    token = otel_context.attach(_HEADERS.extract(headers, otel_context.get_current()))
    try:
        yield
    finally:
        otel_context.detach(token)
