from collections.abc import Callable, Sequence

import anyio
import anyio.lowlevel
import pytest

from kotaemon_async.documents.queue.broker import Bell
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


class Bells:
    """A broker that keeps bells until they are heard, is flushed, or is away."""

    def __init__(self) -> None:
        self.waiting: dict[str, Bell] = {}
        self.rung: list[str] = []
        self.flushes = 0
        self.away = False

    async def ring(self, bells: Sequence[Bell]) -> None:
        self._answer()
        assert not {bell.id for bell in bells} & set(self.rung), "an id was used twice"
        self.rung += [bell.id for bell in bells]
        self.waiting |= {bell.id: bell for bell in bells}

    async def unheard(self, bell_ids: Sequence[str]) -> set[str]:
        self._answer()
        return set(bell_ids) & set(self.waiting)

    async def epoch(self) -> str:
        self._answer()
        return str(self.flushes)

    def hear(self) -> list[str]:
        """The documents that were rung for and not heard yet."""
        heard = [bell.document_id for bell in self.waiting.values()]
        self.waiting.clear()
        return heard

    def flush(self) -> None:
        self.waiting.clear()
        self.flushes += 1

    def _answer(self) -> None:
        if self.away:
            raise AWAY


class Scene:
    """A dispatcher with its neighbours and a clock."""

    def __init__(self, *ids: str) -> None:
        self.documents, self.bells = Documents(*ids), Bells()
        self.now_s, self.room = 1000.0, True
        self.dispatcher = Dispatcher(
            self.documents, self.bells, clock=lambda: self.now_s, may_work=lambda: self.room
        )

    async def later(self, wait_s: float) -> list[str]:
        """What can be heard after a round at that time."""
        self.now_s += wait_s
        await self.dispatcher.ring_due()
        return self.bells.hear()


async def test_every_due_document_is_rung_for_once() -> None:
    scene = Scene("a", "b")
    assert await scene.dispatcher.ring_due() == 2
    assert await scene.dispatcher.ring_due() == 0
    assert [(bell.document_id, bell.traceparent) for bell in scene.bells.waiting.values()] == [
        ("a", "trace-a"),
        ("b", "trace-b"),
    ]


async def test_a_document_with_a_new_token_is_rung_for_again() -> None:
    scene = Scene("a")
    assert await scene.later(0) == ["a"]
    scene.documents.tokens["a"] = 1
    assert await scene.later(0.1) == ["a"]


async def test_a_bell_that_was_heard_and_led_to_nothing_is_rung_again_after_a_while() -> None:
    scene = Scene("a")
    assert await scene.later(0) == ["a"]
    assert await scene.later(4.9) == []
    assert await scene.later(0.2) == ["a"]


async def test_a_bell_that_waits_in_the_broker_is_not_rung_again_however_long_it_takes() -> None:
    scene = Scene("a")
    for _ in range(100):
        scene.now_s += 7
        await scene.dispatcher.ring_due()
    assert len(scene.bells.rung) == 1


async def test_after_a_flush_all_bells_are_rung_again_at_the_next_round() -> None:
    scene = Scene("a", "b")
    await scene.dispatcher.ring_due()
    scene.bells.flush()
    assert await scene.later(0.1) == ["a", "b"]


async def test_a_flush_while_nothing_is_due_makes_no_noise() -> None:
    scene = Scene()
    await scene.dispatcher.ring_due()
    scene.bells.flush()
    assert await scene.later(1) == []
    scene.documents.tokens["a"] = 0
    assert await scene.later(1) == ["a"]


async def test_what_could_not_be_rung_is_rung_when_the_broker_is_back() -> None:
    scene = Scene("a")
    scene.bells.away = True
    with pytest.raises(Unavailable):
        await scene.dispatcher.ring_due()
    scene.bells.away = False
    assert await scene.later(0) == ["a"]


async def test_two_processes_never_use_the_same_bell() -> None:
    scene = Scene("a")
    other = Dispatcher(scene.documents, scene.bells, clock=lambda: scene.now_s)
    await scene.dispatcher.ring_due()
    await other.ring_due()
    assert len(set(scene.bells.rung)) == 2


async def test_the_queue_in_the_broker_stays_short() -> None:
    scene = Scene(*(f"d{number}" for number in range(3 * AT_ONCE)))
    assert len(await scene.later(0)) == AT_ONCE


async def test_without_room_nothing_is_rung_for_and_with_room_at_once() -> None:
    scene = Scene("a")
    scene.room = False
    assert await scene.later(1) == []
    scene.room = True
    assert await scene.later(0) == ["a"]


async def test_the_dispatcher_says_what_it_waits_for_and_goes_on_by_itself() -> None:
    scene, seen = Scene("a"), list[str | None]()
    scene.bells.away = True

    async def sleep(_wait_s: float) -> None:
        seen.append(scene.dispatcher.waiting_code)
        scene.bells.away = len(seen) < 3

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: scene.dispatcher.run(sleep=sleep))
        await until(lambda: bool(scene.bells.rung))
        group.cancel_scope.cancel()
    assert seen == ["broker_unavailable"] * 3
    assert scene.bells.hear() == ["a"]


async def test_a_wake_is_answered_before_the_second_is_over() -> None:
    scene = Scene()
    async with anyio.create_task_group() as group:
        group.start_soon(scene.dispatcher.run)
        await anyio.lowlevel.checkpoint()
        scene.documents.tokens["a"] = 0
        scene.dispatcher.wake()
        await until(lambda: bool(scene.bells.rung), within_s=0.5)
        group.cancel_scope.cancel()


async def until(done: Callable[[], bool], within_s: float = 5) -> None:
    """Lets the other tasks run."""
    with anyio.fail_after(within_s):
        while not done():
            await anyio.lowlevel.checkpoint()
