"""SIGKILL at every fault point of the package: what was accepted is there afterwards, whole and once."""

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.run import Run
from tests.chaos.scenario import BACKUPS, Undisturbed, Walked, points, undisturbed, walk

#: A point that is hit so often is also met in the middle of the work.
OFTEN = 16
#: Points of what is done by the clock: how often they are hit is a matter of speed.
BY_THE_CLOCK = "backup."
#: Every commit is one; they are of many kinds, so more of them are met.
EVERY_COMMIT = "sqlite.before_commit"


def counts_of(point: str, hits: int) -> list[int]:
    """At which hits of the point to kill, when an undisturbed run has so many."""
    if point == EVERY_COMMIT:
        return sorted({max(1, hits * part // 100) for part in (0, 10, 30, 50, 70, 85)})
    return [1, hits // 2] if hits >= OFTEN and not point.startswith(BY_THE_CLOCK) else [1]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Undisturbed:
    """The same use of the service without any fault."""
    env = {"KOTAEMON_EMBEDDING__FOLDER": str(model_folder), **BACKUPS}
    return undisturbed(Run(tmp_path_factory.mktemp("calm") / "run", env))


@pytest.fixture(scope="module")
def walks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, calm: Undisturbed
) -> Iterator[dict[str, list[Future[Walked]]]]:
    """A service for each kill at each point that is asked for, two at a time."""
    env = {"KOTAEMON_EMBEDDING__FOLDER": str(request.getfixturevalue("model_folder")), **BACKUPS}
    folder = tmp_path_factory.mktemp("walks")
    # Filled by whoever asks first; a run of one test walks one point. Tests elsewhere have points, too.
    here = [item for item in request.session.items if item.path == Path(__file__)]
    wanted = [item.callspec.params["point"] for item in here if hasattr(item, "callspec")]
    with ThreadPoolExecutor(2) as chains:

        def begin(point: str, count: int) -> "Future[Walked]":
            run = Run(folder / f"{point}-{count}", env)
            return chains.submit(walk, run, point, count, calm.counts)

        yield {
            point: [begin(point, count) for count in counts_of(point, calm.hits.get(point, 0))]
            for point in wanted
        }
        chains.shutdown(cancel_futures=True)


def test_nothing_is_wrong_when_nothing_happens(calm: Undisturbed) -> None:
    assert calm.problems == []


@pytest.mark.parametrize("point", points())
def test_a_kill_loses_and_doubles_nothing(point: str, walks: dict[str, list["Future[Walked]"]]) -> None:
    walked = [future.result() for future in walks[point]]
    for one in walked:
        sys.stdout.write(f"{one.point}:{one.count} recovery {one.recovery_s:.2f} s, {one.took_s:.1f} s\n")
    assert {f"{one.point}:{one.count}": one.problems for one in walked if one.problems} == {}
