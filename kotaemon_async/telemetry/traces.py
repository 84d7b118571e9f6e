"""One trace id from the first byte of a request to the last job it caused, in W3C `traceparent` form."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.telemetry.task_traces import TASK_TRACES
from kotaemon_async.telemetry.trace_tap import TAP
from kotaemon_async.telemetry.trace_words import Attribute, kept_attributes

__all__ = ["Attribute", "SpanKind"]

# version, trace id, parent id, flags; what a later version appends is not looked at
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

# A streamed reply may be closed from another task than it was started in; the context is then gone
# already, and the complaint of detach() would be noise.
logging.getLogger("opentelemetry.context").setLevel(logging.CRITICAL)

#: Ours alone, not the global one: libraries that trace themselves stay silent. Callers may ask for
#: any sampling they like, the ids and the local record are made in any case.
PROVIDER = TracerProvider(
    sampler=ALWAYS_ON, resource=Resource({"service.name": "kotaemon-async"}), shutdown_on_exit=False
)
PROVIDER.add_span_processor(TASK_TRACES)
PROVIDER.add_span_processor(TAP)
_TRACER = PROVIDER.get_tracer("kotaemon_async")
_IDS = RandomIdGenerator()


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace id, and the header value that continues it elsewhere; both empty outside of a trace."""

    trace_id: str
    traceparent: str


def current() -> TraceContext:
    """The trace this code runs in."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return TraceContext("", "")
    trace_id = f"{found.trace_id:032x}"
    return TraceContext(trace_id, f"00-{trace_id}-{found.span_id:016x}-{int(found.trace_flags) & 1:02x}")


def current_ids() -> tuple[str, str]:
    """Trace id and span id as hex, both empty outside of a trace."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return "", ""
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"


def parse(traceparent: str | None) -> SpanContext | None:
    """The remote parent that a header names, or None for anything W3C calls invalid."""
    match = _TRACEPARENT.fullmatch((traceparent or "").strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16) & 1))
    return parent if parent.is_valid else None


@contextmanager
def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute) -> Iterator[Span]:
    """A span around the block, child of the current one or the root of a new trace.

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
        attributes=kept_attributes(attributes),
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
    """A span around the block inside of a span that is recorded; otherwise nothing: it begins no trace."""
    if not trace.get_current_span().is_recording():
        yield trace.INVALID_SPAN
        return
    with span(name, kind=kind, **attributes) as started:
        yield started


@contextmanager
def unrecorded() -> Iterator[None]:
    """The block has a trace id for its log lines and replies, a given one or its own, and no spans."""
    given = trace.get_current_span().get_span_context()
    trace_id = given.trace_id if given.is_valid else _IDS.generate_trace_id()
    ids = SpanContext(trace_id, _IDS.generate_span_id(), is_remote=False)
    with trace.use_span(NonRecordingSpan(ids), record_exception=False, set_status_on_exception=False):
        yield


def past_span(name: str, began_s: float, ended_s: float, **attributes: Attribute) -> None:
    """Records what is over already, in Unix seconds, as a child of the current span."""
    parent = trace.get_current_span()
    if parent.get_span_context().is_valid and not _is_unrecorded(parent):
        started = _TRACER.start_span(name, start_time=_ns(began_s), attributes=kept_attributes(attributes))
        started.end(_ns(max(began_s, ended_s)))


def event(name: str, **attributes: Attribute) -> None:
    """Notes in the current span that something happened now."""
    current_span = trace.get_current_span()
    if current_span.is_recording():
        current_span.add_event(name, kept_attributes(attributes))


def mark(**attributes: Attribute) -> None:
    """Adds attributes to the current span."""
    current_span = trace.get_current_span()
    if current_span.is_recording():
        current_span.set_attributes(kept_attributes(attributes))


def rename(name: str) -> None:
    """The current span gets its name only now, when it is known."""
    trace.get_current_span().update_name(name)


def mark_failed(code: str) -> None:
    """The current span has failed, although nothing is raised through it."""
    current_span = trace.get_current_span()
    if current_span.is_recording():
        _fail(current_span, code)


def _fail(failed: Span, kind: str) -> None:
    failed.set_attribute("error.type", kind)
    failed.set_status(Status(StatusCode.ERROR))


def _is_unrecorded(parent: Span) -> bool:
    """Whether it stands for a trace of this process that is not recorded."""
    ids = parent.get_span_context()
    return isinstance(parent, NonRecordingSpan) and ids.is_valid and not ids.is_remote


def _ns(at_s: float) -> int:
    return int(at_s * 1e9)


@contextmanager
def continue_from(traceparent: str | None) -> Iterator[None]:
    """Spans of the block belong to the trace that the header names; an invalid header changes nothing."""
    parent = parse(traceparent)
    if parent is None:
        yield
        return
    token = otel_context.attach(trace.set_span_in_context(NonRecordingSpan(parent)))
    try:
        yield
    finally:
        otel_context.detach(token)
