"""Models come when they are needed and go when they are not, and never while somebody has them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.models import LeasedModel, ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.telemetry import metrics


class Fixture:
    """A registry with a clock that stands still, and models whose loads and ends are written down."""

    def __init__(self, *, max_loaded: int = 2, idle_release_s: float = 100.0) -> None:
        self.now_s = 0.0
        self.events: list[str] = []
        self.trims = 0
        self.fails = 0
        self.codes: list[str] = []
        self.dead: set[str] = set()
        self.go_on = anyio.Event()
        self.go_on.set()
        self.asleep = anyio.Event()
        self.registry = ModelRegistry(
            ModelSettings(max_loaded=max_loaded, idle_release_s=idle_release_s),
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
            self.dead.discard(name)
            return name

        async def unload(model: str) -> None:
            self.events.append(f"end {model}")

        return LeasedModel(
            name,
            self.registry,
            load,
            unload,
            is_alive=lambda model: model not in self.dead,
            idle_release_s=5.0 if name == "c" else None,
        )

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

    async def refused(self, name: str) -> None:
        try:
            await self.use(name)
        except Unavailable as error:
            self.codes.append(error.code)

    @asynccontextmanager
    async def using(self, names: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name in names:
                await stack.enter_async_context(self.models[name].lease())
            yield


async def test_a_model_is_loaded_once_and_stays() -> None:
    one = Fixture()
    await one.use("aaa")
    assert (one.events, one.registry.loaded) == (["load a"], ("a",))
    assert metrics.REGISTRY.get_sample_value("kotaemon_models_loaded") == 1


async def test_the_least_recently_used_one_makes_room() -> None:
    one = Fixture()
    await one.use("abac")
    assert one.events == ["load a", "load b", "end b", "load c"]
    assert one.registry.loaded == ("a", "c")


async def test_a_model_in_use_stays_although_it_was_used_longest_ago() -> None:
    one = Fixture()
    async with one.using("a"):
        await one.use("bc")
        assert one.registry.loaded == ("a", "c")


async def test_a_model_waits_while_all_others_are_in_use() -> None:
    one = Fixture()
    async with anyio.create_task_group() as group, one.using("ab"):
        group.start_soon(one.use, "c")
        await one.asleep.wait()
        assert one.registry.loaded == ("a", "b")
    assert set(one.registry.loaded) == {"b", "c"}


async def test_those_who_wait_for_one_model_share_its_loading() -> None:
    one = Fixture()
    one.go_on = anyio.Event()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(one.use, "a")
        await anyio.wait_all_tasks_blocked()
        one.go_on.set()
    assert one.events == ["load a"]


async def test_who_stops_waiting_does_not_stop_the_loading() -> None:
    one = Fixture()
    one.go_on = anyio.Event()
    with anyio.move_on_after(0.01) as patience:
        await one.use("a")
    one.go_on.set()
    await one.use("a")
    assert (patience.cancelled_caught, one.events) == (True, ["load a"])


async def test_a_model_that_cannot_be_loaded_is_tried_again_by_the_next() -> None:
    one = Fixture()
    one.fails = 1
    with pytest.raises(Unavailable, match="away"):
        await one.use("a")
    await one.use("a")
    assert one.events == ["load a", "load a"]


async def test_what_was_idle_for_long_is_released_and_memory_is_given_back() -> None:
    one = Fixture()
    await one.use("ab")
    one.now_s = 101.5
    assert await one.registry.release_due() == ("a",)
    assert (one.registry.loaded, one.trims) == (("b",), 1)


async def test_the_registry_looks_for_idle_models_by_itself() -> None:
    one = Fixture(idle_release_s=10.0)
    await one.use("a")
    one.now_s = 20.0
    async with anyio.create_task_group() as group:
        group.start_soon(one.registry.run)
        while one.registry.loaded:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert one.events == ["load a", "end a"]


async def test_long_use_is_no_idleness() -> None:
    one = Fixture(idle_release_s=10.0)
    async with one.using("a"), anyio.create_task_group() as group:
        one.now_s = 20.0
        group.start_soon(one.registry.run)
        await one.asleep.wait()
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert await one.registry.release_due() == ()


async def test_under_pressure_only_what_is_in_use_stays() -> None:
    one = Fixture()
    await one.use("b")
    async with one.using("a"):
        assert await one.registry.release_idle() == ("b",)
    assert one.registry.loaded == ("a",)


async def test_a_glance_neither_loads_nor_counts_as_use() -> None:
    one = Fixture()
    async with one.models["a"].peek() as nothing:
        assert nothing is None
    await one.use("a")
    one.now_s = 200.0
    async with one.models["a"].peek() as model:
        assert model == "a"
        assert await one.registry.release_idle() == ()  # though nobody takes it away under the eyes
    assert await one.registry.release_due() == ("a",)


async def test_a_closed_registry_loads_nothing_more() -> None:
    one = Fixture()
    await one.use("a")
    await one.registry.aclose()
    assert one.registry.loaded == ()
    with pytest.raises(Unavailable) as refused:
        await one.use("a")
    assert refused.value.code == "shutting_down"


async def test_a_model_may_have_an_idle_time_of_its_own() -> None:
    one = Fixture()
    await one.use("ac")
    one.now_s += 6
    assert await one.registry.release_due() == ("c",)
    assert one.registry.loaded == ("a",)


async def test_a_model_that_died_in_use_is_unloaded_by_its_last_user() -> None:
    one = Fixture()
    async with one.using("aa"):
        one.dead.add("a")
    assert (one.events, one.registry.loaded) == (["load a", "end a"], ())


async def test_a_model_that_died_unused_is_loaded_anew() -> None:
    one = Fixture()
    await one.use("a")
    one.dead.add("a")
    await one.use("a")
    assert one.events == ["load a", "end a", "load a"]


async def test_a_closed_model_is_gone_although_it_is_in_use() -> None:
    one = Fixture()
    async with one.using("a"):
        await one.models["a"].aclose()
        assert one.registry.loaded == ()
        with pytest.raises(Unavailable) as refused:
            await one.use("a")
    assert refused.value.code == "shutting_down"


async def test_who_waits_for_a_model_that_is_closed_is_told_so() -> None:
    one = Fixture()
    one.go_on = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(one.refused, "a")
        await anyio.wait_all_tasks_blocked()
        await one.models["a"].aclose()
    assert (one.codes, one.registry.loaded) == (["shutting_down"], ())
