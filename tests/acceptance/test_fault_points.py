"""SIGKILL at every fault point of the package: what was accepted is there afterwards, whole and once."""

import sys
from pathlib import Path

import pytest

from tests.chaos.run import Run
from tests.chaos.scenario import BACKUPS, Undisturbed, points, undisturbed, walk

#: Every commit of the ledger is one, and they are of many kinds.
EVERY_COMMIT = "sqlite.before_commit"
#: A point that is hit so often is also met in the middle of the work, and near its end.
OFTEN = 16
#: Parts of all hits of an undisturbed run, in percent: not the last one, how often a point is hit varies.
LATER = (10, 30, 50, 70, 85)
#: Points of what is done by the clock: how often they are hit is a matter of speed.
BY_THE_CLOCK = "backup."


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> Undisturbed:
    """The same use of the service without any fault."""
    return undisturbed(Run(tmp_path_factory.mktemp("calm") / "run", env))


@pytest.fixture(scope="module")
def env(model_folder: Path) -> dict[str, str]:
    return {"KOTAEMON_EMBEDDING__FOLDER": str(model_folder), **BACKUPS}


def problems(folder: Path, env: dict[str, str], calm: Undisturbed, point: str, count: int) -> list[str]:
    """Kill a service at the hit of the point; return what was wrong after it was started again."""
    walked = walk(Run(folder / f"{point}-{count}", env), point, count, calm.counts)
    sys.stdout.write(f"{point}:{count} recovery {walked.recovery_s:.2f} s, {walked.took_s:.1f} s\n")
    return walked.problems


def test_nothing_is_wrong_when_nothing_happens(calm: Undisturbed) -> None:
    assert calm.problems == []


@pytest.mark.parametrize("point", points())
def test_a_kill_at_the_first_hit_of_a_point_loses_and_doubles_nothing(
    point: str, tmp_path: Path, env: dict[str, str], calm: Undisturbed
) -> None:
    assert problems(tmp_path, env, calm, point, 1) == []


def test_a_kill_at_a_commit_in_the_middle_of_the_work_loses_and_doubles_nothing(
    tmp_path: Path, env: dict[str, str], calm: Undisturbed
) -> None:
    assert problems(tmp_path, env, calm, EVERY_COMMIT, calm.hits[EVERY_COMMIT] // 2) == []


@pytest.mark.long
@pytest.mark.parametrize("part", LATER)
@pytest.mark.parametrize("point", [point for point in points() if not point.startswith(BY_THE_CLOCK)])
def test_a_kill_at_a_later_hit_of_a_point_loses_and_doubles_nothing(
    point: str, part: int, tmp_path: Path, env: dict[str, str], calm: Undisturbed
) -> None:
    hits = calm.hits.get(point, 0)
    if hits < OFTEN:
        pytest.skip(f"met {hits} times only")
    assert problems(tmp_path, env, calm, point, hits * part // 100) == []
