"""The watch over the loop with a clock of its own; its thread is in the integration tests."""

from kotaemon_async.resilience.stalls import REPEAT_S, Stall, StallDetector
from kotaemon_async.telemetry import metrics
from tests.support.log_records import logged


class Watched:
    """A watch whose time passes by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.detector = StallDetector(clock=lambda: self.now_s)

    def passes(self, seconds: float, *, turns: bool, place: str = "a.py:f") -> None:
        """Time goes by in steps of the thread's looks; the loop beats with each when it turns."""
        for _ in range(round(seconds / 0.1)):
            self.now_s += 0.1
            if turns:
                self.detector.beat()
            self.detector.check(lambda: Stall(place, ("a.py:1 f",), "t" * 32))


def stalls() -> float:
    return metrics.REGISTRY.get_sample_value("kotaemon_loop_stalls_total") or 0.0


def test_a_loop_that_turns_is_not_reported() -> None:
    before = stalls()
    with logged("loop_stalled") as records:
        Watched().passes(60, turns=True)
    assert (records, stalls() - before) == ([], 0)


def test_a_stall_is_logged_once_with_its_stack_and_trace() -> None:
    before, one = stalls(), Watched()
    with logged("loop_stalled") as records:
        one.passes(3, turns=False)
    assert [(r["extra"]["stack"], r["extra"]["trace_id"]) for r in records] == [(["a.py:1 f"], "t" * 32)]
    assert (stalls() - before, 0.35 <= records[0]["extra"]["duration_s"] <= 0.5) == (1, True)


def test_its_end_is_logged_with_its_length() -> None:
    one = Watched()
    with logged("loop_turns_again") as records:
        one.passes(2, turns=False)
        one.passes(1, turns=True)
    assert [round(r["extra"]["duration_s"], 1) for r in records] == [2.1]


def test_the_same_place_is_counted_each_time_and_logged_again_after_a_while() -> None:
    before, one = stalls(), Watched()
    with logged("loop_stalled") as records:
        for pause_s in (1.0, 1.0, REPEAT_S):
            one.passes(1, turns=False)
            one.passes(pause_s, turns=True)
        one.passes(1, turns=False)
    assert (len(records), stalls() - before) == (2, 4)


def test_another_place_is_logged_at_once() -> None:
    one = Watched()
    with logged("loop_stalled") as records:
        for place in ("a.py:f", "b.py:g"):
            one.passes(1, turns=False, place=place)
            one.passes(1, turns=True)
    assert [r["extra"]["place"] for r in records] == ["a.py:f", "b.py:g"]


def test_a_machine_that_slept_is_not_the_loops_fault() -> None:
    one = Watched()
    with logged("loop_stalled") as records:
        one.now_s += 3600
        one.detector.check(lambda: Stall("a.py:f", (), ""))
        one.passes(1, turns=True)
    assert records == []
