"""Child processes: start one, exchange frames with it, end it and say how it ended.

No Python code runs between fork and exec. uvloop forks for real and then runs Python's after-fork handlers in
the child; with other threads around, one of their locks may be held for ever, and the event loop waits for
that child for ever, too. `subprocess` uses vfork and runs none. It has to be called on the loop's own thread
all the same: a child that asks for PR_SET_PDEATHSIG (child_jail.die_with) dies with the thread that started
it, and worker threads come and go.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self, TypeVar

import anyio
import msgspec
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from kotaemon_async.resilience.child_frames import LENGTH, LIMIT_BYTES, encoded

#: What a child needs of the environment; keys and passwords stay out.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
#: How much of its errors is worth a look.
_TAIL_BYTES: Final = 4000
_EXIT_S: Final = 5.0
_GONE: Final = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)


T = TypeVar("T")


class ChildGone(Exception):
    """The child has ended, or has closed its end of the stream."""


class BadFrame(Exception):
    """The child sent something that is no frame; it can only be ended."""


def script_command(script: Path, *arguments: str) -> list[str]:
    """Return the command for a Python script that sees nothing of the user's or the folder's modules."""
    return [sys.executable, "-I", "-X", "utf8", str(script), *arguments]


def plain_environment() -> dict[str, str]:
    """Return the part of the environment that holds no secrets."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


class ChildProcess:
    """A running child. Its input is empty, and what it prints goes where its errors go, or nowhere."""

    def __init__(
        self, popen: "subprocess.Popen[bytes]", errors: IO[bytes] | None, *, own_session: bool = False
    ) -> None:
        self._popen = popen
        self._own_session = own_session
        self._errors = errors
        self._tail = ""
        self._ended = os.pidfd_open(popen.pid)
        self._waiting = anyio.Lock()

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        own_session: bool = False,
        keep_errors: bool = False,
    ) -> Self:
        """Start the command.

        Args:
            env: its whole environment; `plain_environment()` if none is given.
            own_session: Ctrl-C in a terminal does not reach it.
            keep_errors: its standard error goes to a file, for `error_tail`, and not to ours.

        Raises:
            OSError: it cannot be started.
        """
        return cls._spawn(command, None, env=env, cwd=cwd, own_session=own_session, keep_errors=keep_errors)

    @classmethod
    def _spawn(
        cls,
        command: Sequence[str],
        stream: socket.socket | None,
        *,
        env: Mapping[str, str] | None,
        cwd: str | None,
        own_session: bool,
        keep_errors: bool,
    ) -> Self:
        errors = tempfile.TemporaryFile() if keep_errors else None  # noqa: SIM115 - lives as long as the child
        try:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if stream is None else stream.fileno(),
                stdout=(errors or subprocess.DEVNULL) if stream is None else stream.fileno(),
                stderr=errors,
                env=plain_environment() if env is None else env,
                cwd=cwd,
                start_new_session=own_session,
            )
        except BaseException:
            if errors is not None:
                errors.close()
            raise
        return cls(popen, errors, own_session=own_session)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Return its exit status, negative for a signal; None while it runs."""
        if self._popen.returncode is None and self._own_session and self._has_ended():
            self._kill_group()
        return self._popen.poll()

    def ask_to_end(self) -> None:
        """Ask it to leave by itself."""
        if self.returncode is None:
            self._popen.terminate()

    def kill(self) -> None:
        """Send SIGKILL if it still runs, with a session of its own also to all that it has started."""
        if self.returncode is None and self._own_session:
            self._kill_group()
        elif self.returncode is None:
            self._popen.kill()

    def _has_ended(self) -> bool:
        """Return whether it has ended; its number is kept, so that no other process can have it yet."""
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, look) is not None

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended and return its exit status."""
        async with self._waiting:
            while (status := self.returncode) is None:
                await anyio.wait_readable(self._ended)
        return status

    async def exit_reason(self) -> str:
        """Say in a word or two how it ended: `exit 1`, `SIGSEGV`; waits up to 5 s for the end."""
        with anyio.move_on_after(_EXIT_S):
            await self.wait()
        status = self.returncode
        if status is None or status >= 0:
            return "still ending" if status is None else f"exit {status}"
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"

    def error_tail(self) -> str:
        """Return the last lines of its standard error, also after it was closed; "" unless they were kept."""
        if self._errors is not None and not self._errors.closed:
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - _TAIL_BYTES))
            self._tail = self._errors.read().decode("utf-8", "replace").strip()
        return self._tail

    async def aclose(self, *, grace_s: float = 0.0) -> int:
        """End it and return its exit status; SIGKILL follows when it has not left by itself in `grace_s`."""
        try:
            if grace_s:
                self.ask_to_end()
                with anyio.move_on_after(grace_s):
                    await self.wait()
        finally:
            with anyio.CancelScope(shield=True):
                self.kill()
                status = await self.wait()
                await self._release()
        return status

    async def _release(self) -> None:
        if self._ended >= 0:
            os.close(self._ended)
            self._ended = -1
        if self._errors is not None:
            self.error_tail()
            self._errors.close()


class FramedChild(ChildProcess):
    """A running child whose standard input and output carry frames. Used by one task at a time."""

    requests: SocketStream
    replies: BufferedByteReceiveStream
    _ours: socket.socket
    _stream: socket.socket | None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        own_session: bool = False,
        keep_errors: bool = False,
    ) -> Self:
        """Start the command, as `ChildProcess.start` does."""
        child = cls.launch(command, env=env, cwd=cwd, own_session=own_session, keep_errors=keep_errors)
        await child.connect()
        return child

    @classmethod
    def launch(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        own_session: bool = False,
        keep_errors: bool = False,
    ) -> Self:
        """Start the command where no event loop runs yet; `connect` follows in the loop.

        Raises: OSError as `start` does.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = cls._spawn(
                    command, theirs, env=env, cwd=cwd, own_session=own_session, keep_errors=keep_errors
                )
            except BaseException:
                ours.close()
                raise
        child._ours, child._stream = ours.dup(), ours
        return child

    async def connect(self) -> None:
        """Make a launched child's stream ready for frames; nothing happens the second time."""
        if self._stream is None:
            return
        with anyio.CancelScope(shield=True):  # a child that runs is not left to itself
            self.requests = await SocketStream.from_socket(self._stream)
            self._stream = None
            self.replies = BufferedByteReceiveStream(self.requests)

    async def call(self, message: object, reply: type[T], *, within_s: float, handed: int | None = None) -> T:
        """Send the message, and an open file if one is handed; return the next frame, as `receive` does."""
        frame = encoded(message)
        with anyio.fail_after(within_s):
            try:
                if handed is not None:  # all before it has been answered: there is room for it
                    frame = frame[socket.send_fds(self._ours, [frame], [handed]) :]
                await self.requests.send(frame)
            except _GONE as error:
                raise ChildGone from error
            return await self._receive(reply)

    async def receive(self, reply: type[T], *, within_s: float) -> T:
        """Return the next frame. After any exception the child can only be ended.

        Raises:
            TimeoutError: none came in time.
            ChildGone, BadFrame: none will come, or what came is none.
        """
        with anyio.fail_after(within_s):
            return await self._receive(reply)

    async def _receive(self, reply: type[T]) -> T:
        try:
            (length,) = LENGTH.unpack(await self.replies.receive_exactly(LENGTH.size))
            if length > LIMIT_BYTES:
                raise BadFrame(f"{length} bytes at once")
            return msgspec.msgpack.decode(await self.replies.receive_exactly(length), type=reply)
        except _GONE as error:
            raise ChildGone from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadFrame(str(error)) from error

    def ask_to_end(self) -> None:
        """Let it read the end of its input; what it still has to say can be read."""
        # Not by send_eof(): uvloop refuses that once the other end is gone.
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_WR)

    async def _release(self) -> None:
        if self._stream is None:
            await self.requests.aclose()
        else:
            self._stream.close()
        self._ours.close()
        await super()._release()
