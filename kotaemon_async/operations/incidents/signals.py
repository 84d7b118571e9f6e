"""What is watched: components that are down, restart or have their breaker open, and rates and latencies."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kotaemon_async.operations.incidents.series import Rule

#: A metric's values by its label values, in the order of the labels; histograms end in _sum and _count.
Figures = Mapping[str, Mapping[tuple[str, ...], float]]
Pick = Callable[[tuple[str, ...]], bool]

#: Samples of a minute and of five, at the default pace.
MINUTE: Final = 12
LONG: Final = 60
#: A share or a mean looks back over the shortest of these that holds enough to judge by.
_HALF_MINUTE: Final = 6
_WINDOWS: Final = (_HALF_MINUTE, MINUTE, 24, LONG)

#: Kinds of signals that name their component as the cause, without statistics.
FACTS: Final = frozenset(
    {"down", "breaker", "restarts", "worker_down", "worker_restarts", "crashes", "pressure", "forecast"}
)
#: Codes of documents that are themselves to blame.
BAD_CODES: Final = frozenset({"encrypted", "corrupt", "no_text", "empty", "too_large", "unsupported_format"})


@dataclass(frozen=True, slots=True)
class Reading:
    """All figures at one time; `health` has a code for each component that is not well, `` for the others."""

    at_s: float
    figures: Figures
    health: Mapping[str, str]
    ledger_write_s: float | None = None


class Past:
    """The last readings, the newest last."""

    def __init__(self) -> None:
        self.readings: deque[Reading] = deque(maxlen=LONG + 1)

    @property
    def last(self) -> Reading:
        """Return the newest reading."""
        return self.readings[-1]

    def now(self, name: str, pick: Pick) -> float | None:
        """Return the sum of the label sets as they are; None when there is none yet."""
        found = [value for labels, value in self.last.figures.get(name, {}).items() if pick(labels)]
        return sum(found) if found else None

    def grown(self, name: str, samples: int, pick: Pick) -> float:
        """Return by how much the counters rose over the last `samples`."""
        then = self.readings[max(0, len(self.readings) - 1 - samples)].figures.get(name, {})
        now = self.last.figures.get(name, {})
        return sum(max(0.0, value - then.get(labels, 0.0)) for labels, value in now.items() if pick(labels))


Read = Callable[[Past], float | None]


@dataclass(frozen=True, slots=True)
class Signal:
    """One series of a component; only one that `opens` begins an incident, others explain it."""

    component: str
    kind: str
    unit: str
    rule: Rule
    read: Read
    opens: bool = True

    @property
    def name(self) -> str:
        """Return both, as reports have them."""
        return f"{self.component}.{self.kind}"


def anything(_: tuple[str, ...]) -> bool:
    """Pick every label set."""
    return True


def where(position: int, *values: str) -> Pick:
    """Pick label sets with one of the values at the position."""
    return lambda labels: labels[position] in values


def _gauge(name: str, pick: Pick = anything) -> Read:
    return lambda past: past.now(name, pick)


def _count(name: str, pick: Pick = anything, samples: int = LONG) -> Read:
    return lambda past: past.grown(name, samples, pick)


def _share(top: str, top_pick: Pick, bottom: str, bottom_pick: Pick = anything, least: float = 4) -> Read:
    """Read a share or a mean over the shortest window with `least` of the bottom; None without one."""

    def read(past: Past) -> float | None:
        for samples in _WINDOWS:
            below = past.grown(bottom, samples, bottom_pick)
            if below >= least:
                return past.grown(top, samples, top_pick) / below
        return None

    return read


def _mean(name: str, pick: Pick = anything, least: float = 3) -> Read:
    return _share(f"{name}_sum", pick, f"{name}_count", pick, least)


def _late_ratio(past: Past) -> float | None:
    """Return which part of the last quarter of a minute the loop was late."""
    first = past.readings[max(0, len(past.readings) - 4)]
    elapsed_s = past.last.at_s - first.at_s
    late_s = past.grown("kotaemon_event_loop_lag_seconds_sum", 3, anything)
    return min(1.0, late_s / elapsed_s) if elapsed_s > 0 else None


def _mostly(count: Read, least_share: float) -> Read:
    """Read the count when it is a good part of all documents that ended meanwhile; else none."""

    def read(past: Past) -> float:
        found = count(past) or 0.0
        ended = past.grown("kotaemon_documents", LONG, where(0, "ready", "failed"))
        return found if found >= least_share * ended else 0.0

    return read


def _down(component: str, kind: str = "down", *, of: str = "", confirm: int = 4, unless: str = "") -> Signal:
    """Make the signal that the health check of a component fails, with other codes than `unless`."""
    checked, excused = of or component, {"", *unless.split()}
    rule = Rule(least=0.5, normal=0.0, confirm=confirm)
    return Signal(
        component, kind, "state", rule, lambda past: float(past.last.health.get(checked, "") not in excused)
    )


def _breaker(component: str) -> Signal:
    rule = Rule(least=0.5, normal=0.0, confirm=8)
    state = _gauge("kotaemon_breaker_state", where(0, component))
    return Signal(component, "breaker", "state", rule, lambda past: float((state(past) or 0) > 0))


def _restarts(component: str, kind: str, child: str) -> Signal:
    """Make the signal of three restarts of a child within five minutes."""
    count = _count("kotaemon_child_restarts_total", where(0, child))
    return Signal(component, kind, "count", Rule(least=2.5, normal=0.0), count)


def _signals_of_link(link: str) -> list[Signal]:
    fallbacks, answers = "kotaemon_fallbacks_total", "kotaemon_answers_total"
    share = Rule(least=0.4, confirm=3, normal=0.0)

    def failed(labels: tuple[str, ...]) -> bool:
        return labels[0] == link and labels[2] not in {"timeout", "busy"}

    def late(labels: tuple[str, ...]) -> bool:
        return labels[0] == link and labels[2] == "timeout"

    first_token = _mean("kotaemon_llm_time_to_first_token_seconds", where(0, link), 10)
    return [
        _breaker(link),
        Signal(link, "failed_share", "ratio", share, _share(fallbacks, failed, answers)),
        Signal(link, "timeout_share", "ratio", share, _share(fallbacks, late, answers)),
        Signal(link, "first_token", "s", Rule(least=2.0, confirm=10), first_token),
    ]


def _facts() -> list[Signal]:
    """Make the signals of components that are down, restart, or have their breaker open."""
    crashed = _count("kotaemon_affected_total", where(0, "parser"))
    pressure = Rule(least=0.5, normal=0.0, confirm=8)
    return [
        _down("vectors", confirm=8, unless="disk_full ledger_unavailable"),
        _breaker("vectors"),
        _restarts("vectors", "restarts", "vectors"),
        _down("embedder", confirm=8),
        _breaker("embedder"),
        _down("broker"),
        _down("broker", "worker_down", of="worker"),
        _restarts("broker", "worker_restarts", "worker"),
        _down("ledger"),
        _down("disk"),
        _down("memory"),
        Signal("memory", "pressure", "state", pressure, _gauge("kotaemon_memory_pressure")),
        Signal("parser", "crashes", "count", Rule(least=7.0, normal=0.0, confirm=2), _mostly(crashed, 0.02)),
    ]


def _of_answers() -> list[Signal]:
    answers, http = "kotaemon_answers_total", "kotaemon_http_request_duration_seconds"
    busy = _share(answers, where(0, "busy"), answers)
    errors = _share(f"{http}_count", where(1, "5"), f"{http}_count", least=10)
    answer_s = _mean("kotaemon_answer_duration_seconds", where(0, "primary", "local"), 10)
    search_s = _mean(http, where(0, "/api/v1/search"))
    return [
        Signal("answers", "duration", "s", Rule(least=4.0, confirm=10), answer_s),
        Signal("answers", "busy_share", "ratio", Rule(least=0.2), busy),
        Signal("http", "errors_share", "ratio", Rule(least=0.15, confirm=6), errors),
        Signal("http", "search", "s", Rule(least=0.7, confirm=6), search_s),
    ]


def _of_documents() -> list[Signal]:
    batch_s, age_s = "kotaemon_ingest_stage_duration_seconds", "kotaemon_queue_oldest_age_seconds"
    failed = _mostly(_count("kotaemon_ingest_failures_total", where(0, *BAD_CODES)), 0.25)
    behind = _gauge("kotaemon_vector_log_behind")
    slow, slower = Rule(least=5.0, confirm=12), Rule(least=8.0, confirm=12)
    return [
        Signal("vectors", "behind", "count", Rule(least=2000, confirm=24), behind),
        Signal("embedder", "batch", "s", slow, _mean(batch_s, where(0, "embedding"))),
        Signal("parser", "batch", "s", slower, _mean(batch_s, where(0, "parsing"))),
        Signal("documents", "failed", "count", Rule(least=11.5), failed),
        Signal("queue", "age", "s", Rule(least=420.0, confirm=6), _gauge(age_s)),
    ]


def _of_process() -> list[Signal]:
    requests = "kotaemon_http_request_duration_seconds_count"
    busy = _count("kotaemon_admission_rejections_total", where(0, "busy"), MINUTE)
    uploads = _count(requests, where(0, "/api/v1/documents"), _HALF_MINUTE)
    stalls = _count("kotaemon_loop_stalls_total", samples=MINUTE)
    # A folder that is dropped at once is refused in part, and is over in a minute.
    lasting = Rule(least=5.5, normal=0.0, confirm=18)
    return [
        Signal("event_loop", "late", "ratio", Rule(least=0.12, confirm=6), _late_ratio),
        Signal("event_loop", "stalls", "count", Rule(least=3.5, normal=0.0, confirm=2), stalls),
        Signal("ledger", "write", "s", Rule(least=0.25, confirm=5), lambda past: past.last.ledger_write_s),
        Signal("load", "refused", "count", lasting, busy),
        Signal("load", "requests", "count", Rule(60.0), _count(requests, samples=_HALF_MINUTE), opens=False),
        Signal("load", "uploads", "count", Rule(20.0), uploads, opens=False),
    ]


def signals_of(links: Sequence[str]) -> list[Signal]:
    """Return every series of a service with these model links; about thirty."""
    of_links = [signal for link in links for signal in _signals_of_link(link)]
    return [*of_links, *_facts(), *_of_answers(), *_of_documents(), *_of_process()]
