"""Children of the service, started without running any Python code between fork and exec.

uvloop forks for real and then runs Python's after-fork handlers in the child; with other threads around, one
of their locks may be held for ever, and the event loop waits for that child for ever, too. `subprocess` uses
vfork and runs none. It has to be called on the loop's own thread all the same: a child that asks for
PR_SET_PDEATHSIG dies with the thread that started it, and worker threads come and go.
"""

import contextlib
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Self

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream


class ChildProcess:
    """A running child whose standard input and output are one stream in each direction."""

    def __init__(self, popen: "subprocess.Popen[bytes]", ours: socket.socket, stream: SocketStream) -> None:
        self._popen = popen
        self._ours = ours
        self._ended = os.pidfd_open(popen.pid)
        self._waiting = anyio.Lock()
        self.requests = stream
        self.replies = BufferedByteReceiveStream(stream)

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        stderr: IO[bytes] | None = None,
        cwd: str | None = None,
        own_session: bool = False,
    ) -> Self:
        """The child, started; raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                popen = subprocess.Popen(  # noqa: ASYNC220 - one or two milliseconds; see above
                    command,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=stderr,
                    env=env,
                    cwd=cwd,
                    start_new_session=own_session,
                )
            except BaseException:
                ours.close()
                raise
        with anyio.CancelScope(shield=True):  # a child that runs is not left to itself
            stream = await SocketStream.from_socket(ours)
        return cls(popen, ours.dup(), stream)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def say_end(self) -> None:
        """It reads the end of its input; what it still has to say can be read."""
        # Not by send_eof(): uvloop refuses that once the other end is gone.
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """It gets SIGKILL, if it still runs."""
        self._popen.kill()

    async def wait(self) -> int:
        """Its exit status, when it has ended."""
        async with self._waiting:
            while (status := self._popen.poll()) is None:
                await anyio.wait_readable(self._ended)
        return status

    async def aclose(self) -> None:
        """Both directions are closed and it has ended; call kill() before, unless it ends by itself."""
        with anyio.CancelScope(shield=True):
            await self.requests.aclose()
            self._ours.close()
            await self.wait()
            if self._ended >= 0:
                os.close(self._ended)
                self._ended = -1
