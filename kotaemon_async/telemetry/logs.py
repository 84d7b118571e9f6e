"""One JSON object per log line on standard output, or a short human line where that is a terminal.

config/logs.md holds every field and every event. What a line may carry is decided here: an event is a slug,
exceptions lose their texts, and libraries get no say beyond what they wrote into their source.
"""

import atexit
import inspect
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Final, TextIO

from loguru import logger

from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.log_targets import LogFiles, target_of
from kotaemon_async.telemetry.log_writer import LogWriter
from kotaemon_async.telemetry.settings import LogSettings
from kotaemon_async.telemetry.traces import current_ids, current_user_id

if TYPE_CHECKING:
    from loguru import Message, Record

#: How long the last lines may take at the end of the process.
DRAIN_S: Final = 2.0

_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
#: Fields that a bound value cannot overwrite.
_OWN: Final = ("timestamp", "level", "event", "exception")
#: They log one line per call, some with what was sent; only their warnings are wanted.
_CHATTY: Final = (
    "arq",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "openai",
    "chromadb",
    "urllib3",
    "asyncio",
    "fontTools",
    "markdown_it",
)


_writer: LogWriter | None = None


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every line, loguru's and the standard library's, to the file, else to `stream` (standard output).

    Raises: OSError when the file cannot be written.
    """
    global _writer  # noqa: PLW0603 - there is one log in a process
    out = stream or sys.stdout
    files, is_auto = None, settings.format == "auto"
    human = settings.format == "human" or (is_auto and settings.file is None and out.isatty())
    if settings.file is not None:
        files = LogFiles(settings.file.absolute(), settings.max_bytes, settings.keep_files, settings.keep_s)
        files.open()
    close()
    writer = _writer = LogWriter(
        files or target_of(out),
        on_drop=metrics.LOG_LINES_DROPPED.inc,
        drop_line=_dropped_human if human else _dropped_json,
        max_lines=settings.queue_lines,
    )
    logger.configure(patcher=_add_trace)
    sink = _sink(writer, human_line if human else json_line)
    logger.add(
        sink, level=settings.level.upper(), format=_no_text, backtrace=False, diagnose=False, catch=True
    )
    _intercept(settings.level)


def flush(timeout_s: float = DRAIN_S) -> bool:
    """Wait until all that was logged is out; return whether it was within the time."""
    return _writer is None or _writer.flush(timeout_s)


@atexit.register
def close() -> None:
    """Stop logging; what was logged is given DRAIN_S to get out."""
    global _writer  # noqa: PLW0603
    logger.remove()
    if _writer is not None:
        _writer.close(DRAIN_S)
        _writer = None


def _no_text(_: "Record") -> str:
    """Keep loguru from writing anything itself, such as an exception's text."""
    return ""


def _sink(writer: LogWriter, line_of: Callable[["Record"], str]) -> Callable[["Message"], None]:
    urgent = logger.level("ERROR").no

    def write(message: "Message") -> None:
        record = message.record
        writer.put(line_of(record), urgent=record["level"].no >= urgent)

    return write


def json_line(record: "Record") -> str:
    """Return the record as one JSON object without line breaks; empty bindings are left out."""
    line: dict[str, object] = {
        "timestamp": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name.lower(),
        "event": event_of(record),
    }
    line.update((key, value) for key, value in _bound(record).items() if key not in _OWN)
    if record["exception"] is not None:
        line["exception"] = _exception(record)
    return json.dumps(line, ensure_ascii=False, default=str)


def human_line(record: "Record") -> str:
    """Return time, level, event and bindings on one line, a traceback below."""
    bound = " ".join(f"{key}={value}" for key, value in _bound(record).items() if key != "span_id")
    line = f"{record['time']:HH:mm:ss.SSS} {record['level'].name:<7} {event_of(record)}  {bound}".rstrip()
    line = line.replace("\r", "\\r").replace("\n", "\\n")
    if record["exception"] is not None:
        line += "\n" + _exception(record)["traceback"].rstrip()
    return line


def event_of(record: "Record") -> str:
    """Return the slug; a sentence is the line of a library that uses loguru too, and stays out."""
    return record["message"] if _SLUG.fullmatch(record["message"]) else "library_log"


def _bound(record: "Record") -> dict[str, object]:
    bound = {key: value for key, value in record["extra"].items() if value is not None}
    if not _SLUG.fullmatch(record["message"]):
        bound |= {"library": record["name"], "source": f"{record['file'].name}:{record['line']}"}
    return bound


def _exception(record: "Record") -> dict[str, str]:
    found = record["exception"]
    if found is None or found.type is None or found.value is None:
        return {"type": "", "traceback": ""}
    return {"type": found.type.__name__, "traceback": safe_traceback(found.value)}


def safe_traceback(error: BaseException) -> str:
    """Return frames and types of the error and those before and below it, outermost last, without texts.

    The texts of exceptions may quote documents, questions and keys.
    """
    return "".join(_traceback_parts(error, set()))


def _safe_name(error: BaseException) -> str:
    """Return the type and what quotes nobody: the errno's text of an OSError, the code of our errors."""
    name = type(error).__qualname__
    module = type(error).__module__
    full = name if module in ("builtins", "__main__") else f"{module}.{name}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{full}: [Errno {error.errno}] {os.strerror(error.errno)}"
    code = getattr(error, "code", None)
    return f"{full}: {code}" if module.startswith("kotaemon_async") and code else full


def _traceback_parts(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before, between = error.__cause__, _CAUSE
    if before is None and not error.__suppress_context__:
        before, between = error.__context__, _CONTEXT
    if before is not None and id(before) not in seen:
        yield from _traceback_parts(before, seen)
        yield between
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{_safe_name(error)}\n"
    for number, inner in enumerate(getattr(error, "exceptions", ()), 1):
        if id(inner) not in seen:
            text = f"{number}: " + "".join(_traceback_parts(inner, seen))
            yield "".join(f"  | {line}\n" for line in text.splitlines())


def _dropped_json(lines: int) -> str:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"timestamp": moment, "level": "warning", "event": "log_lines_dropped", "lines": lines})


def _dropped_human(lines: int) -> str:
    return f"{datetime.now():%H:%M:%S}     WARNING log_lines_dropped  lines={lines}"  # noqa: DTZ005


def _add_trace(record: "Record") -> None:
    """Add the caller's id, and those of the running span, unless the line was bound to a trace of its own."""
    if user_id := current_user_id():
        record["extra"].setdefault("user_id", user_id)
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
        bound = logger.bind(
            library=record.name, source=f"{record.filename}:{record.lineno}", message=_template_of(record)
        )
        bound.opt(depth=_depth(), exception=record.exc_info).log(level, "library_log")


def _template_of(record: logging.LogRecord) -> str | None:
    """Return what the library wrote into its source; what it filled in may be somebody's text.

    uvicorn is let through: its own lines say nothing about what is in a request.
    """
    text = str(record.msg)
    if record.name.partition(".")[0] == "uvicorn":
        return record.getMessage()
    if record.name == "py.warnings":
        found = re.match(r".*?:\d+: \w+", record.getMessage())
        return found[0] if found else None
    if record.args:
        return text
    return re.split(r"[(<\[{'\":\n]", text, maxsplit=1)[0].strip() if record.name == "asyncio" else None


def _depth() -> int:
    """Return how many frames of the logging module lie between the caller and here."""
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
