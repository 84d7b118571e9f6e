"""A soak: after a while of traffic and faults the service rests as it rested before."""

from functools import partial
from pathlib import Path

import anyio
import pytest

from tests.soak.__main__ import Soak, Times, soaked
from tests.soak.traffic import Pace

#: Busier than a long one, as it has less time.
BUSY = Pace(
    upload_s=1.0,
    bad_file_s=5.0,
    ask_s=1.5,
    stream_s=2.0,
    leave_s=1.5,
    search_s=0.7,
    picture_s=1.0,
    converse_s=3.0,
    follow_s=1.5,
    look_s=2.0,
    script_s=3.0,
    fault_s=7.0,
)
#: A leak of one at every tenth act would be more than these; a pool may have grown by one or two.
LEAST_ACTS = 65
SPARE = {"asyncio tasks": 0.0, "file descriptors": 4.0, "threads": 8.0, "PSS, MB": 40.0}
SHORT = Times(
    warm_s=7.0, measured_s=13.0, rest_s=3.0, every_s=1.0, block_s=4.0,
    fills=False, least_acts=LEAST_ACTS // 3, patience_s=60.0,
)  # fmt: skip
LONG = Times(warm_s=120.0, measured_s=240.0)


@pytest.fixture(
    scope="module",
    params=[pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.long)],
)
def soak(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Soak:
    """Traffic with a rest in the middle and one at the end."""
    folder = tmp_path_factory.mktemp("soak")
    return anyio.run(partial(soaked, folder, request.param, seed=1, say=lambda _: None, pace=BUSY))


def rise(soak: Soak, name: str) -> float:
    """How much higher the level at the last rest is than at the first."""
    before, after = soak.rests
    return after[name] - before[name]


def test_every_habit_was_lived_and_nothing_was_wrong(soak: Soak) -> None:
    assert set(soak.traffic.acts) == set(soak.traffic.habits())
    assert soak.traffic.acts.total() > LEAST_ACTS
    assert soak.traffic.trouble == {}


@pytest.mark.parametrize(("name", "spare"), SPARE.items())
def test_after_the_traffic_the_level_is_as_before(soak: Soak, name: str, spare: float) -> None:
    assert rise(soak, name) <= spare, soak.rests
