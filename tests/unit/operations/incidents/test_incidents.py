from hypothesis import given, settings
from hypothesis import strategies as st

from kotaemon_async.operations.incidents.incidents import Incident, Incidents
from kotaemon_async.operations.incidents.series import Rule
from kotaemon_async.operations.incidents.signals import Past, Reading, Signal, signals_of
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.impacted import Impacted
from tests.support.log_records import logged

STATE = Rule(least=0.5, normal=0.0, confirm=2, calm=3)


def raised(name: str, *, opens: bool = True) -> Signal:
    """A signal that is 1 while its own name stands among the figures."""
    component, _, kind = name.partition(".")

    def read(past: Past) -> float:
        return float(name in past.last.figures)

    return Signal(component, kind, "state", STATE, read, opens)


NAMES = sorted(signal.name for signal in signals_of(["main"]))
CONTEXT = {signal.name for signal in signals_of(["main"]) if not signal.opens}


class Service:
    """Raises signals by name, a reading every five seconds."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        signals = [raised(name, opens=name not in CONTEXT) for name in NAMES]
        self.incidents = Incidents(signals, ["main"], clock=lambda: self.now_s)

    def run(self, samples: int, *names: str, impacted: list[Impacted] | None = None) -> list[tuple[str, str]]:
        """What was changed while these signals were raised: the change and the first cause."""
        changes = []
        for _ in range(samples):
            self.now_s += 5
            reading = Reading(self.now_s, {name: {} for name in names}, {})
            changes += self.incidents.take(reading, impacted or [])
        return [(change, one.cause) for change, one in changes]


def test_an_incident_opens_with_its_cause_and_closes_when_all_is_calm() -> None:
    service = Service()
    with logged() as records:
        assert service.run(5) == []
        assert service.run(3, "broker.down") == [("opened", "broker")]
        (incident,) = service.incidents.open
        assert (incident.since_s, incident.opened_at_s, incident.closed_at_s) == (1030, 1035, None)
        assert service.run(3) == [("closed", "broker")]
    assert service.incidents.open == []
    assert [one["message"] for one in records] == ["incident_opened", "incident_closed"]


def test_the_metric_counts_open_incidents_by_cause() -> None:
    service = Service()
    service.run(3, "broker.down", "embedder.down")
    gauge = {
        one: metrics.REGISTRY.get_sample_value("kotaemon_incidents_open", {"cause": one})
        for one in ("broker", "embedder", "disk")
    }
    assert gauge == {"broker": 1, "embedder": 1, "disk": 0}


def test_a_consequence_joins_the_incident_of_its_cause() -> None:
    service = Service()
    service.run(3, "broker.down")
    assert service.run(3, "broker.down", "queue.age") == []
    (incident,) = service.incidents.open
    assert [one.name for one in incident.signals] == ["broker.down", "queue.age"]


def test_two_faults_that_have_nothing_to_do_with_each_other_are_two_incidents() -> None:
    service = Service()
    service.run(3, "broker.down")
    assert service.run(3, "broker.down", "main.failed_share") == [("opened", "llm_down")]
    assert service.run(4, "broker.down") == [("closed", "llm_down")]


def test_a_cause_that_shows_itself_later_takes_the_first_place() -> None:
    service = Service()
    assert service.run(3, "queue.age") == [("opened", "overload")]
    assert ("changed", "broker") in service.run(4, "queue.age", "broker.down", "broker.worker_down")


def test_an_incident_keeps_its_cause_while_only_the_consequence_is_left() -> None:
    service = Service()
    service.run(5, "broker.down", "queue.age")
    assert service.run(9, "queue.age") == []
    assert [one.cause for one in service.incidents.open] == ["broker"]


def test_symptoms_alone_are_an_incident_without_a_known_cause() -> None:
    assert Service().run(3, "http.errors_share") == [("opened", "unknown")]


def test_traffic_alone_is_no_incident() -> None:
    assert Service().run(20, "load.requests", "load.uploads") == []


def test_touched_traces_are_listed_once_from_a_minute_before_on() -> None:
    service = Service()
    names = [("old", 900.0), ("a", 995.0), ("b", 1001.0), ("a", 1002.0), ("", 1003.0)]
    impacted = [Impacted(at_s, name, "embedder", "embedder_unavailable") for name, at_s in names]
    service.run(3, "embedder.down", impacted=impacted)
    assert service.incidents.open[0].trace_ids == ("a", "b")


def test_after_a_restart_an_incident_goes_on_or_is_closed_in_time() -> None:
    before, after = Service(), Service()
    before.run(3, "broker.down")
    after.incidents.resume(before.incidents.open)
    assert after.run(3, "broker.down") == []
    assert [one.id for one in after.incidents.open] == [before.incidents.open[0].id]
    again = Service()
    again.incidents.resume(before.incidents.open)
    assert again.run(35) == [] and again.run(1) == [("closed", "broker")]


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(NAMES), max_size=8), min_size=1, max_size=6))
def test_whatever_is_abnormal_belongs_to_one_incident_and_all_end(steps: list[list[str]]) -> None:
    service = Service()
    for names in steps:
        service.run(3, *names)
        held = [one.name for incident in service.incidents.open for one in incident.signals if one.opens]
        abnormal = [one.name for one in service.incidents.deviations() if one.opens]
        assert set(abnormal) <= set(held)
    service.run(4)
    assert service.incidents.open == []


def test_an_incident_without_suspects_is_unknown() -> None:
    assert Incident("inc_1", 0, 0, (), ()).cause == "unknown"
