"""Models come when they are needed and go when they are not, and never while somebody has them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.leased_model import LeasedModel
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.telemetry import metrics


class Shelf:
    """A registry with a clock that stands still, and models whose loads and ends are written down."""

    def __init__(self, *, max_loaded: int = 2, idle_release_s: float = 100.0) -> None:
        self.now_s = 0.0
        self.events: list[str] = []
        self.trims = 0
        self.fails = 0
        self.go_on = anyio.Event()
        self.go_on.set()
        self.asleep = anyio.Event()
        self.registry = ModelRegistry(
            max_loaded=max_loaded,
            idle_release_s=idle_release_s,
            clock=lambda: self.now_s,
            sleep=self._sleep,
            trim=self._trim,
        )
        self.models = {name: self._model(name) for name in ("a", "b", "c")}

    def _model(self, name: str) -> LeasedModel[str]:
        async def load() -> str:
            self.events.append(f"load {name}")
            await self.go_on.wait()
            if self.fails:
                self.fails -= 1
                raise Unavailable("away", code="embedder_unavailable")
            return name

        async def unload(model: str) -> None:
            self.events.append(f"end {model}")

        return LeasedModel(name, self.registry, load, unload)

    async def _sleep(self, _seconds: float) -> None:
        self.asleep.set()
        await anyio.lowlevel.checkpoint()

    async def _trim(self) -> None:
        self.trims += 1

    async def use(self, names: str) -> None:
        for name in names:
            self.now_s += 1
            async with self.models[name].lease() as model:
                assert model == name

    @asynccontextmanager
    async def using(self, names: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name in names:
                await stack.enter_async_context(self.models[name].lease())
            yield


async def test_a_model_is_loaded_once_and_stays() -> None:
    shelf = Shelf()
    await shelf.use("aaa")
    assert (shelf.events, shelf.registry.loaded) == (["load a"], ("a",))
    assert metrics.REGISTRY.get_sample_value("kotaemon_models_loaded") == 1


async def test_the_least_recently_used_one_makes_room() -> None:
    shelf = Shelf()
    await shelf.use("abac")
    assert shelf.events == ["load a", "load b", "end b", "load c"]
    assert shelf.registry.loaded == ("a", "c")


async def test_a_model_in_use_stays_although_it_was_used_longest_ago() -> None:
    shelf = Shelf()
    async with shelf.using("a"):
        await shelf.use("bc")
        assert shelf.registry.loaded == ("a", "c")


async def test_a_model_waits_while_all_others_are_in_use() -> None:
    shelf = Shelf()
    async with anyio.create_task_group() as group, shelf.using("ab"):
        group.start_soon(shelf.use, "c")
        await shelf.asleep.wait()
        assert shelf.registry.loaded == ("a", "b")
    assert set(shelf.registry.loaded) == {"b", "c"}


async def test_those_who_wait_for_one_model_share_its_loading() -> None:
    shelf = Shelf()
    shelf.go_on = anyio.Event()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(shelf.use, "a")
        await anyio.wait_all_tasks_blocked()
        shelf.go_on.set()
    assert shelf.events == ["load a"]


async def test_who_stops_waiting_does_not_stop_the_loading() -> None:
    shelf = Shelf()
    shelf.go_on = anyio.Event()
    with anyio.move_on_after(0.01) as patience:
        await shelf.use("a")
    shelf.go_on.set()
    await shelf.use("a")
    assert (patience.cancelled_caught, shelf.events) == (True, ["load a"])


async def test_a_model_that_cannot_be_loaded_is_tried_again_by_the_next() -> None:
    shelf = Shelf()
    shelf.fails = 1
    with pytest.raises(Unavailable, match="away"):
        await shelf.use("a")
    await shelf.use("a")
    assert shelf.events == ["load a", "load a"]


async def test_what_was_idle_for_long_is_released_and_memory_is_given_back() -> None:
    shelf = Shelf()
    await shelf.use("ab")
    shelf.now_s = 101.5
    assert await shelf.registry.release_idle(idle_s=100.0) == ("a",)
    assert (shelf.registry.loaded, shelf.trims) == (("b",), 1)


async def test_the_registry_looks_for_idle_models_by_itself() -> None:
    shelf = Shelf(idle_release_s=10.0)
    await shelf.use("a")
    shelf.now_s = 20.0
    async with anyio.create_task_group() as group:
        group.start_soon(shelf.registry.run)
        while shelf.registry.loaded:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert shelf.events == ["load a", "end a"]


async def test_long_use_is_no_idleness() -> None:
    shelf = Shelf(idle_release_s=10.0)
    async with shelf.using("a"), anyio.create_task_group() as group:
        shelf.now_s = 20.0
        group.start_soon(shelf.registry.run)
        await shelf.asleep.wait()
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert await shelf.registry.release_idle(idle_s=10.0) == ()


async def test_under_pressure_only_what_is_in_use_stays() -> None:
    shelf = Shelf()
    await shelf.use("b")
    async with shelf.using("a"):
        assert await shelf.registry.release_idle() == ("b",)
    assert shelf.registry.loaded == ("a",)


async def test_a_glance_neither_loads_nor_counts_as_use() -> None:
    shelf = Shelf()
    async with shelf.models["a"].glance() as nothing:
        assert nothing is None
    await shelf.use("a")
    shelf.now_s = 200.0
    async with shelf.models["a"].glance() as model:
        assert model == "a"
        assert await shelf.registry.release_idle() == ()  # though nobody takes it away under the eyes
    assert await shelf.registry.release_idle(idle_s=100.0) == ("a",)


async def test_a_closed_registry_loads_nothing_more() -> None:
    shelf = Shelf()
    await shelf.use("a")
    await shelf.registry.aclose()
    assert shelf.registry.loaded == ()
    with pytest.raises(Unavailable) as refused:
        await shelf.use("a")
    assert refused.value.code == "shutting_down"
