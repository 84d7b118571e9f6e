"""The follower against a log and an index that are lists and dicts."""

from collections.abc import Sequence
from functools import partial

import anyio
import numpy as np
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.search.vectors.follower import Follower, collapse
from kotaemon_async.stores.vector_log import LogEntry
from kotaemon_async.telemetry import metrics
from tests.support.vector_log import ListLog


def upsert(seq: int, chunk_id: str, value: float = 1.0) -> LogEntry:
    return LogEntry(seq, "upsert", chunk_id, "d1", "default", np.full(4, value, dtype=np.float32))


def delete(seq: int, chunk_id: str) -> LogEntry:
    return LogEntry(seq, "delete", chunk_id, "d1", "default", None)


class DictIndex:
    """An index that fails as often as `failures` says."""

    def __init__(self, failures: int = 0) -> None:
        self.generation = "g1"
        self.model = "m"
        self.starts = 1
        self.is_exact = True
        self.outage: str | None = None
        self.values: dict[str, float] = {}
        self.failures = failures

    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise Unavailable("away", code="vectors_unavailable")
        for entry in upserts:
            assert entry.vector is not None
            self.values[entry.chunk_id] = float(entry.vector[0])
        for chunk_id in deletes:
            self.values.pop(chunk_id, None)

    async def count(self) -> int:
        return len(self.values)


class CountedIndex(DictIndex):
    """An index that counts how often it is asked how it is."""

    counted = 0

    async def count(self) -> int:
        self.counted += 1
        return await super().count()


class Following:
    """A follower that runs until its document is ready, and what it did meanwhile."""

    def __init__(
        self,
        log: ListLog,
        index: DictIndex,
        batch: int = 64,
        *,
        rebuild_batch: int = 0,
        serving: bool = True,
    ) -> None:
        self.log = log
        self.has_room = True
        self.pauses_s: list[float] = []
        self.codes: list[str | None] = []
        self.ready = anyio.Event()
        self.follower = Follower(
            log,
            index,
            clock=lambda: 5.0,
            on_ready=self.note,
            batch=batch,
            rebuild_batch=rebuild_batch or batch,
            sleep=self.sleep,
            may_write=lambda: self.has_room,
            serving=serving,
        )

    async def note(self, document_ids: list[str]) -> None:
        assert document_ids == ["d1"]
        self.ready.set()

    async def sleep(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)
        self.codes.append(self.follower.waiting_code)

    async def until_ready(self) -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(self.follower.run)
                await self.ready.wait()
                group.cancel_scope.cancel()


def test_the_last_entry_of_a_chunk_wins() -> None:
    upserts, deletes = collapse(
        [upsert(1, "a", 1.0), delete(2, "b"), upsert(3, "a", 2.0), upsert(4, "b", 3.0)]
    )
    assert [(entry.chunk_id, entry.seq) for entry in upserts] == [("a", 3), ("b", 4)]
    assert deletes == []


def test_an_upsert_of_a_chunk_that_is_gone_is_a_delete() -> None:
    gone = LogEntry(2, "upsert", "a", "d1", "default", None)
    assert collapse([upsert(1, "a"), gone]) == ([], ["a"])


async def test_the_log_is_followed_in_order_to_its_end() -> None:
    log, index = (
        ListLog(upsert(1, "a"), upsert(2, "b", 2.0), delete(4, "a"), upsert(7, "c", 3.0)),
        DictIndex(),
    )
    following = Following(log, index, batch=2)
    await following.until_ready()
    assert (index.values, log.positions) == ({"b": 2.0, "c": 3.0}, {"g1": 7})
    assert following.follower.behind == 0


async def test_what_is_left_to_do_is_counted() -> None:
    log, index = ListLog(*(upsert(n, f"c{n}") for n in range(1, 11))), DictIndex()
    following = Following(log, index, batch=4)
    assert await following.follower.step()
    assert following.follower.behind == 6


async def test_an_index_that_is_away_is_waited_for_visibly() -> None:
    following = Following(ListLog(upsert(1, "a")), DictIndex(failures=7))
    await following.until_ready()
    assert following.pauses_s == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    assert set(following.codes) == {"vectors_unavailable"}
    assert following.follower.waiting_code is None


async def test_a_new_generation_starts_from_the_beginning() -> None:
    log, index = ListLog(upsert(1, "a"), upsert(2, "b")), DictIndex()
    following = Following(log, index)
    await following.until_ready()
    index.generation, index.values, following.ready = "g2", {}, anyio.Event()
    await following.until_ready()
    assert (set(index.values), log.positions) == ({"a", "b"}, {"g1": 2, "g2": 2})


def lost(index: DictIndex) -> None:
    """The folder was put aside and an empty one has taken its place."""
    index.generation, index.values = "g2", {}
    index.starts += 1


async def caught_up(entries: int, batch: int = 64) -> tuple[Following, DictIndex]:
    log, index = ListLog(*(upsert(n, f"c{n}") for n in range(1, entries + 1))), DictIndex()
    following = Following(log, index, batch)
    await following.until_ready()
    return following, index


async def test_an_index_that_lacks_what_was_searchable_is_away_until_it_has_caught_up() -> None:
    following, index = await caught_up(10, batch=4)
    seen = [following.follower.outage]
    lost(index)
    for _ in range(3):
        seen.append(following.follower.outage)
        await following.follower.step()
    assert [*seen, following.follower.outage] == [None, *["vectors_rebuilding"] * 3, None]
    assert len(index.values) == 10


async def test_an_index_that_nobody_asks_is_rebuilt_in_larger_steps() -> None:
    log, index = ListLog(*(upsert(n, f"c{n}") for n in range(1, 21))), DictIndex()
    following = Following(log, index, batch=4, rebuild_batch=8)
    await following.until_ready()
    lost(index)
    held = []
    for _ in range(3):
        await following.follower.step()
        held.append(len(index.values))
    log.entries += [upsert(n, f"c{n}") for n in range(21, 30)]
    await following.follower.step()
    assert [*held, len(index.values)] == [8, 16, 20, 24]


async def test_what_comes_during_a_rebuild_does_not_prolong_it() -> None:
    following, index = await caught_up(8, batch=4)
    lost(index)
    await following.follower.step()
    following.log.entries += [upsert(n, f"c{n}") for n in range(9, 90)]
    await following.follower.step()
    assert (following.follower.outage, len(index.values)) == (None, 8)


async def test_a_rebuild_is_shown_while_it_goes_on() -> None:
    following, index = await caught_up(10, batch=4)
    assert "rebuilding" not in await following.follower.report()
    lost(index)
    await following.follower.step()
    report = await following.follower.report()
    assert report["rebuilding"] == {"done": 4, "total": 10}
    assert (report["code"], report["count"], report["behind"]) == ("vectors_rebuilding", 4, 6)
    assert metrics.REGISTRY.get_sample_value("kotaemon_vector_rebuild_ratio") == pytest.approx(0.4)


async def test_an_index_that_is_built_beside_another_shows_in_no_metric_until_it_serves() -> None:
    shown = partial(metrics.REGISTRY.get_sample_value, "kotaemon_vector_rebuild_ratio")
    metrics.VECTOR_REBUILD_RATIO.set(0.7)
    log = ListLog(*(upsert(n, f"c{n}") for n in range(1, 11)))
    log.positions["g1"] = 10
    following = Following(log, DictIndex(), batch=4, serving=False)
    following.follower._vectors.generation = "g2"  # type: ignore[misc]
    assert await following.follower.catch_up()
    assert (shown(), following.follower.outage) == (0.7, None)
    following.follower.serve()
    assert shown() == 1


async def test_a_rebuild_whose_log_shrinks_ends_all_the_same() -> None:
    following, index = await caught_up(10, batch=4)
    lost(index)
    await following.follower.step()
    del following.log.entries[4:]
    await following.follower.step()
    assert following.follower.outage is None


async def test_a_new_era_begins_when_the_index_is_back() -> None:
    following, index = await caught_up(3)
    before = following.follower.era
    lost(index)
    await following.follower.step()
    assert following.follower.era != before


async def test_an_index_that_is_known_to_be_away_is_an_outage_by_that_name() -> None:
    following, index = await caught_up(3)
    index.outage = "vectors_unavailable"
    assert following.follower.outage == "vectors_unavailable"
    assert "count" not in await following.follower.report()


async def test_without_room_on_the_disk_nothing_is_applied_and_that_is_shown() -> None:
    following = Following(ListLog(upsert(1, "a"), upsert(2, "b")), DictIndex())
    following.has_room = False
    with pytest.raises(Unavailable) as caught:
        await following.follower.step()
    assert (caught.value.code, following.follower.behind) == ("disk_full", 2)
    following.has_room = True
    await following.until_ready()
    assert following.follower.behind == 0


async def test_an_index_that_was_never_up_is_asked_for_before_the_log() -> None:
    log, index = ListLog(upsert(1, "a")), DictIndex()
    index.generation = ""
    assert await Following(log, index).follower.step()
    assert (index.values, log.positions) == ({}, {})


async def test_an_index_with_nothing_to_do_is_not_asked_at_every_look_at_the_log() -> None:
    index = CountedIndex()
    following = Following(ListLog(), index)
    for _ in range(5):
        await following.follower.step()
    assert index.counted == 1


async def test_a_ring_ends_the_idle_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kotaemon_async.search.vectors.follower.IDLE_ROUND_S", 1000.0)
    log, index = ListLog(), DictIndex()
    following = Following(log, index)
    async with anyio.create_task_group() as group:
        group.start_soon(following.follower.run)
        await anyio.wait_all_tasks_blocked()
        log.entries.append(upsert(1, "a"))
        following.follower.wake()
        with anyio.fail_after(60):
            await following.ready.wait()
        group.cancel_scope.cancel()
    assert index.values == {"a": 1.0}
