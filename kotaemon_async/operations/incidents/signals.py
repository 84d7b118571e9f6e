"""The service's own series: what each is read from, whose it is, and what is too much of it."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kotaemon_async.operations.incidents.series import Rule

#: A metric's values by its label values, in the order of the labels; histograms end in _sum and _count.
Figures = Mapping[str, Mapping[tuple[str, ...], float]]
Pick = Callable[[tuple[str, ...]], bool]

#: Samples of a minute and of five, at the default pace.
MINUTE: Final = 12
LONG: Final = 60
#: A share or a mean looks back so far, and farther as long as there is too little to judge by.
_HALF_MINUTE: Final = 6
_WINDOWS: Final = (_HALF_MINUTE, MINUTE, 24, LONG)

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
        """The newest reading."""
        return self.readings[-1]

    def now(self, name: str, pick: Pick) -> float | None:
        """The sum of the label sets as they are; None when there is none yet."""
        found = [value for labels, value in self.last.figures.get(name, {}).items() if pick(labels)]
        return sum(found) if found else None

    def grown(self, name: str, samples: int, pick: Pick) -> float:
        """By how much the counters rose over the last `samples`."""
        then = self.readings[max(0, len(self.readings) - 1 - samples)].figures.get(name, {})
        now = self.last.figures.get(name, {})
        return sum(max(0.0, value - then.get(labels, 0.0)) for labels, value in now.items() if pick(labels))


Read = Callable[[Past], float | None]


@dataclass(frozen=True, slots=True)
class Signal:
    """One series: `component` is whose it is; only one that `opens` begins an incident, others explain it."""

    component: str
    kind: str
    unit: str
    rule: Rule
    read: Read
    opens: bool = True

    @property
    def name(self) -> str:
        """Both, as reports have it."""
        return f"{self.component}.{self.kind}"


def anything(_: tuple[str, ...]) -> bool:
    """Picks every label set."""
    return True


def where(position: int, *values: str) -> Pick:
    """Picks label sets with one of the values at the position."""
    return lambda labels: labels[position] in values


def _gauge(name: str, pick: Pick = anything) -> Read:
    return lambda past: past.now(name, pick)


def _count(name: str, pick: Pick = anything, samples: int = LONG) -> Read:
    return lambda past: past.grown(name, samples, pick)


def _ratio(top: Callable[[Past, int], float], bottom: Callable[[Past, int], float], least: float) -> Read:
    """A share or a mean over the shortest window that holds `least` of the bottom; None when none does."""

    def read(past: Past) -> float | None:
        for samples in _WINDOWS:
            below = bottom(past, samples)
            if below >= least:
                return top(past, samples) / below
        return None

    return read


def _mean(name: str, pick: Pick = anything, least: float = 3) -> Read:
    return _ratio(
        lambda past, samples: past.grown(f"{name}_sum", samples, pick),
        lambda past, samples: past.grown(f"{name}_count", samples, pick),
        least,
    )


def _share(top: str, top_pick: Pick, bottom: str, bottom_pick: Pick = anything, least: float = 4) -> Read:
    return _ratio(
        lambda past, samples: past.grown(top, samples, top_pick),
        lambda past, samples: past.grown(bottom, samples, bottom_pick),
        least,
    )


def _unwell(component: str, *, unless: Iterable[str] = ()) -> Read:
    excused = frozenset(unless)
    return lambda past: float(past.last.health.get(component, "") not in {"", *excused})


def _stands_open(component: str) -> Read:
    """1 while the breaker is not closed."""
    return lambda past: float((past.now("kotaemon_breaker_state", where(0, component)) or 0) > 0)


def _memory_ratio(past: Past) -> float | None:
    limit = past.now("kotaemon_memory_limit_bytes", anything)
    used = past.now("kotaemon_memory_bytes", anything)
    return used / limit if used and limit else None


def _missing(past: Past) -> float:
    ratio = past.now("kotaemon_vector_rebuild_ratio", anything)
    return 0.0 if ratio is None else 1 - ratio


def _late_ratio(past: Past) -> float | None:
    """Which part of the time the loop was late: the lags of a quarter minute together."""
    first = past.readings[max(0, len(past.readings) - 4)]
    elapsed_s = past.last.at_s - first.at_s
    late_s = past.grown("kotaemon_event_loop_lag_seconds_sum", 3, anything)
    return min(1.0, late_s / elapsed_s) if elapsed_s > 0 else None


def _mostly(count: Read, least_share: float) -> Read:
    """The count, when it is a good part of all documents that came to an end meanwhile; else none."""

    def read(past: Past) -> float:
        found = count(past) or 0.0
        ended = past.grown("kotaemon_documents", LONG, where(0, "ready", "failed"))
        return found if found >= least_share * ended else 0.0

    return read


_FLAG: Final = Rule(least=0.5, normal=0.0, confirm=4)
_PATIENT_FLAG: Final = Rule(least=0.5, normal=0.0, confirm=8)


def _affected(component: str, least: float, code: str | None = None) -> Read:
    def pick(labels: tuple[str, ...]) -> bool:
        return labels[0] == component and (code is None or labels[1] == code)

    return lambda past: past.grown("kotaemon_affected_total", LONG, pick) / least


def signals_of_link(link: str) -> list[Signal]:
    """The series of one model's link."""
    fallbacks, answers = "kotaemon_fallbacks_total", "kotaemon_answers_total"
    share = Rule(least=0.4, confirm=3, normal=0.0)

    def failed(labels: tuple[str, ...]) -> bool:
        return labels[0] == link and labels[2] not in {"timeout", "busy"}

    def late(labels: tuple[str, ...]) -> bool:
        return labels[0] == link and labels[2] == "timeout"

    first_token = _mean("kotaemon_llm_time_to_first_token_seconds", where(0, link), 10)
    return [
        Signal(link, "breaker", "state", _PATIENT_FLAG, _stands_open(link)),
        Signal(link, "failed_share", "ratio", share, _share(fallbacks, failed, answers)),
        Signal(link, "timeout_share", "ratio", share, _share(fallbacks, late, answers)),
        Signal(link, "first_token", "s", Rule(least=2.0, confirm=10), first_token),
    ]


def _of_answers() -> list[Signal]:
    answers, http = "kotaemon_answers_total", "kotaemon_http_request_duration_seconds"
    models = where(0, "primary", "local")
    busy = _share(answers, where(0, "busy"), answers)
    errors = _share(f"{http}_count", where(1, "5"), f"{http}_count", least=10)
    slow = Rule(least=4.0, confirm=10)
    return [
        Signal("answers", "duration", "s", slow, _mean("kotaemon_answer_duration_seconds", models, 10)),
        Signal("answers", "busy_share", "ratio", Rule(least=0.2), busy),
        Signal("http", "errors_share", "ratio", Rule(least=0.15, confirm=6), errors),
        Signal("http", "search", "s", Rule(least=0.7, confirm=6), _mean(http, where(0, "/api/v1/search"), 3)),
    ]


def _of_search() -> list[Signal]:
    waits = {"disk_full", "ledger_unavailable"}
    restarts = "kotaemon_child_restarts_total"
    batch = "kotaemon_ingest_stage_duration_seconds"
    many = Rule(least=1.0, normal=0.0, confirm=2)
    return [
        Signal("vectors", "down", "state", _PATIENT_FLAG, _unwell("vectors", unless=waits)),
        Signal("vectors", "breaker", "state", _PATIENT_FLAG, _stands_open("vectors")),
        Signal("vectors", "missing", "ratio", Rule(least=0.05, normal=0.0, confirm=6), _missing),
        Signal(
            "vectors", "restarts", "count", Rule(least=2.5, normal=0.0), _count(restarts, where(0, "vectors"))
        ),
        Signal("vectors", "affected", "count", many, _affected("vectors", 12)),
        Signal(
            "vectors", "behind", "count", Rule(least=2000, confirm=24), _gauge("kotaemon_vector_log_behind")
        ),
        Signal("embedder", "down", "state", _PATIENT_FLAG, _unwell("embedder")),
        Signal("embedder", "breaker", "state", _PATIENT_FLAG, _stands_open("embedder")),
        Signal("embedder", "affected", "count", many, _affected("embedder", 8)),
        Signal("embedder", "batch", "s", Rule(least=5.0, confirm=12), _mean(batch, where(0, "embedding"), 3)),
    ]


def _of_ingest() -> list[Signal]:
    failures, batch = "kotaemon_ingest_failures_total", "kotaemon_ingest_stage_duration_seconds"
    restarts = "kotaemon_child_restarts_total"
    many = Rule(least=1.0, normal=0.0, confirm=2)
    failed = _mostly(_count(failures, where(0, *BAD_CODES)), 0.25)
    few_restarts = Rule(least=9.5)
    return [
        Signal("broker", "down", "state", _FLAG, _unwell("broker")),
        Signal("broker", "worker_down", "state", _FLAG, _unwell("worker")),
        Signal("broker", "worker_restarts", "count", Rule(2.5, 0.0), _count(restarts, where(0, "worker"))),
        Signal(
            "queue", "age", "s", Rule(least=420.0, confirm=6), _gauge("kotaemon_queue_oldest_age_seconds")
        ),
        Signal("documents", "failed", "count", Rule(least=11.5), failed),
        Signal("parser", "crashes", "count", many, _mostly(_affected("parser", 7), 0.02)),
        Signal(
            "parser", "restarts", "count", few_restarts, _count(restarts, where(0, "parser")), opens=False
        ),
        Signal("parser", "batch", "s", Rule(least=8.0, confirm=12), _mean(batch, where(0, "parsing"), 3)),
    ]


def _of_machine() -> list[Signal]:
    refused = "kotaemon_admission_rejections_total"
    many = Rule(least=1.0, normal=0.0, confirm=2)
    stalls = Rule(least=3.5, normal=0.0, confirm=2)
    return [
        Signal("disk", "down", "state", _FLAG, _unwell("disk")),
        Signal("disk", "refused", "count", Rule(2.5, 0.0, 2), _count(refused, where(0, "disk_full"))),
        Signal("disk", "affected", "count", many, _affected("disk", 4)),
        Signal("memory", "down", "state", _FLAG, _unwell("memory")),
        Signal("memory", "pressure", "state", _PATIENT_FLAG, _gauge("kotaemon_memory_pressure")),
        Signal("memory", "used", "ratio", Rule(least=0.8, normal=0.0, confirm=12), _memory_ratio),
        Signal("event_loop", "late", "ratio", Rule(least=0.12, confirm=6), _late_ratio),
        Signal("event_loop", "stalls", "count", stalls, _count("kotaemon_loop_stalls_total", samples=MINUTE)),
        Signal("ledger", "down", "state", _FLAG, _unwell("ledger")),
        Signal("ledger", "write", "s", Rule(least=0.25, confirm=5), lambda past: past.last.ledger_write_s),
        Signal("ledger", "affected", "count", many, _affected("ledger", 4)),
    ]


def _of_load() -> list[Signal]:
    refused, requests = "kotaemon_admission_rejections_total", "kotaemon_http_request_duration_seconds_count"
    busy = _count(refused, where(0, "busy"), MINUTE)
    uploads = _count(requests, where(0, "/api/v1/documents"), _HALF_MINUTE)
    # A folder that is dropped at once is refused in part, and is over in a minute.
    lasting = Rule(least=5.5, normal=0.0, confirm=18)
    return [
        Signal("load", "refused", "count", lasting, busy),
        Signal("load", "requests", "count", Rule(60.0), _count(requests, samples=_HALF_MINUTE), opens=False),
        Signal("load", "uploads", "count", Rule(20.0), uploads, opens=False),
    ]


def signals_of(links: Sequence[str]) -> list[Signal]:
    """Every series of a service with these model links; about fifty."""
    of_links = [signal for link in links for signal in signals_of_link(link)]
    return [*of_links, *_of_answers(), *_of_search(), *_of_ingest(), *_of_machine(), *_of_load()]
