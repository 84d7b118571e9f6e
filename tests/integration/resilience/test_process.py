"""Children over a real socket pair."""

import os
import sys
import threading

import anyio
import pytest

from kotaemon_async.resilience.process import ChildProcess

ECHO = (
    "import sys\nfor line in sys.stdin.buffer:\n    sys.stdout.buffer.write(line.upper()); sys.stdout.flush()"
)


async def start(code: str) -> ChildProcess:
    return await ChildProcess.start([sys.executable, "-c", code], env=os.environ)


async def test_a_child_is_asked_and_answers_until_it_is_told_the_end() -> None:
    child = await start(ECHO)
    await child.requests.send(b"hello\n")
    assert await child.replies.receive_until(b"\n", 10) == b"HELLO"
    child.say_end()
    assert await child.wait() == 0
    await child.aclose()


async def test_a_killed_child_has_a_signal_as_its_status() -> None:
    child = await start("input()")
    child.kill()
    await child.aclose()
    assert child.returncode == -9
    child.say_end()


async def test_the_stream_of_a_child_that_ended_has_an_end() -> None:
    child = await start("pass")
    with pytest.raises(anyio.EndOfStream):
        await child.replies.receive()
    await child.aclose()


async def test_a_lock_that_a_fork_handler_wants_does_not_hold_up_a_start() -> None:
    lock = threading.Lock()

    def take() -> None:
        with lock:
            pass

    os.register_at_fork(after_in_child=take)
    with lock, anyio.fail_after(10):
        child = await start("pass")
        await child.aclose()
    assert child.returncode == 0


async def test_a_start_that_is_cancelled_leaves_no_child_to_itself() -> None:
    child = None
    with anyio.CancelScope() as scope:
        scope.cancel()
        child = await start("input()")
    assert child is not None
    child.kill()
    await child.aclose()


async def test_a_command_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match="no-such-command"):
        await ChildProcess.start(["/no-such-command"], env={})
