"""How a command fails: with an exit code, a code, a sentence and a hint."""

from typing import Final

from kotaemon_async.domain.errors import BadDocument, KotaemonError, Misconfigured, Refused

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 69
EXIT_TRY_AGAIN: Final = 75
EXIT_MISCONFIGURED: Final = 78

#: Exit codes by whose fault a failure on this machine is; what remains may pass.
_EXIT_BY_FAULT: Final = (
    (Misconfigured, EXIT_MISCONFIGURED),
    (BadDocument, EXIT_FAILED),
    (Refused, EXIT_USAGE),
)


def exit_code_of(error: KotaemonError) -> int:
    """Return the exit code for a failure of the service's own parts."""
    return next((code for kind, code in _EXIT_BY_FAULT if isinstance(error, kind)), EXIT_TRY_AGAIN)


class CommandError(Exception):
    """End a command: an exit code, a code from errors.CODES, a sentence and a hint."""

    def __init__(self, exit_code: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.exit_code, self.code, self.message, self.hint = exit_code, code, message, hint


class TryAgainError(CommandError):
    """The service is full for now; `retry_after_s` is what it asked for."""

    def __init__(self, code: str, message: str, hint: str, retry_after_s: float) -> None:
        super().__init__(EXIT_TRY_AGAIN, code, message, hint)
        self.retry_after_s = retry_after_s
