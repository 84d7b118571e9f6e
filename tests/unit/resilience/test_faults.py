"""Fault points act by count, once, and only when armed."""

import errno
import subprocess
import sys

import pytest

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.resilience import faults


def test_a_point_acts_at_its_count_and_at_that_one_alone() -> None:
    faults.arm("here:3:raise")
    faults.hit("here")
    faults.hit("elsewhere")
    faults.hit("here")
    with pytest.raises(faults.InjectedError):
        faults.hit("here")
    faults.hit("here")


def test_several_points_may_be_armed_and_the_same_one_twice() -> None:
    faults.arm("a:1:raise, b:1:enospc ,a:2:raise")
    for _ in range(2):
        with pytest.raises(faults.InjectedError):
            faults.hit("a")
    with pytest.raises(OSError) as full:
        faults.hit("b")
    assert full.value.errno == errno.ENOSPC


def test_an_empty_plan_disarms_all() -> None:
    faults.arm("here:1:raise")
    faults.arm("")
    faults.hit("here")


@pytest.mark.parametrize("plan", ["here", "here:0:kill", "here:x:kill", "here:1:explode", ":1:kill"])
def test_a_plan_that_cannot_be_read_names_the_setting(plan: str) -> None:
    with pytest.raises(Misconfigured, match="faults:"):
        faults.arm(plan)


def test_a_killed_process_ends_by_sigkill_at_the_point() -> None:
    script = (
        "from kotaemon_async.resilience import faults\n"
        "faults.arm('p:1:kill'); faults.hit('p'); print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (-9, b"")
