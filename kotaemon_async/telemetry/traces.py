"""One trace id from the first byte of a request to the last job it caused, in W3C `traceparent` form."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

#: What an attribute may hold; None is left out.
Attribute = str | bool | int | float | None

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
_TRACER = PROVIDER.get_tracer("kotaemon_async")


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
def span(name: str, **attributes: Attribute) -> Iterator[Span]:
    """A span around the block, child of the current one or the root of a new trace."""
    kept = {key: value for key, value in attributes.items() if value is not None}
    # The texts of exceptions may quote documents, so only their type goes into the span.
    with _TRACER.start_as_current_span(
        name, attributes=kept, record_exception=False, set_status_on_exception=False
    ) as started:
        try:
            yield started
        except Exception as error:
            started.set_attribute("error.type", type(error).__name__)
            started.set_status(Status(StatusCode.ERROR))
            raise


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
