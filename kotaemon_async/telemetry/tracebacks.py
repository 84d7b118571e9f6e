"""Tracebacks without the texts of exceptions, which may quote documents, questions and keys."""

import os
import traceback
from collections.abc import Iterator
from typing import Final

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def safe_traceback(error: BaseException) -> str:
    """Return frames and types of the error and of those before and below it, outermost last."""
    return "".join(_parts(error, set()))


def safe_name(error: BaseException) -> str:
    """Return the type and what quotes nobody: the errno's text of an OSError, the code of our errors."""
    name = type(error).__qualname__
    module = type(error).__module__
    full = name if module in ("builtins", "__main__") else f"{module}.{name}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{full}: [Errno {error.errno}] {os.strerror(error.errno)}"
    code = getattr(error, "code", None)
    return f"{full}: {code}" if module.startswith("kotaemon_async") and code else full


def _parts(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before, between = error.__cause__, _CAUSE
    if before is None and not error.__suppress_context__:
        before, between = error.__context__, _CONTEXT
    if before is not None and id(before) not in seen:
        yield from _parts(before, seen)
        yield between
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{safe_name(error)}\n"
    for number, inner in enumerate(getattr(error, "exceptions", ()), 1):
        if id(inner) not in seen:
            text = f"{number}: " + "".join(_parts(inner, seen))
            yield "".join(f"  | {line}\n" for line in text.splitlines())
