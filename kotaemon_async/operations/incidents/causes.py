"""Which causes explain what is abnormal: first components that are down or restart, then what slowed down."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, Literal, get_args

from kotaemon_async.operations.incidents.signals import FACTS
from kotaemon_async.telemetry.impacted import Impacted

Cause = Literal[
    "llm_down", "llm_slow", "vectors", "embedder", "broker", "disk", "memory", "event_loop",
    "documents", "parser", "ledger", "overload", "unknown",
]  # fmt: skip
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)

#: Signals look back over different times: what moved so little later moved at once.
_AT_ONCE_S: Final = 20.0
#: Fewer impacted traces than this are a small share of themselves.
_FEW_TRACES: Final = 3
#: Impacted traces name a component and a code; where it takes both to tell, these decide.
_DISK_CODES: Final = frozenset({"disk_full", "storage_unavailable"})


@dataclass(frozen=True, slots=True)
class Deviation:
    """One abnormal signal: since when, how much, what is normal, how many thresholds above."""

    component: str
    kind: str
    unit: str
    since_s: float
    value: float
    normal: float
    times: float
    opens: bool = True

    @property
    def name(self) -> str:
        """Return the name, written like the signal's."""
        return f"{self.component}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Suspect:
    """One likely cause: the component, which share of all signals it explains, and its own signals."""

    cause: Cause
    component: str
    score: float
    signals: tuple[str, ...]
    since_s: float
    traces_share: float


class Fault:
    """Signals that a cause shows itself, and those that follow from it; a link's are written `link.*`."""

    def __init__(self, own: str, follows: str) -> None:
        self.own, self.follows = frozenset(own.split()), frozenset(follows.split())
        self.explains = self.own | self.follows


_REPLIES: Final = "answers.duration answers.busy_share http.search http.errors_share "
_SLOW: Final = (
    _REPLIES + "embedder.batch parser.batch ledger.write queue.age vectors.behind link.first_token "
    "event_loop.late load.refused "
)
_TIMEOUTS: Final = "link.timeout_share link.breaker "
_CHECKS: Final = "vectors.down embedder.down broker.down broker.worker_down ledger.down "

#: The service as a graph of who suffers from whom.
FAULTS: Final[dict[Cause, Fault]] = {
    "llm_down": Fault("link.failed_share link.breaker", _REPLIES),
    "llm_slow": Fault("link.first_token link.timeout_share link.breaker", _REPLIES + "load.refused"),
    "vectors": Fault(
        "vectors.down vectors.breaker vectors.restarts", _REPLIES + "vectors.behind queue.age event_loop.late"
    ),
    "embedder": Fault("embedder.down embedder.breaker embedder.batch", _REPLIES + "queue.age load.refused"),
    "broker": Fault("broker.down broker.worker_down broker.worker_restarts", "queue.age load.refused"),
    "disk": Fault(
        "disk.down disk.forecast",
        _REPLIES + "queue.age vectors.behind vectors.down ledger.down ledger.write load.refused",
    ),
    "memory": Fault(
        "memory.down memory.pressure memory.forecast",
        _SLOW + "event_loop.stalls embedder.down vectors.down vectors.restarts broker.worker_restarts",
    ),
    "event_loop": Fault(
        "event_loop.stalls event_loop.late",
        _SLOW + _CHECKS + _TIMEOUTS + "vectors.breaker embedder.breaker broker.worker_restarts",
    ),
    "documents": Fault("documents.failed", "queue.age load.uploads load.requests"),
    "parser": Fault("parser.crashes parser.batch", "documents.failed queue.age load.refused"),
    "ledger": Fault("ledger.down ledger.write", _SLOW + "vectors.down broker.worker_restarts embedder.down"),
    "overload": Fault(
        "load.refused queue.age load.requests load.uploads", _SLOW + _TIMEOUTS + "memory.pressure"
    ),
}
_COMPONENTS: Final = {cause: "load" if cause == "overload" else cause for cause in FAULTS}


def suspects(
    deviations: Sequence[Deviation], impacted: Sequence[Impacted], links: Sequence[str]
) -> list[Suspect]:
    """Return every cause with an own signal among the abnormal ones, the likeliest first.

    What follows from another suspect comes last; facts (down, restarts, breaker) come before statistics, and
    of those alike what explains more, then what moved first.
    """
    shares = _traces_shares(impacted, links)
    found = [
        suspect
        for cause in FAULTS
        for component in (links if cause in {"llm_down", "llm_slow"} else (_COMPONENTS[cause],))
        if (suspect := _suspect(cause, component, deviations, shares)) is not None
    ]
    origins = {one: [other for other in found if _follows(one, other)] for one in found}
    ranked = sorted(found, key=lambda one: (bool(origins[one]), not _has_fact(one), -one.score, one.since_s))
    scores = accumulate((one.score for one in ranked), min)
    return [replace(one, score=score) for one, score in zip(ranked, scores, strict=True)]


def explained(suspect: Suspect, deviations: Sequence[Deviation]) -> list[Deviation]:
    """Return those of the abnormal signals that are the suspect's own or follow from it."""
    names = FAULTS[suspect.cause].explains
    return [one for one in deviations if _role(one.name, suspect.component) in names]


def cause_of(component: str, code: str, links: Sequence[str]) -> tuple[Cause, str] | None:
    """Return the cause and its component that an impacted trace names."""
    if component in links:
        return ("llm_slow" if code == "timeout" else "llm_down"), component
    if code in _DISK_CODES:
        return "disk", "disk"
    return (component, _COMPONENTS[component]) if component in FAULTS else None


def _suspect(
    cause: Cause,
    component: str,
    deviations: Sequence[Deviation],
    shares: Mapping[tuple[Cause, str], float],
) -> Suspect | None:
    fault = FAULTS[cause]
    own = sorted(
        (one for one in deviations if _role(one.name, component) in fault.own), key=lambda one: one.since_s
    )
    if not own:
        return None
    covered = sum(_role(one.name, component) in fault.explains for one in deviations)
    return Suspect(
        cause=cause,
        component=component,
        score=round(covered / len(deviations), 3),
        signals=tuple(one.name for one in own),
        since_s=own[0].since_s,
        traces_share=round(shares.get((cause, component), 0.0), 3),
    )


def _follows(suspect: Suspect, other: Suspect) -> bool:
    """Return whether all that the suspect shows follows from the other, which moved no later."""
    return (
        other is not suspect
        and other.since_s <= suspect.since_s + _AT_ONCE_S
        and FAULTS[other.cause].follows.issuperset(_role(one, suspect.component) for one in suspect.signals)
    )


def _has_fact(suspect: Suspect) -> bool:
    return any(name.rpartition(".")[2] in FACTS for name in suspect.signals)


def _traces_shares(impacted: Sequence[Impacted], links: Sequence[str]) -> dict[tuple[Cause, str], float]:
    """Return which share of the impacted traces names each cause."""
    shares: dict[tuple[Cause, str], float] = {}
    for (component, code), number in Counter((one.component, one.code) for one in impacted).items():
        if (cause := cause_of(component, code, links)) is not None:
            shares[cause] = shares.get(cause, 0.0) + number / max(_FEW_TRACES, len(impacted))
    return shares


def _role(name: str, component: str) -> str:
    """Return the signal's name in the graph: a link's own signals are `link.*` for itself alone."""
    owner, _, kind = name.rpartition(".")
    return f"link.{kind}" if owner == component and component not in _COMPONENTS.values() else name
