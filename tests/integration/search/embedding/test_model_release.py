"""The real embedding model goes when nobody needs it, gives its memory back, and comes again in a moment."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.telemetry.health import Health

MB = 1_000_000
#: The weights alone take so much; measured here are about 47 MB.
AT_LEAST = 25 * MB


def own_bytes() -> int:
    """Memory that is this process's alone: shared pages count less whenever another process comes."""
    match = re.search(r"^RssAnon:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1]) * 1024


@pytest.fixture
async def models() -> AsyncIterator[ModelRegistry]:
    made = ModelRegistry(ModelSettings())
    yield made
    await made.aclose()


@pytest.fixture
async def embedder(model_folder: Path, models: ModelRegistry) -> AsyncIterator[Embedder]:
    opened = await Embedder.open(model_folder, model="multilingual", threads=1, models=models)
    yield opened
    await opened.aclose()


async def test_memory_falls_when_the_model_is_released(embedder: Embedder, models: ModelRegistry) -> None:
    await embedder.embed_passages(["pump " * 200] * 8)
    before = own_bytes()
    assert await models.release_idle() == ("embedder",)
    freed = before - own_bytes()
    assert (embedder.is_loaded, freed > AT_LEAST) == (False, True)


async def test_memory_does_not_grow_over_many_releases(embedder: Embedder, models: ModelRegistry) -> None:
    sizes = []
    for _ in range(8):
        await embedder.embed_query("How often is the seal replaced?")
        await models.release_idle()
        sizes.append(own_bytes())
    # glibc keeps and gives back tables of 12 MB; their highest level is reached early, and stays
    assert sizes[-1] - sizes[0] < 47 * MB
    assert max(sizes[4:]) - max(sizes[:4]) < 30 * MB


async def test_the_next_question_brings_it_back_with_the_same_vector(
    embedder: Embedder, models: ModelRegistry
) -> None:
    before = await embedder.embed_query("How often is the seal replaced?")
    await models.release_idle()
    after = await embedder.embed_query("How often is the seal replaced?")
    assert (before == after).all()
    assert models.loaded == ("embedder",)


async def test_the_loop_turns_while_the_model_is_loaded_again(
    embedder: Embedder, models: ModelRegistry
) -> None:
    await models.release_idle()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0.002)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(turn)
        await anyio.lowlevel.checkpoint()
        await embedder.embed_query("How often is the seal replaced?")
        group.cancel_scope.cancel()
    assert turns > 10  # a loop that loaded it would have stood still


async def test_a_question_that_does_not_wait_for_the_model_leaves_it_coming(
    embedder: Embedder, models: ModelRegistry
) -> None:
    await models.release_idle()
    with anyio.move_on_after(0) as patience:
        await embedder.embed_query("How often is the seal replaced?")
    assert patience.cancelled_caught
    with anyio.fail_after(60):
        await embedder.embed_query("How often is the seal replaced?")


async def test_a_model_that_embeds_is_not_released(embedder: Embedder, models: ModelRegistry) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(embedder.embed_passages, ["pump " * 200] * 20)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        assert await models.release_idle() == ()
        assert embedder.is_loaded


async def test_the_health_report_neither_loads_it_nor_keeps_it(
    embedder: Embedder, models: ModelRegistry
) -> None:
    health = Health()
    health.register("embedder", embedder.check)
    loaded = await health.report()
    await models.release_idle()
    released = await health.report()
    assert [report["status"] for report in (loaded, released)] == ["ok", "ok"]
    assert (await embedder.check())["loaded"] is False
    assert models.loaded == ()


async def test_a_model_that_is_away_when_it_is_needed_is_unavailable_until_it_is_there_again(
    models: ModelRegistry, model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.symlink_to(model_folder)
    opened = await Embedder.open(folder, model="multilingual", threads=1, models=models)
    await models.release_idle()
    folder.unlink()
    with pytest.raises(Unavailable) as away:
        await opened.embed_query("Is anybody there?")
    folder.symlink_to(model_folder)
    assert (away.value.code, (await opened.embed_query("Again?")).shape) == ("embedder_unavailable", (384,))
    await opened.aclose()
