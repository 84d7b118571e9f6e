"""One parser child seen from the service: start it, ask it, end it."""

import json
import os
import signal
import struct
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, Final

import anyio

from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import CODES, BadDocument, Unavailable
from kotaemon_async.resilience.process import ChildProcess
from kotaemon_async.telemetry.traces import SpanKind, child_span, mark

SCRIPT: Final = Path(__file__).with_name("child.py")
_LENGTH: Final = struct.Struct(">I")
_REPLY_LIMIT_BYTES: Final = 64 * 1024**2
#: What a child needs of the environment; keys and passwords stay out.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
#: Endings that the file is to blame for: its CPU time is used up.
_LIMIT_SIGNALS: Final = frozenset({signal.SIGXCPU})
#: Endings that somebody else has brought about, most likely the kernel when memory ran out.
_KILLED: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
_LAST_WORDS_BYTES: Final = 400
_GONE: Final = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)


class ParserDied(Unavailable):
    """A child died over a document; a fresh one may do better, and if none does, `final_code` says why."""

    code = "parser_unavailable"

    def __init__(self, message: str, *, ending: str, final_code: str) -> None:
        super().__init__(message)
        self.ending = ending
        self.final_code = final_code


class Child:
    """A running parser child; after any exception from `ask` it can only be ended."""

    def __init__(self, process: ChildProcess, errors: IO[bytes], wall_s: float) -> None:
        self._process = process
        self._errors = errors
        self._wall_s = wall_s
        self._said_hello = False
        self._ended_by_us = False
        self._requests = process.requests
        self._replies = process.replies
        self.documents = 0
        self.resident_bytes = 0

    @classmethod
    async def start(cls, settings: ParserSettings, max_pages: int, script: Path = SCRIPT) -> "Child":
        """A child that is still importing its libraries; the first `ask` waits for it."""
        given = {
            "parent_pid": os.getpid(),
            "memory_bytes": settings.memory_bytes,
            "file_size_bytes": settings.file_size_bytes,
            "cpu_s": settings.cpu_s,
            "max_pages": max_pages,
        }
        command = [sys.executable, "-I", "-X", "utf8", str(script), json.dumps(given)]
        try:
            errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
            try:
                return cls(await _start(command, errors), errors, settings.wall_s)
            except BaseException:
                errors.close()
                raise
        except OSError as error:
            raise Unavailable(f"No parser can be started: {error}.", code="parser_unavailable") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: dict[str, object]) -> dict[str, Any]:
        """The reply.

        Raises:
            BadDocument: what the child says of the file, or `parser_limit` when it takes too long.
            ParserDied: the child died over the request.
            Unavailable: it did so before it was ready for one, which is not the file's fault.
        """
        with child_span(f"parser {request['do']}", kind=SpanKind.CLIENT, child_pid=self.pid):
            await self._hello()
            reply = await self._answered(request)
            if isinstance(took_s := reply.get("took_s"), float):
                mark(child_s=took_s)
            return reply

    async def _answered(self, request: dict[str, object]) -> dict[str, Any]:
        try:
            with anyio.fail_after(self._wall_s):
                body = json.dumps(request).encode()
                await self._requests.send(_LENGTH.pack(len(body)) + body)
                reply = await self._receive()
        except TimeoutError as error:
            message = f"Reading the file took longer than {self._wall_s:g} s."
            raise BadDocument(message, code="parser_limit") from error
        except ValueError as error:
            message = f"The parser sent something odd: {error}."
            raise ParserDied(message, ending="an odd reply", final_code="corrupt") from error
        except _GONE as error:
            raise await self._obituary() from error
        if "error" in reply:
            raise _problem(reply["error"])
        return reply

    async def _hello(self) -> None:
        """The child has imported its libraries; raises Unavailable."""
        if self._said_hello:
            return
        try:
            with anyio.fail_after(self._wall_s):
                await self._receive()
        except TimeoutError as error:
            message = f"A parser did not start within {self._wall_s:g} s."
            raise Unavailable(message, code="parser_unavailable") from error
        except (*_GONE, ValueError) as error:
            message = f"A parser could not start ({await self._ending()})."
            raise Unavailable(message, code="parser_unavailable") from error
        self._said_hello = True

    async def end(self) -> None:
        """Kills the process and waits until it is gone; never cancelled."""
        self._ended_by_us = True
        with anyio.CancelScope(shield=True):
            self._process.kill()
            await self._process.aclose()
            self._errors.close()

    async def _receive(self) -> dict[str, Any]:
        """One frame; raises ValueError for what is none."""
        (length,) = _LENGTH.unpack(await self._replies.receive_exactly(_LENGTH.size))
        if length > _REPLY_LIMIT_BYTES:
            raise ValueError(f"{length} bytes at once")
        reply = json.loads(await self._replies.receive_exactly(length))
        if not isinstance(reply, dict):
            raise ValueError(f"a {type(reply).__name__}")  # noqa: TRY004 - the child is wrong, not our code
        return reply

    async def _obituary(self) -> BadDocument | Unavailable:
        """Why the child is gone: ended by us, out of its limits, or by what a fresh one may not meet."""
        if self._ended_by_us:
            return Unavailable("The parser was ended.", code="shutting_down")
        ending = await self._ending()
        status = self._process.returncode
        if status is not None and -status in _LIMIT_SIGNALS:
            return BadDocument("Reading the file took more CPU time than is allowed.", code="parser_limit")
        last_words = self._last_words()
        if "MemoryError" in last_words or "bad_alloc" in last_words:
            return BadDocument("Reading the file takes more memory than is allowed.", code="parser_limit")
        was_killed = status is not None and -status in _KILLED
        return ParserDied(
            f"The parser died ({ending}){': ' + last_words if last_words else ''}.",
            ending=ending,
            final_code="parser_limit" if was_killed else "corrupt",
        )

    async def _ending(self) -> str:
        """How the process ended, in one word or two."""
        with anyio.move_on_after(5):
            await self._process.wait()
        return _ending(self._process.returncode)

    def _last_words(self) -> str:
        if self._errors.closed:
            return ""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _LAST_WORDS_BYTES))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


async def _start(command: list[str], errors: IO[bytes]) -> ChildProcess:
    return await ChildProcess.start(
        command,
        stderr=errors,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        cwd="/",
        own_session=True,  # Ctrl-C in a terminal is for the service, which drains first
    )


def _ending(status: int | None) -> str:
    if status is None:
        return "still ending"
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _problem(error: dict[str, str]) -> BadDocument:
    code = error["code"] if error["code"] in CODES else "corrupt"
    return BadDocument(error["message"], code=code)
