import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.telemetry import logs, traces
from kotaemon_async.telemetry.settings import LogSettings

Lines = Callable[[], list[dict[str, Any]]]
SECRET = "s3cret text"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    logs.close()
    logger.configure(patcher=lambda _: None)


def read(out: io.StringIO) -> str:
    """All that was written so far."""
    assert logs.flush()
    return out.getvalue()


@pytest.fixture
def lines() -> Lines:
    out = io.StringIO()
    logs.configure(LogSettings(format="json"), stream=out)
    return lambda: [json.loads(line) for line in read(out).splitlines()]


def test_a_line_is_one_json_object_with_the_event_and_what_was_bound(lines: Lines) -> None:
    logger.bind(doc_id="doc_1", duration_s=1.5, job_id=None).info("document_ready")
    (line,) = lines()
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {"level": "info", "event": "document_ready", "doc_id": "doc_1", "duration_s": 1.5}


def test_a_line_inside_of_a_span_has_its_ids(lines: Lines) -> None:
    with traces.span("request"), logger.contextualize(request_id="r1"):
        logger.info("request_done")
        trace_id, span_id = traces.current_ids()
    assert [(line["trace_id"], line["span_id"], line["request_id"]) for line in lines()] == [
        (trace_id, span_id, "r1")
    ]


def test_a_line_names_the_caller_that_its_work_is_done_for(lines: Lines) -> None:
    with traces.caused_by("key_1"):
        logger.info("request_done")
        logger.bind(user_id="key_2").info("request_done")
    logger.info("request_done")
    assert [line.get("user_id") for line in lines()] == ["key_1", "key_2", None]


def test_a_trace_id_that_was_bound_is_kept(lines: Lines) -> None:
    with traces.span("reconcile"):
        logger.bind(trace_id="f" * 32).info("document_requeued")
    assert lines()[0]["trace_id"] == "f" * 32
    assert "span_id" not in lines()[0]


def test_an_exception_is_a_field_with_type_and_frames_but_no_text_and_no_variables(lines: Lines) -> None:
    secret = "".join(["s3", "cret"])
    try:
        int(secret)
    except ValueError:
        logger.exception("job_failed")
    (line,) = lines()
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["traceback"].endswith("    int(secret)\nValueError\n")
    assert "s3cret" not in json.dumps(line)


def test_a_bound_value_cannot_take_the_place_of_the_event(lines: Lines) -> None:
    logger.bind(event="other", level="x", n=1).info("document_ready")
    assert (lines()[0]["event"], lines()[0]["level"], lines()[0]["n"]) == ("document_ready", "info", 1)


def test_line_breaks_and_braces_stay_inside_of_one_line(lines: Lines) -> None:
    logger.bind(name="a\nb{x} <red>").info("upload")
    assert (lines()[0]["name"], lines()[0]["event"]) == ("a\nb{x} <red>", "upload")


def test_a_sentence_of_a_library_that_uses_loguru_too_is_left_out(lines: Lines) -> None:
    logger.info("Could not read the question: why?")
    (line,) = lines()
    assert (line["event"], line["library"]) == ("library_log", __name__)
    assert line["source"].startswith("test_logs.py:") and "question" not in json.dumps(line)


def test_values_that_json_does_not_know_are_written_as_text(lines: Lines) -> None:
    logger.bind(error=ValueError("bad")).info("odd")
    assert lines()[0]["error"] == "bad"


def test_lines_of_libraries_come_as_library_log(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started %s", "here")
    (line,) = lines()
    assert (line["event"], line["library"], line["message"]) == (
        "library_log",
        "uvicorn.error",
        "Started here",
    )


def test_what_a_library_filled_into_its_line_is_left_out(lines: Lines) -> None:
    logging.getLogger("some.library").warning("cannot read %s", "secret")
    logging.getLogger("some.library").warning("cannot read secret")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task secret>")
    said = [line.get("message") for line in lines()]
    assert said == ["cannot read %s", None, "Task exception was never retrieved"]


def test_libraries_never_get_below_info_because_prompts_are_there() -> None:
    out = io.StringIO()
    logs.configure(LogSettings(level="debug", format="json"), stream=out)
    for library in ("openai", "httpx2"):
        logging.getLogger(library).info("prompt")
    logging.getLogger("some.library").debug("prompt")
    logger.debug("ours")
    assert [json.loads(line)["event"] for line in read(out).splitlines()] == ["ours"]


def test_a_warning_becomes_a_line_that_says_where_and_which_kind(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logs.configure(LogSettings(format="json"), stream=(out := io.StringIO()))
        warnings.warn("old call", stacklevel=1)
    message = json.loads(read(out))["message"]
    assert re.fullmatch(r".*test_logs\.py:\d+: UserWarning", message)


def test_a_level_keeps_lesser_lines_out() -> None:
    logs.configure(LogSettings(level="warning", format="json"), stream=(out := io.StringIO()))
    logger.info("quiet")
    logger.warning("loud")
    assert [json.loads(line)["event"] for line in read(out).splitlines()] == ["loud"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_human_line() -> None:
    logs.configure(LogSettings(), stream=(out := _Terminal()))
    logger.bind(doc_id="doc_1", note="a\nb").info("document_ready")
    assert read(out).endswith("INFO    document_ready  doc_id=doc_1 note=a\\nb\n")


def test_something_else_than_a_terminal_gets_json() -> None:
    logs.configure(LogSettings(), stream=(out := io.StringIO()))
    logger.info("document_ready")
    assert json.loads(read(out))["event"] == "document_ready"


def caught(raised: Exception, *, cause: Exception | None = None) -> Exception:
    """The error as it is after it went through a frame."""
    with pytest.raises(type(raised)) as found:
        raise raised from cause
    return found.value


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError(SECRET), "ValueError"),
        (OSError(28, SECRET, SECRET), "OSError: [Errno 28] No space left on device"),
        (Unavailable(SECRET, code="disk_full"), "kotaemon_async.domain.errors.Unavailable: disk_full"),
        (KeyError(SECRET), "KeyError"),
    ],
)
def test_the_last_line_says_what_cannot_quote_anybody(error: Exception, shown: str) -> None:
    assert logs.safe_traceback(caught(error)).splitlines()[-1] == shown


def test_causes_come_first_and_lose_their_texts_too() -> None:
    text = logs.safe_traceback(caught(ValueError(SECRET), cause=caught(KeyError(SECRET))))
    assert "KeyError\n\nThe above exception was the direct cause" in text
    assert text.endswith("ValueError\n") and SECRET not in text


def test_every_error_of_a_group_is_shown() -> None:
    group = ExceptionGroup(SECRET, [caught(ValueError(SECRET)), caught(TypeError(SECRET))])
    text = logs.safe_traceback(group)
    assert "  | ValueError\n" in text and "  | TypeError\n" in text and SECRET not in text


def test_an_error_that_is_its_own_cause_ends() -> None:
    error = ValueError()
    error.__context__ = inner = KeyError()
    inner.__context__ = error
    assert logs.safe_traceback(error).count("ValueError") == 1


def test_notes_are_left_out() -> None:
    error = ValueError()
    error.add_note(SECRET)
    assert SECRET not in logs.safe_traceback(error)
