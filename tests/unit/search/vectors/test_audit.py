"""The audit with a ledger and an index that are dicts, so that each can be made to lie."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.search.vectors.audit import FULL_EVERY_S, RESTS, WINDOW, WORN_AT_LEAST, IndexAudit
from kotaemon_async.stores.vector_log import LogEntry, Vector

DIMENSION = 8
END = 10_000
#: What a scene has by itself, and in how many windows a sweep looks at it, the empty last one among them.
CHUNKS = 200
WINDOWS = -(-CHUNKS // WINDOW) + 1


def chunk(number: int, value: int | None = None) -> LogEntry:
    drawn = np.random.default_rng(number if value is None else value).normal(size=DIMENSION)
    return LogEntry(
        number, "upsert", f"c{number}", "d", "a", (drawn / np.linalg.norm(drawn)).astype(np.float32)
    )


def nearest(chunks: Iterable[LogEntry], vector: Vector, limit: int) -> list[tuple[str, float]]:
    scores = {one.chunk_id: float(one.vector @ vector) for one in chunks if one.vector is not None}
    return sorted(scores.items(), key=lambda hit: -hit[1])[:limit]


class DictLedger:
    """A ledger whose chunks have all been followed."""

    def __init__(self, chunks: int) -> None:
        self.chunks = {f"c{n}": chunk(n) for n in range(1, chunks + 1)}
        self.windows = 0
        self.is_partial = False

    async def sample(self, spots: Sequence[float], position: int, model: str) -> list[LogEntry]:
        held = list(self.chunks.values())
        return [held[int(spot * len(held))] for spot in spots] if held else []

    async def canaries(self, count: int, position: int, model: str) -> list[LogEntry]:
        return list(self.chunks.values())[:count]

    async def window(
        self, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]:
        self.windows += 1
        found = sorted(entry.seq for entry in self.chunks.values() if entry.seq > after)[:limit]
        return [self.chunks[f"c{n}"] for n in found], found[-1] if found else None

    async def count(self, position: int, model: str) -> int | None:
        return len(self.chunks)

    async def unknown_ids(self, chunk_ids: Sequence[str], position: int, model: str) -> set[str]:
        return set(chunk_ids) - self.chunks.keys()

    async def waits_for_model(self, model: str) -> bool:
        return self.is_partial


class DictIndex:
    """An index that is a copy of the ledger, until a test makes it something else."""

    def __init__(self, ledger: DictLedger) -> None:
        self.generation, self.model, self.dimension, self.starts = "g1", "m", DIMENSION, 1
        self.held = dict(ledger.chunks)
        self.unreachable: set[str] = set()
        self.is_exact = False
        self.miscounted = 0
        self.left_over = 0
        self.discarded: list[str] = []
        self.on_compare: Callable[[], None] = lambda: None

    async def compare(self, entries: Sequence[LogEntry]) -> tuple[set[str], set[str]]:
        self.on_compare()
        missing = {one.chunk_id for one in entries} - self.held.keys()
        rest = [one for one in entries if one.chunk_id in self.held]
        return missing, {one.chunk_id for one in rest if self.held[one.chunk_id] is not one}

    async def present(self, chunk_ids: Sequence[str]) -> set[str]:
        return set(chunk_ids) & self.held.keys()

    async def search(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        if not self.is_exact:
            return await self.search_graph(vector, limit=limit, scope=scope)
        return nearest(self.held.values(), vector, limit)

    async def search_graph(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        return nearest((one for key, one in self.held.items() if key not in self.unreachable), vector, limit)

    async def count(self) -> int:
        return len(self.held) + self.miscounted

    async def deleted(self) -> int:
        return self.left_over

    async def ids(self, offset: int, limit: int) -> list[str]:
        return list(self.held)[offset : offset + limit]

    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None:
        self.held |= {one.chunk_id: one for one in upserts}
        for key in deletes:
            del self.held[key]

    async def discard(self, reason: Literal["audit", "worn"]) -> None:
        self.discarded.append(reason)
        self.left_over = 0
        self.generation, self.held = f"g{len(self.discarded) + 1}", {}


class Scene:
    """An audit with a clock that a test moves."""

    def __init__(self, chunks: int = CHUNKS) -> None:
        self.now_s = 1000.0
        self.rests_s: list[float] = []
        self.ledger = DictLedger(chunks)
        self.index = DictIndex(self.ledger)
        spots = itertools.cycle([n * 0.618 % 1 for n in range(97)])
        self.audit = IndexAudit(
            self.ledger,
            self.index,
            every_s=20,
            clock=lambda: self.now_s,
            sleep=self._sleep,
            random=lambda: next(spots),
        )

    async def _sleep(self, seconds: float) -> None:
        self.rests_s.append(seconds)

    async def until_done(self) -> None:
        while await self.audit.step(END):
            pass

    async def later(self, seconds: float = 20.0) -> None:
        """Everything that is due then."""
        self.now_s += seconds
        await self.until_done()


async def settled(chunks: int = CHUNKS) -> Scene:
    """A scene in which everything has been compared and found right."""
    scene = Scene(chunks)
    await scene.later(0)
    assert scene.index.discarded == []
    return scene


async def test_a_folder_that_was_taken_over_is_compared_as_a_whole() -> None:
    scene = Scene(600)
    del scene.index.held["c7"]
    scene.index.held["stray"] = chunk(9999)
    await scene.later(0)
    assert scene.index.held.keys() == scene.ledger.chunks.keys()
    assert scene.index.discarded == []


async def test_an_index_that_began_empty_is_not_compared_as_a_whole() -> None:
    scene = Scene(0)
    await scene.audit.step(0)
    await scene.audit.step(0)
    assert scene.ledger.windows == 0


async def test_a_right_index_stays_what_it_is_for_a_day() -> None:
    scene = await settled()
    windows = scene.ledger.windows
    for _ in range(24):
        await scene.later(FULL_EVERY_S)
        await scene.later()
    assert (scene.index.generation, scene.ledger.windows - windows) == ("g1", 24 * WINDOWS)
    assert scene.audit.age_s == 0.0


async def test_between_two_looks_nothing_is_asked() -> None:
    scene = await settled()
    scene.index.held.clear()
    await scene.later(19.9)
    assert scene.index.held == {}


async def test_some_missing_chunks_are_put_back() -> None:
    scene = await settled()
    for number in range(1, 41):
        del scene.index.held[f"c{number}"]
    await scene.later()
    assert scene.index.held == scene.ledger.chunks
    assert scene.index.discarded == []


async def test_strangers_are_taken_out() -> None:
    scene = await settled()
    scene.index.held |= {f"stray {n}": chunk(9000 + n) for n in range(40)}
    await scene.later()
    assert scene.index.held == scene.ledger.chunks


@pytest.mark.parametrize(
    ("lost", "gained", "unreachable"),
    [
        (range(101, 201), {}, ()),
        ((), {f"stray {n}": chunk(9000 + n) for n in range(100)}, ()),
        ((), {"c3": chunk(3, value=77)}, ()),
        ((), {}, range(1, 201, 2)),
    ],
    ids=["it lost half", "as many strangers", "another vector", "searches miss half"],
)
async def test_an_index_that_is_not_what_the_ledger_says_is_discarded(
    lost: Sequence[int], gained: dict[str, LogEntry], unreachable: Sequence[int]
) -> None:
    scene = await settled()
    for number in lost:
        del scene.index.held[f"c{number}"]
    scene.index.held |= gained
    scene.index.unreachable = {f"c{number}" for number in unreachable}
    with pytest.raises(Unavailable, match="not what the ledger says"):
        await scene.later()
    assert scene.index.discarded == ["audit"]


async def test_a_large_index_may_lack_one_chunk_in_a_hundred() -> None:
    scene = await settled(10_000)
    for number in range(1, 96):
        del scene.index.held[f"c{number}"]
    await scene.later()
    assert (len(scene.index.held), scene.index.discarded) == (10_000, [])


async def test_a_rare_chunk_that_no_search_reaches_is_no_damage() -> None:
    scene = await settled()
    scene.index.unreachable = {f"c{number}" for number in range(1, 201, 50)}
    for _ in range(20):
        await scene.later()
    assert scene.index.discarded == []


async def test_vectors_without_direction_are_not_searched_for() -> None:
    scene = await settled(0)
    for number, vector in ((1, np.zeros(DIMENSION)), (2, np.ones(3))):
        entry = LogEntry(number, "upsert", f"c{number}", "d", "a", vector.astype(np.float32))
        scene.ledger.chunks[f"c{number}"] = scene.index.held[f"c{number}"] = entry
    scene.index.unreachable = {"c1", "c2"}
    await scene.later()
    assert scene.index.discarded == []


async def test_a_count_that_nothing_explains_is_accepted_after_one_comparison() -> None:
    scene = await settled()
    scene.index.miscounted, before = 3, scene.ledger.windows
    for _ in range(5):
        await scene.later()
    assert (scene.ledger.windows - before, scene.index.discarded) == (WINDOWS, [])


async def test_a_new_child_on_the_same_folder_is_looked_at_at_once() -> None:
    scene = await settled()
    scene.index.starts = 2
    del scene.index.held["c5"]
    await scene.later(0)
    assert "c5" in scene.index.held


async def test_an_index_that_is_wrong_again_is_left_for_a_while_but_not_trusted() -> None:
    scene = await settled(20)
    for expected in (["audit"], ["audit"]):
        scene.index.held = dict(scene.ledger.chunks) | {"c3": chunk(3, value=77)}
        with pytest.raises(Unavailable):
            await scene.later()
        assert scene.index.discarded == expected
    assert scene.audit.is_wrong
    with pytest.raises(Unavailable):
        await scene.later(60)
    assert len(scene.index.discarded) == 2


async def test_an_index_that_was_wrong_and_is_right_is_trusted_again() -> None:
    scene = await settled(20)
    for _ in range(2):
        scene.index.held = dict(scene.ledger.chunks) | {"c3": chunk(3, value=77)}
        with pytest.raises(Unavailable):
            await scene.later()
    scene.index.held = dict(scene.ledger.chunks)
    await scene.later(60)
    assert not scene.audit.is_wrong


async def test_an_index_that_begins_anew_under_the_audit_is_not_judged() -> None:
    scene = await settled()

    async def compare(entries: Sequence[LogEntry]) -> tuple[set[str], set[str]]:
        scene.index.generation = "g2"
        return {one.chunk_id for one in entries}, set()

    scene.index.compare = compare  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="begun anew"):
        await scene.later()
    assert scene.index.discarded == []


async def test_documents_that_wait_for_the_present_model_are_known() -> None:
    scene = await settled(20)
    seen = []
    for is_partial in (True, False):
        scene.ledger.is_partial = is_partial
        await scene.later()
        seen.append(scene.audit.is_partial)
    assert seen == [True, False]


async def test_an_index_that_is_mostly_deleted_vectors_begins_anew_once() -> None:
    scene = await settled()
    scene.index.left_over = WORN_AT_LEAST + 1
    with pytest.raises(Unavailable, match="deleted vectors"):
        await scene.later()
    await scene.index.apply(list(scene.ledger.chunks.values()), [])
    await scene.later(FULL_EVERY_S)
    assert (scene.index.discarded, scene.audit.is_wrong) == (["worn"], False)


async def test_a_large_index_may_hold_as_many_deleted_vectors_as_others() -> None:
    scene = await settled(WORN_AT_LEAST + 200)
    scene.index.left_over = WORN_AT_LEAST + 100
    await scene.later()
    assert scene.index.discarded == []


async def test_what_the_graph_alone_does_not_find_is_told_and_no_damage() -> None:
    scene = await settled(25)
    assert scene.audit.recall is None
    scene.index.is_exact = True
    await scene.later()
    assert scene.audit.recall == 1
    scene.index.unreachable = {f"c{n}" for n in range(5, 25)}
    await scene.later()
    assert scene.audit.recall is not None
    assert 0 < scene.audit.recall < 0.5
    assert (scene.index.discarded, scene.audit.is_wrong) == ([], False)


async def test_what_both_find_is_found_though_the_exact_search_rounds() -> None:
    scene = await settled(25)
    scene.index.is_exact, as_it_is = True, scene.index.search_graph

    async def rounded_less(vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        return [(key, near - 0.005) for key, near in await as_it_is(vector, limit=limit, scope=scope)]

    scene.index.search_graph = rounded_less  # type: ignore[method-assign]
    await scene.later()
    assert scene.audit.recall == 1


async def test_a_sweep_rests_longer_than_it_stands_in_the_way() -> None:
    scene = await settled(2 * WINDOW)

    def take_a_tenth() -> None:
        scene.now_s += 0.1

    scene.index.on_compare = take_a_tenth
    scene.rests_s.clear()
    await scene.later(FULL_EVERY_S)
    rests_s = [seconds for seconds in scene.rests_s if seconds]
    assert rests_s == pytest.approx([RESTS * 0.1] * 2)
