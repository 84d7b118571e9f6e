import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.telemetry.tracebacks import safe_traceback

SECRET = "s3cret text"


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
    assert safe_traceback(caught(error)).splitlines()[-1] == shown


def test_causes_come_first_and_lose_their_texts_too() -> None:
    text = safe_traceback(caught(ValueError(SECRET), cause=caught(KeyError(SECRET))))
    assert "KeyError\n\nThe above exception was the direct cause" in text
    assert text.endswith("ValueError\n") and SECRET not in text


def test_every_error_of_a_group_is_shown() -> None:
    group = ExceptionGroup(SECRET, [caught(ValueError(SECRET)), caught(TypeError(SECRET))])
    text = safe_traceback(group)
    assert "  | ValueError\n" in text and "  | TypeError\n" in text and SECRET not in text


def test_an_error_that_is_its_own_cause_ends() -> None:
    error = ValueError()
    error.__context__ = inner = KeyError()
    inner.__context__ = error
    assert safe_traceback(error).count("ValueError") == 1


def test_notes_are_left_out() -> None:
    error = ValueError()
    error.add_note(SECRET)
    assert SECRET not in safe_traceback(error)
