"""The embedding model is changed while questions are asked, and whatever happens meanwhile."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from kotaemon_async.app.doctor import doctor_on_duty
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.domain.model import Reason
from kotaemon_async.search.vectors.folders import NAMES
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.models import EmbeddingModel, Roles
from tests.support.spaces import WEIGHTS, Searching, WordEmbedder, searching

OLD, NEW = (EmbeddingModel(name, WEIGHTS[name]) for name in ("old", "new"))
TEXTS = {
    f"doc_{n}": f"The {word} stands in hall number {n}." for n, word in enumerate(["pump", "valve", "lamp"])
}
PARTIAL = (Reason("vectors", "vectors_rebuilding"),)


@pytest.fixture(scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed folder with documents that the old model has embedded."""
    folder = tmp_path_factory.mktemp("embedded")
    ledger = await Ledger.open(folder / "ledger.db")
    async with searching(folder, ledger, wanted="old") as service:
        for name, text in TEXTS.items():
            await service.ready(name, text)
    await ledger.aclose()
    return folder


@pytest.fixture
async def ledger(tmp_path: Path, embedded: Path) -> AsyncIterator[Ledger]:
    """The ledger of a copy of it."""
    shutil.copytree(embedded, tmp_path, dirs_exist_ok=True)
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.aclose()


@pytest.fixture
def stocked(tmp_path: Path, ledger: Ledger) -> Path:
    """The copy."""
    return tmp_path


async def found(service: Searching) -> list[list[str]]:
    """For each document, whether a search by vector for its own words begins with it, and says so."""
    searches = [(name, await service.search(text)) for name, text in TEXTS.items()]
    return [[name] for name, one in searches if one.passages[0].document_id == name and not one.degraded]


async def ask_on(service: Searching, wrong: list[object]) -> None:
    """Ask all the time; what is not as before the change is kept."""
    while True:
        for name, text in TEXTS.items():
            answer = await service.search(text)
            if answer.degraded or not answer.passages or answer.passages[0].document_id != name:
                wrong.append((service.change.status, answer))
            await anyio.lowlevel.checkpoint()


def indexes(folder: Path) -> set[str]:
    return {name for name in NAMES if (folder / name).exists()}


async def test_every_search_finds_its_page_by_vector_during_the_whole_change(
    stocked: Path, ledger: Ledger
) -> None:
    wrong: list[object] = []
    async with searching(stocked, ledger, wanted="new", retire_s=0.1) as service:
        async with anyio.create_task_group() as group:
            group.start_soon(ask_on, service, wrong)
            await service.until_switched()
            await service.until(lambda: indexes(stocked) == {"vectors.next"})
            group.cancel_scope.cancel()
        assert len(await found(service)) == len(TEXTS)
    assert wrong == []
    assert await ledger.models.roles() == Roles(active=NEW, previous=OLD)
    assert [one.is_closed for one in service.parts.opened] == [True, True]


async def test_the_next_start_opens_the_index_where_it_is(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new") as service:
        await service.until_switched()
        await service.until(lambda: indexes(stocked) == {"vectors.next"})
        generation = service.spaces.active().vectors.generation
    async with searching(stocked, ledger, wanted="new") as again:
        assert again.spaces.active().vectors.generation == generation
        assert len(await found(again)) == len(TEXTS)
        assert [one.name for one in again.parts.opened] == ["new"]


async def test_what_is_read_during_the_change_is_found_before_and_after_it(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        assert await service.change.step()
        await service.ready("doc_9", "A crane lifts stones.")
        assert (await service.search("A crane lifts stones.")).passages[0].document_id == "doc_9"
        async with anyio.create_task_group() as group:
            group.start_soon(service.change.run)
            await service.until_switched()
            group.cancel_scope.cancel()
        assert (await service.search("A crane lifts stones.")).passages[0].document_id == "doc_9"


async def test_what_was_deleted_during_the_change_is_gone_from_the_second_index(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await until_indexing(service)
        await ledger.documents.delete("doc_0")
        async with anyio.create_task_group() as group:
            group.start_soon(service.change.run)
            await service.until_switched()
            group.cancel_scope.cancel()
        assert await service.spaces.active().vectors.count() == len(TEXTS) - 1


async def until_indexing(service: Searching) -> None:
    """The second index has begun."""
    with anyio.fail_after(60):
        while service.change.status.state != "indexing":
            await service.change.step()


@pytest.mark.parametrize("steps", [1, 3, 5, 6, 7, 8])
async def test_a_change_goes_on_wherever_it_was_cut_off(stocked: Path, ledger: Ledger, steps: int) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        for _ in range(steps):
            await service.change.step()
    async with searching(stocked, ledger, wanted="new") as again:
        await again.until_switched()
        assert len(await found(again)) == len(TEXTS)
        embedded = await ledger.models.progress("new")
    assert embedded == (len(TEXTS), len(TEXTS))


async def test_a_switch_that_its_process_did_not_survive_is_found_at_the_next_start(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await until_indexing(service)
        assert await service.second_index.follower.catch_up()
        assert await ledger.models.switch(service.second_index.vectors.generation)
    assert indexes(stocked) == {"vectors", "vectors.next"}
    async with searching(stocked, ledger, wanted="new") as again:
        assert (again.model, indexes(stocked)) == ("new", {"vectors.next"})
        assert len(await found(again)) == len(TEXTS)


async def test_a_switch_by_another_process_is_taken_over(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await until_indexing(service)
        assert await service.second_index.follower.catch_up()
        assert await ledger.models.switch(service.second_index.vectors.generation)
        assert await service.change.step()
        assert (service.model, len(await found(service))) == ("new", len(TEXTS))


async def test_a_change_is_stopped_and_goes_on_over_a_restart(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await service.change.step()
        await service.change.stop()
        assert not await service.change.step()
        assert (service.change.status.state, service.parts.opened[-1].is_closed) == ("stopped", True)
    async with searching(stocked, ledger, wanted="new") as again:
        await again.until(lambda: again.change.status.state == "stopped")
        await again.change.resume()
        await again.until_switched()


async def test_a_change_that_is_taken_back_leaves_nothing_and_does_not_begin_again(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await until_indexing(service)
        await service.change.take_back()
        assert indexes(stocked) == {"vectors"}
    async with searching(stocked, ledger, wanted="new", runs=False) as again:
        assert not await again.change.step()
        assert (again.model, again.change.status.declined) == ("old", "new")
        assert await ledger.models.progress("new") == (0, len(TEXTS))
        await again.change.resume()
        assert await again.change.step()
        assert again.change.status.target == "new"


async def test_a_finished_change_is_taken_back_by_one_in_the_other_direction(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new") as service:
        await service.until_switched()
        await service.change.take_back()
        await service.until_switched("old")
        assert len(await found(service)) == len(TEXTS)
    async with searching(stocked, ledger, wanted="new") as again:
        await again.until(lambda: again.change.status.total)
        assert (again.model, again.change.status.state) == ("old", "idle")


async def test_the_way_back_can_be_taken_back_as_well(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        with anyio.fail_after(60):
            while service.model != "new":
                await service.change.step()
        await service.change.take_back()
        await service.change.step()
        await service.change.take_back()
        assert not await service.change.step()
    assert await ledger.models.roles() == Roles(active=NEW, previous=OLD)


async def test_without_a_change_there_is_nothing_to_stop_or_take_back(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="old", runs=False) as service:
        for act in (service.change.stop, service.change.resume, service.change.take_back):
            with pytest.raises(Refused):
                await act()


async def test_a_former_model_without_weights_cannot_be_gone_back_to(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new") as service:
        await service.until_switched()
    async with searching(stocked, ledger, wanted="new", weights={"new": 24}, runs=False) as again:
        with pytest.raises(Refused, match="there is no old"):
            await again.change.take_back()
    assert (await ledger.models.roles()).target is None


async def test_a_model_that_cannot_be_had_leaves_the_present_one_at_work(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new", weights={"old": 16}) as service:
        await service.until(lambda: service.change.status.message)
        assert (service.model, service.change.status.hint) == ("old", "Prepare it.")
        assert "there is no new" in str(service.change.report()["message"])
        assert len(await found(service)) == len(TEXTS)


async def test_words_stand_in_while_the_vectors_are_of_a_model_without_weights(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new", weights={"new": 24}, runs=False) as service:
        await service.until(lambda: service.spaces.active().follower.is_partial)
        seen = await service.search("the pump", "hybrid")
        assert (seen.passages[0].document_id, seen.degraded) == ("doc_0", PARTIAL)
        async with anyio.create_task_group() as group:
            group.start_soon(service.change.run)
            await service.until(lambda: service.change.status.done == len(TEXTS))
            await service.until(lambda: service.change.status.state == "idle")
            group.cancel_scope.cancel()

        async def is_found() -> bool:
            passages = (await service.search(TEXTS["doc_2"])).passages
            return [one.document_id for one in passages[:1]] == ["doc_2"]

        await service.until(is_found)


async def test_an_empty_folder_takes_the_model_that_is_set_at_once(tmp_path: Path) -> None:
    async with aclosing(await Ledger.open(tmp_path / "ledger.db")) as ledger:
        async with searching(tmp_path, ledger, wanted="old"):
            pass
        async with searching(tmp_path, ledger, wanted="new") as service:
            await service.ready("doc_0", TEXTS["doc_0"])
            assert service.model == "new"
        assert await ledger.models.roles() == Roles(active=NEW, previous=OLD)


async def test_another_wish_during_the_change_ends_it(stocked: Path, ledger: Ledger) -> None:
    weights = {**WEIGHTS, "third": 8}
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await service.change.step()
    async with searching(stocked, ledger, wanted="third", weights=weights) as other:
        await other.until_switched("third")
        assert len(await found(other)) == len(TEXTS)
    async with searching(stocked, ledger, wanted="new", weights=weights, runs=False) as service:
        await service.change.step()
    async with searching(stocked, ledger, wanted="third", weights=weights, runs=False) as same:
        assert not await same.change.step()
    assert await ledger.models.roles() == Roles(active=EmbeddingModel("third", 8), previous=OLD)


async def test_a_change_waits_for_room_and_says_so(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await service.change.step()
        service.shortage = "disk"
        assert not await service.change.step()
        assert service.change.report()["change"] == {
            "state": "waiting", "target": "new", "done": 1, "total": 3, "waiting_for": "disk",
        }  # fmt: skip


async def test_without_a_change_nothing_waits_for_room(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="old", runs=False) as service:
        service.shortage = "memory"
        assert not await service.change.step()
        assert (service.change.status.state, service.change.report()) == ("idle", {})


async def test_it_waits_for_documents_that_are_about_to_be_read_anew(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new") as service:
        await ledger.documents.start_anew("doc_0", 6.0, force=True)
        await service.until(lambda: service.change.status.waiting_for == "documents")
        assert service.change.status.done == len(TEXTS) - 1
        await service.read("doc_0", TEXTS["doc_0"])
        await service.until_switched()
        assert len(await found(service)) == len(TEXTS)


async def test_documents_that_come_all_the_time_do_not_hold_the_switch_up(
    stocked: Path, ledger: Ledger
) -> None:
    async with searching(stocked, ledger, wanted="new") as service:
        number = 100
        with anyio.fail_after(60):
            while service.model != "new":
                await service.ready(f"doc_{number}", f"Number {number} of many.")
                number += 1
        assert len(await found(service)) == len(TEXTS)


async def test_a_model_that_fails_is_tried_again(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        await service.change.step()
        [model] = [one for one in service.parts.opened if one.name == "new"]
        model.before = failing_once(model)
        async with anyio.create_task_group() as group:
            group.start_soon(service.change.run)
            await service.until(lambda: service.change.status.code == "embedder_unavailable")
            await service.until_switched()
            group.cancel_scope.cancel()
        assert service.change.status.code is None


def failing_once(model: WordEmbedder) -> Callable[[], None]:
    """Fail, and never again."""

    def fail() -> None:
        model.before = lambda: None
        raise Unavailable("It failed.", code="embedder_unavailable")

    return fail


async def differing(service: Searching) -> set[str]:
    """What a deep look at the vectors and their log finds; these documents never had files."""
    parts = service.parts
    blobs = Blobs(parts.folder / "blobs", 10**6)
    doctor = doctor_on_duty(parts.settings, service.ledger, blobs, service.spaces, lambda: None)
    report = await doctor.run(repair=False, deep=True)
    return {kind for kind in report.findings if kind.startswith(("vector", "log"))}


async def test_the_doctor_has_nothing_against_any_state_of_the_change(stocked: Path, ledger: Ledger) -> None:
    async with searching(stocked, ledger, wanted="new", runs=False) as service:
        seen = [await differing(service)]
        with anyio.fail_after(60):
            while service.model != "new" or await service.change.step():
                await service.change.step()
                seen.append(await differing(service))
        assert set().union(*seen) == set()
        assert len(seen) > len(TEXTS)
