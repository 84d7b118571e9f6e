from collections.abc import Callable, Sequence

import anyio
import anyio.lowlevel
import pytest

from kotaemon_async.documents.queue.broker import WakeUp
from kotaemon_async.documents.queue.dispatcher import AT_ONCE, Dispatcher
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.documents import Due

AWAY = Unavailable("away", code="broker_unavailable")


class Documents:
    """A ledger of documents that are due, by id, with their tokens."""

    def __init__(self, *ids: str) -> None:
        self.tokens = dict.fromkeys(ids, 0)

    async def due(self, now_s: float, limit: int) -> list[Due]:
        return [Due(one, token, f"trace-{one}") for one, token in self.tokens.items()][:limit]

    async def counts(self) -> tuple[dict[str, int], float | None]:
        return {"queued": len(self.tokens)}, None

    async def warned(self) -> dict[str, int]:
        return {"part_skipped": 2}


class WakeUps:
    """A broker that keeps wake-ups until they are received, is flushed, or is away."""

    def __init__(self) -> None:
        self.waiting: dict[str, WakeUp] = {}
        self.sent: list[str] = []
        self.flushes = 0
        self.away = False

    async def notify(self, wake_ups: Sequence[WakeUp]) -> None:
        self._answer()
        assert not {wake_up.id for wake_up in wake_ups} & set(self.sent), "an id was used twice"
        self.sent += [wake_up.id for wake_up in wake_ups]
        self.waiting |= {wake_up.id: wake_up for wake_up in wake_ups}

    async def pending(self, wake_up_ids: Sequence[str]) -> set[str]:
        self._answer()
        return set(wake_up_ids) & set(self.waiting)

    async def epoch(self) -> str:
        self._answer()
        return str(self.flushes)

    def receive(self) -> list[str]:
        """The documents that were notified and not received yet."""
        received = [wake_up.document_id for wake_up in self.waiting.values()]
        self.waiting.clear()
        return received

    def flush(self) -> None:
        self.waiting.clear()
        self.flushes += 1

    def _answer(self) -> None:
        if self.away:
            raise AWAY


class Scene:
    """A dispatcher with its neighbours and a clock."""

    def __init__(self, *ids: str) -> None:
        self.documents, self.wake_ups = Documents(*ids), WakeUps()
        self.now_s, self.room = 1000.0, True
        self.dispatcher = Dispatcher(
            self.documents, self.wake_ups, clock=lambda: self.now_s, may_work=lambda: self.room
        )

    async def later(self, wait_s: float) -> list[str]:
        """What can be received after a round at that time."""
        self.now_s += wait_s
        await self.dispatcher.notify_due()
        return self.wake_ups.receive()


async def test_every_due_document_is_notified_once() -> None:
    scene = Scene("a", "b")
    assert await scene.dispatcher.notify_due() == 2
    assert await scene.dispatcher.notify_due() == 0
    assert [(wake_up.document_id, wake_up.traceparent) for wake_up in scene.wake_ups.waiting.values()] == [
        ("a", "trace-a"),
        ("b", "trace-b"),
    ]


async def test_a_document_with_a_new_token_is_notified_again() -> None:
    scene = Scene("a")
    assert await scene.later(0) == ["a"]
    scene.documents.tokens["a"] = 1
    assert await scene.later(0.1) == ["a"]


async def test_a_wake_up_that_was_received_and_led_to_nothing_is_sent_again_after_a_while() -> None:
    scene = Scene("a")
    assert await scene.later(0) == ["a"]
    assert await scene.later(4.9) == []
    assert await scene.later(0.2) == ["a"]


async def test_a_wake_up_that_waits_in_the_broker_is_not_sent_again_however_long_it_takes() -> None:
    scene = Scene("a")
    for _ in range(100):
        scene.now_s += 7
        await scene.dispatcher.notify_due()
    assert len(scene.wake_ups.sent) == 1


async def test_after_a_flush_all_wake_ups_are_sent_again_at_the_next_round() -> None:
    scene = Scene("a", "b")
    await scene.dispatcher.notify_due()
    scene.wake_ups.flush()
    assert await scene.later(0.1) == ["a", "b"]


async def test_a_flush_while_nothing_is_due_sends_nothing() -> None:
    scene = Scene()
    await scene.dispatcher.notify_due()
    scene.wake_ups.flush()
    assert await scene.later(1) == []
    scene.documents.tokens["a"] = 0
    assert await scene.later(1) == ["a"]


async def test_what_could_not_be_sent_is_sent_when_the_broker_is_back() -> None:
    scene = Scene("a")
    scene.wake_ups.away = True
    with pytest.raises(Unavailable):
        await scene.dispatcher.notify_due()
    scene.wake_ups.away = False
    assert await scene.later(0) == ["a"]


async def test_two_processes_never_use_the_same_wake_up() -> None:
    scene = Scene("a")
    other = Dispatcher(scene.documents, scene.wake_ups, clock=lambda: scene.now_s)
    await scene.dispatcher.notify_due()
    await other.notify_due()
    assert len(set(scene.wake_ups.sent)) == 2


async def test_the_queue_in_the_broker_stays_short() -> None:
    scene = Scene(*(f"d{number}" for number in range(3 * AT_ONCE)))
    assert len(await scene.later(0)) == AT_ONCE


async def test_without_capacity_nothing_is_sent_and_with_capacity_at_once() -> None:
    scene = Scene("a")
    scene.room = False
    assert await scene.later(1) == []
    scene.room = True
    assert await scene.later(0) == ["a"]


async def test_the_dispatcher_says_what_it_waits_for_and_goes_on_by_itself() -> None:
    scene, seen = Scene("a"), list[str | None]()
    scene.wake_ups.away = True

    async def sleep(_wait_s: float) -> None:
        seen.append(scene.dispatcher.waiting_code)
        scene.wake_ups.away = len(seen) < 3

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: scene.dispatcher.run(sleep=sleep))
        await until(lambda: bool(scene.wake_ups.sent))
        group.cancel_scope.cancel()
    assert seen == ["broker_unavailable"] * 3
    assert scene.wake_ups.receive() == ["a"]


async def test_a_wake_is_answered_before_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kotaemon_async.documents.queue.dispatcher.EVERY_S", 1000.0)
    scene = Scene()
    async with anyio.create_task_group() as group:
        group.start_soon(scene.dispatcher.run)
        await anyio.lowlevel.checkpoint()
        scene.documents.tokens["a"] = 0
        scene.dispatcher.wake()
        await until(lambda: bool(scene.wake_ups.sent))
        group.cancel_scope.cancel()


async def until(done: Callable[[], bool], within_s: float = 60) -> None:
    """Lets the other tasks run."""
    with anyio.fail_after(within_s):
        while not done():
            await anyio.lowlevel.checkpoint()
