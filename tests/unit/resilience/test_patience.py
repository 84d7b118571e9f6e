"""Work that cannot be cancelled is waited for only so long."""

import anyio
import pytest

from kotaemon_async.resilience.patience import in_time


async def test_what_is_done_in_time_is_given() -> None:
    async def add() -> int:
        return 1 + 1

    assert await in_time(add(), 1.0) == 2


async def test_what_fails_in_time_raises_its_own_error() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await in_time(fail(), 1.0)


@pytest.mark.parametrize("leave", ["late", "cancelled"])
async def test_what_nobody_waits_for_any_more_goes_on(leave: str) -> None:
    go_on, done = anyio.Event(), anyio.Event()

    async def write() -> None:
        await go_on.wait()
        done.set()

    if leave == "late":
        with pytest.raises(TimeoutError):
            await in_time(write(), 0.0)
    else:
        with anyio.move_on_after(0.0):
            await in_time(write(), 60.0)
    go_on.set()
    await done.wait()
