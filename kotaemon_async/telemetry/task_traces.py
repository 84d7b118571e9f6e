"""Which trace a task works for, readable from another thread, where its context cannot be seen."""

import asyncio
from weakref import WeakKeyDictionary

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor


class TaskTraces(SpanProcessor):
    """Remembers the open spans of every task; those of threads are not kept."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[asyncio.Task[object], dict[int, str]] = WeakKeyDictionary()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
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


#: Those of the process; `traces.PROVIDER` tells it of every span.
TASK_TRACES = TaskTraces()
