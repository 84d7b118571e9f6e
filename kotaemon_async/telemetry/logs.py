"""One JSON object per log line on standard error, or a short human line where that is a terminal."""

import inspect
import json
import logging
import sys
import traceback
from datetime import UTC
from types import FrameType
from typing import TYPE_CHECKING, Final, TextIO

from loguru import logger

from kotaemon_async.telemetry.traces import current_ids

if TYPE_CHECKING:
    from loguru import Message, Record

#: Fields that a bound value cannot overwrite.
_OWN: Final = ("timestamp", "level", "event", "exception")
#: They log one line per call, some with what was sent; only their warnings are wanted.
_CHATTY: Final = (
    "arq",
    "httpx",
    "httpcore",
    "openai",
    "chromadb",
    "urllib3",
    "asyncio",
    "fontTools",
    "markdown_it",
)


def configure(level: str = "info", format: str = "auto", *, stream: TextIO | None = None) -> None:  # noqa: A002
    """Sends every line, loguru's and the standard library's, to `stream` (standard error)."""
    out = stream or sys.stderr
    human = format == "human" or (format == "auto" and out.isatty())
    line_of = human_line if human else json_line

    def write(message: "Message") -> None:
        out.write(line_of(message.record) + "\n")
        out.flush()

    logger.remove()
    logger.configure(patcher=_add_trace)
    logger.add(write, level=level.upper(), format="{message}", backtrace=False, diagnose=False, catch=True)
    _intercept(level)


def json_line(record: "Record") -> str:
    """The record as one JSON object without line breaks; empty bindings are left out."""
    line: dict[str, object] = {
        "timestamp": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name.lower(),
        "event": record["message"],
    }
    bound = record["extra"].items()
    line.update((key, value) for key, value in bound if key not in _OWN and value is not None)
    if record["exception"] is not None:
        line["exception"] = _exception(record)
    return json.dumps(line, ensure_ascii=False, default=str)


def human_line(record: "Record") -> str:
    """Time, level, event and bindings on one line, a traceback below."""
    bound = " ".join(
        f"{key}={value}" for key, value in record["extra"].items() if value is not None and key != "span_id"
    )
    line = f"{record['time']:HH:mm:ss.SSS} {record['level'].name:<7} {record['message']}  {bound}".rstrip()
    line = line.replace("\r", "\\r").replace("\n", "\\n")
    if record["exception"] is not None:
        line += "\n" + _exception(record)["traceback"].rstrip()
    return line


def _exception(record: "Record") -> dict[str, str]:
    found = record["exception"]
    if found is None or found.type is None:
        return {"type": "", "traceback": ""}
    text = "".join(traceback.format_exception(found.type, found.value, found.traceback))
    return {"type": found.type.__name__, "traceback": text}


def _add_trace(record: "Record") -> None:
    """The ids of the running span, unless the line was bound to a trace of its own."""
    trace_id, span_id = current_ids()
    if trace_id:
        record["extra"].setdefault("trace_id", trace_id)
        if record["extra"]["trace_id"] == trace_id:
            record["extra"].setdefault("span_id", span_id)


class _Intercept(logging.Handler):
    """Hands a line of the standard library's logging on as the event `library_log`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        bound = logger.bind(library=record.name, message=record.getMessage())
        bound.opt(depth=_depth(), exception=record.exc_info).log(level, "library_log")


def _depth() -> int:
    """How many frames of the logging module lie between the caller and here."""
    frame: FrameType | None = inspect.currentframe()
    depth = 0
    while frame is not None and (depth < 2 or frame.f_code.co_filename == logging.__file__):
        frame = frame.f_back
        depth += 1
    return depth


def _intercept(level: str) -> None:
    # Never below INFO: at DEBUG the model client writes whole prompts, and those are people's questions.
    floor = max(logging.getLevelNamesMapping()[level.upper()], logging.INFO)
    logging.basicConfig(handlers=[_Intercept()], level=floor, force=True)
    logging.captureWarnings(True)
    for name in list(logging.root.manager.loggerDict):
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)  # requests are logged by http/ itself
