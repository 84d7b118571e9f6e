"""Twelve kinds of fault in a simulated service, and its quiet days, before the real detector."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kotaemon_async.operations.incidents.incidents import Incident, Incidents
from kotaemon_async.operations.incidents.signals import signals_of
from tests.simulation.service import TICK_S, Parts, SimulatedService

MB = 1024.0**2
#: A Tuesday, 13:00 UTC: people work.
NOON_S = 1_699_966_800.0
MINUTE = 12
#: Other courses of the same are looked at where there is time.
SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])

#: Cause -> what is wrong from then on, and how many minutes it is given.
FAULTS: dict[str, tuple[dict[str, object], int]] = {
    "llm_down": ({"llm_is_up": False}, 10),
    "llm_slow": ({"llm_slowness": 8.0}, 10),
    "vectors": ({"rebuild_left": 1.0}, 10),
    "embedder": ({"embedder_works": False}, 10),
    "broker": ({"broker_answers": False}, 10),
    "disk": ({"disk_eaten_bytes_s": 12 * MB}, 50),
    "memory": ({"leak_bytes_s": 0.06 * MB}, 50),
    "event_loop": ({"loop_block_s": 1.2}, 10),
    "documents": ({"flood_per_s": 0.5}, 10),
    "parser": ({"crash_share": 0.9}, 30),
    "ledger": ({"ledger_delay_s": 0.8}, 10),
    "overload": ({"load": 25.0}, 10),
}


@dataclass
class Seen:
    """What was opened, and how long after the fault."""

    incident: Incident
    after_s: float


def detector(service: SimulatedService) -> Incidents:
    return Incidents(signals_of(["primary"]), ["primary"], clock=lambda: service.now_s)


def opened_by(fault: dict[str, object], minutes: int, seed: int) -> list[Seen]:
    """Incidents as they are opened, after three quarters of an hour in which nothing is wrong."""
    service = SimulatedService(seed, NOON_S)
    incidents = detector(service)
    seen: list[Seen] = []
    for _ in range(45 * MINUTE):
        assert incidents.take(service.tick(), service.impacted) == []
    began_s = service.now_s
    for name, value in fault.items():
        setattr(service.parts, name, value)
    for _ in range(minutes * MINUTE):
        changes = incidents.take(service.tick(), service.impacted)
        seen += [Seen(one, service.now_s - began_s) for change, one in changes if change == "opened"]
    return seen


def first_causes(seed: int) -> dict[str, str]:
    """By fault, the first cause of the first incident."""
    found = {cause: opened_by(fault, minutes, seed) for cause, (fault, minutes) in FAULTS.items()}
    return {cause: seen[0].incident.cause if seen else "nothing" for cause, seen in found.items()}


@SEEDS
def test_of_twelve_kinds_of_fault_at_least_eleven_are_named_first(seed: int) -> None:
    found = first_causes(seed)
    assert len(found) == 12
    right = [cause for cause, first in found.items() if first == cause]
    assert len(right) >= 11, found


@SEEDS
@pytest.mark.parametrize("hour", [2, 9, 14])
def test_a_quiet_hour_has_no_incident(seed: int, hour: int) -> None:
    assert quiet(seed, hour=hour, hours=1) == []


def test_six_hours_with_deploys_bursts_and_pauses_have_no_incident() -> None:
    assert quiet(7, hour=8, hours=6, deploy_every=2 * 60 * MINUTE) == []


@pytest.mark.long
def test_a_day_with_deploys_bursts_pauses_and_a_night_has_no_incident() -> None:
    assert quiet(7, hour=0, hours=24, deploy_every=5 * 60 * MINUTE) == []


@SEEDS
@pytest.mark.parametrize("load", [1.0, 6.0])
def test_a_vector_child_that_restarts_again_and_again_is_named_at_any_load(seed: int, load: float) -> None:
    service = SimulatedService(seed, NOON_S)
    incidents = detector(service)
    for tick in range(48 * MINUTE):
        if tick == 45 * MINUTE:
            service.parts.vectors_killed_every_s, service.parts.load = 20.0, load
        incidents.take(service.tick(), service.impacted)
    named = {one.cause: [signal.name for signal in one.signals] for one in incidents.open}
    assert "vectors.restarts" in named["vectors"]


def quiet(seed: int, *, hour: int, hours: int, deploy_every: int = 0) -> list[object]:
    """What was noticed although nothing was wrong."""
    service = SimulatedService(seed, NOON_S + (hour - 13) * 3600)
    assert service.parts == Parts()
    incidents = detector(service)
    noticed: list[object] = []
    for tick in range(hours * 60 * MINUTE):
        if deploy_every and tick % deploy_every == deploy_every - 1:
            service.restart()
            incidents = detector(service)
        noticed += [
            (change, one.cause, [signal.name for signal in one.signals])
            for change, one in incidents.take(service.tick(), service.impacted)
        ]
    return noticed


def table(seeds: int, show: Callable[[str], None] = print) -> None:
    """Print the first cause and the delay by fault and seed."""
    for cause, (fault, minutes) in FAULTS.items():
        cells = []
        for seed in range(seeds):
            seen = opened_by(fault, minutes, seed)
            cells.append(f"{seen[0].incident.cause} {seen[0].after_s:.0f} s" if seen else "nothing")
        show(f"| {cause} | {' | '.join(cells)} |")


if __name__ == "__main__":
    assert TICK_S == 5
    table(20)
