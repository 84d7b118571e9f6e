"""Children over a real socket pair."""

import os
import signal
import sys
import threading
from typing import Any

import anyio
import pytest

from kotaemon_async.resilience.child import BadFrame, ChildGone, ChildProcess, FramedChild, plain_environment

ECHO = """
from kotaemon_async.resilience.child_frames import Frames
frames = Frames.from_standard_streams()
print("not a frame")
while (request := frames.read()) is not None:
    reply = {"x": b"0" * 2**26} if request == {"say": "much"} else {"echo": request}
    frames.write(reply, instead={"long": True})
"""


async def framed(code: str) -> FramedChild:
    return await FramedChild.start([sys.executable, "-c", code], keep_errors=True)


async def plain(code: str) -> ChildProcess:
    return await ChildProcess.start([sys.executable, "-c", code], keep_errors=True)


STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", file=sys.stderr, flush=True)
time.sleep(60)
"""


async def is_up(child: ChildProcess) -> None:
    with anyio.fail_after(60):
        while not child.error_tail():  # noqa: ASYNC110
            await anyio.sleep(0.02)


async def asked(child: FramedChild, message: object, within_s: float = 60.0) -> dict[str, Any]:
    return await child.call(message, dict[str, Any], within_s=within_s)


async def test_a_child_is_asked_and_answers_until_it_is_asked_to_end() -> None:
    child = await framed(ECHO)
    assert await asked(child, {"raw": b"\0\xff"}) == {"echo": {"raw": b"\0\xff"}}
    assert await asked(child, {"say": "much"}) == {"long": True}
    assert await child.aclose(grace_s=60) == 0
    assert child.error_tail() == "not a frame"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("pass", ChildGone),
        ("import os; os.write(1, b'no frame')", BadFrame),
        ("import os; os.write(1, b'\\0\\0\\0\\1\\xc1')", BadFrame),
        ("import time; time.sleep(60)", TimeoutError),
    ],
)
async def test_what_is_no_answer_is_told_apart(code: str, problem: type[Exception]) -> None:
    child = await framed(code)
    with pytest.raises(problem):
        await child.receive(dict[str, Any], within_s=60.0 if problem is not TimeoutError else 0.2)
    await child.aclose()


async def test_a_child_that_ended_cannot_be_asked() -> None:
    child = await framed("pass")
    await child.wait()
    with pytest.raises(ChildGone):
        await asked(child, {})
    await child.aclose()
    with pytest.raises(ChildGone):
        await asked(child, {})
    child.ask_to_end()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit(3)", "exit 3"),
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os.kill(os.getpid(), 40)", "signal 40"),
    ],
)
async def test_how_a_child_ended_is_said_in_a_word(code: str, reason: str) -> None:
    child = await plain(code)
    assert await child.exit_reason() == reason
    await child.aclose()


@pytest.mark.parametrize("start", [plain, framed])
async def test_a_child_that_does_not_leave_by_itself_is_killed(start: Any) -> None:
    child = await start(STUBBORN)
    await is_up(child)
    assert await child.aclose(grace_s=0.1) == -signal.SIGKILL
    assert await child.aclose() == -signal.SIGKILL


async def test_a_child_without_frames_is_asked_to_end_by_sigterm() -> None:
    child = await plain("import time; print('up', flush=True); time.sleep(60)")
    await is_up(child)
    assert await child.aclose(grace_s=60) == -signal.SIGTERM
    assert child.error_tail() == "up"


async def test_a_cancelled_end_leaves_no_child_behind() -> None:
    child = await plain(STUBBORN)
    await is_up(child)
    with anyio.move_on_after(0.1):
        await child.aclose(grace_s=60)
    assert child.returncode is not None


async def test_a_lock_that_a_fork_handler_wants_does_not_hold_up_a_start() -> None:
    lock = threading.Lock()

    def take() -> None:
        with lock:
            pass

    os.register_at_fork(after_in_child=take)
    with lock, anyio.fail_after(60):
        child = await framed("pass")
        assert await child.wait() == 0
    await child.aclose()


async def test_a_start_that_is_cancelled_leaves_no_child_to_itself() -> None:
    child = None
    with anyio.CancelScope() as scope:
        scope.cancel()
        child = await framed("input()")
    assert child is not None
    await child.aclose()


@pytest.mark.parametrize("kind", [ChildProcess, FramedChild])
async def test_a_command_that_is_not_there_is_an_os_error(kind: type[ChildProcess]) -> None:
    with pytest.raises(OSError, match="no-such-command"):
        await kind.start(["/no-such-command"], keep_errors=True)


async def test_keys_and_passwords_do_not_reach_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAEMON_KEY", "secret")
    assert "KOTAEMON_KEY" not in plain_environment()
    child = await plain("import os; print('KOTAEMON_KEY' in os.environ)")
    await child.wait()
    await child.aclose()
    assert child.error_tail() == "False"


FORKING = """
import os, sys, time
if os.fork() == 0:
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("stays", ["", "time.sleep(60)"], ids=["ended before", "is ended with it"])
async def test_what_a_child_has_started_ends_with_it(stays: str) -> None:
    command = [sys.executable, "-c", FORKING + stays]
    child = await ChildProcess.start(command, own_session=True, keep_errors=True)
    await is_up(child)
    descendant = os.pidfd_open(int(child.error_tail()))
    await child.aclose()
    with anyio.fail_after(60):
        await anyio.wait_readable(descendant)
    os.close(descendant)
