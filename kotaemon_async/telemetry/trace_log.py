"""Log lines that belong to a trace, kept beside its spans."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from kotaemon_async.telemetry.logs import event_of
from kotaemon_async.telemetry.trace_words import kept_fields

if TYPE_CHECKING:
    from loguru import Message, Record

_IDS = frozenset({"trace_id", "span_id"})


@dataclass(frozen=True, slots=True)
class LineRecord:
    """One log line; `exception` is the type's name, empty without one. The time is in Unix seconds."""

    trace_id: str
    span_id: str
    at_s: float
    level: str
    event: str
    exception: str
    fields: dict[str, object]


@contextmanager
def lines_to(take: Callable[[LineRecord], None]) -> Iterator[None]:
    """While the block runs, `take` gets every line from info on that has a trace id; on any thread."""

    def write(message: "Message") -> None:
        take(_line_of(message.record))

    sink = logger.add(
        write, level="INFO", format=_no_text, filter=_has_trace, backtrace=False, diagnose=False, catch=True
    )
    try:
        yield
    finally:
        _remove(sink)


def _remove(sink: int) -> None:
    try:
        logger.remove(sink)
    except ValueError:  # everything that was logged to is closed already
        return


def _no_text(_: "Record") -> str:
    """What loguru would otherwise write out, the traceback with it, is made by nobody."""
    return ""


def _has_trace(record: "Record") -> bool:
    return bool(record["extra"].get("trace_id"))


def _line_of(record: "Record") -> LineRecord:
    found, bound = record["exception"], record["extra"]
    return LineRecord(
        trace_id=str(bound["trace_id"]),
        span_id=str(bound.get("span_id") or ""),
        at_s=record["time"].timestamp(),
        level=record["level"].name.lower(),
        event=event_of(record),
        exception=found.type.__name__ if found is not None and found.type is not None else "",
        fields=kept_fields({key: value for key, value in bound.items() if key not in _IDS}),
    )
