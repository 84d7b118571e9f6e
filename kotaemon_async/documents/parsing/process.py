"""One parser child seen from the service: start it, ask it, end it."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from kotaemon_async.documents.parsing.replies import Ready, Refusal, RefusalReply, Reply
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import CODES, BadDocument, Unavailable
from kotaemon_async.resilience.child import BadFrame, ChildGone, FramedChild, script_command
from kotaemon_async.telemetry.traces import SpanKind, child_span, mark

R = TypeVar("R", bound=Reply)
SCRIPT: Final = Path(__file__).with_name("child.py")
#: Endings that the file is to blame for: its CPU time is used up.
_LIMIT_SIGNALS: Final = frozenset({signal.SIGXCPU})
#: Endings that somebody else has brought about, most likely the kernel when memory ran out.
_KILLED: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})


class ParserDied(Unavailable):
    """A child died over a document; a fresh one may do better, and if none does, `final_code` says why."""

    code = "parser_unavailable"

    def __init__(self, message: str, *, ending: str, final_code: str) -> None:
        super().__init__(message)
        self.ending = ending
        self.final_code = final_code


class ParserChild:
    """A running parser child; after any exception from `ask` it can only be ended."""

    def __init__(self, process: FramedChild, wall_s: float) -> None:
        self._process = process
        self._wall_s = wall_s
        self._ended_by_us = False
        #: What holds it, as it says itself when it is ready.
        self.fences: Ready | None = None
        self.documents = 0
        self.resident_bytes = 0

    @classmethod
    async def start(cls, settings: ParserSettings, max_pages: int, script: Path = SCRIPT) -> "ParserChild":
        """Return a child that is still importing its libraries; the first `ask` waits for it."""
        given = {
            "parent_pid": os.getpid(),
            "memory_bytes": settings.memory_bytes,
            "file_size_bytes": settings.file_size_bytes,
            "cpu_s": settings.cpu_s,
            "max_pages": max_pages,
        }
        command = script_command(script, msgspec.json.encode(given).decode())
        try:
            # Ctrl-C in a terminal is for the service, which drains first.
            process = await FramedChild.start(command, cwd="/", own_session=True, keep_errors=True)
        except OSError as error:
            raise Unavailable(f"No parser can be started: {error}.", code="parser_unavailable") from error
        return cls(process, settings.wall_s)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: dict[str, object], reply: type[R], *, handed: int | None = None) -> R:
        """Return the reply; an open file goes with the request if one is handed.

        Raises:
            BadDocument: what the child says of the file, or `parser_limit` when it takes too long.
            ParserDied: the child died over the request.
            Unavailable: it did so before it was ready for one, which is not the file's fault.
        """
        with child_span(f"parser {request['do']}", kind=SpanKind.CLIENT, child_pid=self.pid):
            await self._wait_until_ready()
            found = await self._reply_to(request, reply, handed)
            mark(child_s=found.took_s)
            return found

    async def end(self) -> None:
        """Kill the process and wait until it is gone; never cancelled."""
        self._ended_by_us = True
        await self._process.aclose()

    async def _reply_to(self, request: dict[str, object], reply: type[R], handed: int | None) -> R:
        try:
            raw = await self._process.call(request, msgspec.Raw, within_s=self._wall_s, handed=handed)
            found = _decoded(raw, reply)
        except TimeoutError as error:
            message = f"Reading the file took longer than {self._wall_s:g} s."
            raise BadDocument(message, code="parser_limit") from error
        except BadFrame as error:
            raise odd_reply(str(error)) from error
        except ChildGone as error:
            raise await self._exit_error() from error
        if isinstance(found, RefusalReply):
            raise _problem(found.error)
        return found

    async def _wait_until_ready(self) -> None:
        if self.fences is not None:
            return
        try:
            self.fences = await self._process.receive(Ready, within_s=self._wall_s)
        except TimeoutError as error:
            message = f"A parser did not start within {self._wall_s:g} s."
            raise Unavailable(message, code="parser_unavailable") from error
        except (ChildGone, BadFrame) as error:
            message = f"A parser could not start ({await self._process.exit_reason()})."
            raise Unavailable(message, code="parser_unavailable") from error

    async def _exit_error(self) -> BadDocument | Unavailable:
        """Say why the child is gone: ended by us, out of its limits, or by what a fresh one may not meet."""
        if self._ended_by_us:
            return Unavailable("The parser was ended.", code="shutting_down")
        ending = await self._process.exit_reason()
        status = self._process.returncode
        if status is not None and -status in _LIMIT_SIGNALS:
            return BadDocument("Reading the file took more CPU time than is allowed.", code="parser_limit")
        last_line = self._process.error_tail().rpartition("\n")[2]
        if "MemoryError" in last_line or "bad_alloc" in last_line:
            return BadDocument("Reading the file takes more memory than is allowed.", code="parser_limit")
        was_killed = status is not None and -status in _KILLED
        return ParserDied(
            f"The parser died ({ending}){': ' + last_line if last_line else ''}.",
            ending=ending,
            final_code="parser_limit" if was_killed else "corrupt",
        )


def odd_reply(what: str) -> ParserDied:
    """Return what is raised for a reply that no child of ours makes: somebody else does, or it is broken."""
    return ParserDied(f"The parser sent something odd: {what}.", ending="an odd reply", final_code="corrupt")


def _decoded(raw: msgspec.Raw, reply: type[R]) -> "R | RefusalReply":
    """Return the reply, or the refusal instead of it. Raises: BadFrame."""
    try:
        found = msgspec.msgpack.decode(raw, type=reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return msgspec.msgpack.decode(raw, type=RefusalReply)
        raise BadFrame(str(error)) from error
    if problem := found.problem():
        raise BadFrame(problem)
    return found


def _problem(error: Refusal) -> BadDocument:
    code = error.code if error.code in CODES else "corrupt"
    return BadDocument(error.message, code=code)
