"""Which fault explains what is abnormal: by own signals, who moved first, what follows, what traces share."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from kotaemon_async.telemetry.impacted import Impacted

Cause = Literal[
    "llm_down", "llm_slow", "vectors", "embedder", "broker", "disk", "memory", "event_loop",
    "documents", "parser", "ledger", "overload", "unknown",
]  # fmt: skip
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)

#: What part each kind of evidence has in the score of a cause.
_OWN, _COVERED, _FIRST, _SHARED = 0.35, 0.25, 0.2, 0.2
#: Half of the credit for having moved first is gone after so long.
_HALF_FIRST_S: Final = 45.0
#: Signals look back over different times: what moved so little later moved at once.
_AT_ONCE_S: Final = 20.0
#: What is left of the score of a cause that is itself a consequence.
_FOLLOWS_RATIO: Final = 0.5
#: Fewer touched traces than this prove the less.
_FEW_TRACES: Final = 3
#: How sure a cause may be from one own signal of full weight.
_TRUST: Final = 0.7


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
        """As the signal's own."""
        return f"{self.component}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Suspect:
    """One likely cause: the component, a score from 0 to 1, and the signals of its own that moved."""

    cause: Cause
    component: str
    score: float
    signals: tuple[str, ...]
    since_s: float
    traces_share: float


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a cause shows itself, with the weight of each signal, and what else follows from it."""

    own: Mapping[str, float]
    follows: frozenset[str]


def _fault(own: Mapping[str, float], follows: str) -> _Fault:
    return _Fault(own, frozenset(follows.split()))


_REPLIES: Final = "answers.duration answers.busy_share http.search http.errors_share "
_RESTARTS: Final = "vectors.restarts parser.restarts broker.worker_restarts "
_TIMES: Final = (
    _REPLIES + "embedder.batch parser.batch ledger.write queue.age vectors.behind link.first_token "
    "event_loop.late load.refused "
)
_CHECKS: Final = "vectors.down embedder.down broker.down broker.worker_down ledger.down "

#: The service as a graph of who suffers from whom; the names of links are all written `link`.
FAULTS: Final[dict[Cause, _Fault]] = {
    "llm_down": _fault({"link.failed_share": 1.0, "link.breaker": 0.7}, _REPLIES),
    "llm_slow": _fault(
        {"link.first_token": 1.0, "link.timeout_share": 1.0, "link.breaker": 0.4}, _REPLIES + "load.refused"
    ),
    "vectors": _fault(
        {"vectors.down": 1.0, "vectors.missing": 1.0, "vectors.breaker": 0.8, "vectors.affected": 0.8}
        | {"vectors.restarts": 0.6},
        _REPLIES + "vectors.behind queue.age",
    ),
    "embedder": _fault(
        {"embedder.down": 1.0, "embedder.affected": 0.8, "embedder.breaker": 0.8, "embedder.batch": 0.5},
        _REPLIES + "queue.age load.refused",
    ),
    "broker": _fault(
        {"broker.down": 1.0, "broker.worker_down": 0.6, "broker.worker_restarts": 0.6},
        "queue.age load.refused",
    ),
    "disk": _fault(
        {"disk.down": 1.0, "disk.refused": 0.8, "disk.affected": 0.8, "disk.forecast": 0.8},
        _REPLIES
        + "queue.age vectors.behind vectors.down ledger.down ledger.affected ledger.write load.refused",
    ),
    "memory": _fault(
        {"memory.down": 1.0, "memory.pressure": 1.0, "memory.used": 0.8, "memory.forecast": 0.8},
        _TIMES + _RESTARTS + "event_loop.stalls embedder.down vectors.down",
    ),
    "event_loop": _fault(
        {"event_loop.stalls": 1.0, "event_loop.late": 0.9},
        _TIMES + _CHECKS + _RESTARTS + "link.timeout_share link.breaker vectors.breaker vectors.affected "
        "embedder.breaker embedder.affected ledger.affected",
    ),
    "documents": _fault({"documents.failed": 1.0}, "parser.restarts queue.age load.uploads load.requests"),
    "parser": _fault(
        {"parser.crashes": 1.0, "parser.batch": 0.4},
        "parser.restarts documents.failed queue.age load.refused",
    ),
    "ledger": _fault(
        {"ledger.down": 1.0, "ledger.write": 0.9, "ledger.affected": 0.8},
        _TIMES + "vectors.down vectors.affected broker.worker_restarts embedder.down",
    ),
    "overload": _fault(
        {"load.refused": 0.9, "queue.age": 0.6, "load.requests": 0.5, "load.uploads": 0.6},
        _TIMES + "link.timeout_share link.breaker memory.pressure memory.used",
    ),
}

#: Traces name a component and a code; where it takes both to tell, this decides.
_DISK_CODES: Final = frozenset({"disk_full", "storage_unavailable"})
_LATE_CODES: Final = frozenset({"timeout"})


def suspects(
    deviations: Sequence[Deviation], impacted: Sequence[Impacted], links: Sequence[str]
) -> list[Suspect]:
    """Every cause with an own signal among the abnormal ones, the likeliest first."""
    if not deviations:
        return []
    begun_s = min(one.since_s for one in deviations)
    shares = _traces_shares(impacted, links)
    found = [
        suspect
        for cause in FAULTS
        for component in (links if cause in {"llm_down", "llm_slow"} else (_component(cause),))
        if (suspect := _judged(cause, component, deviations, shares.get((cause, component), 0.0), begun_s))
        is not None
    ]
    origins = {one: _origins(one, found, deviations) for one in found}
    return sorted((_beside(one, origins) for one in found), key=lambda one: -one.score)


def explained(suspect: Suspect, deviations: Sequence[Deviation]) -> list[Deviation]:
    """Those of the abnormal signals that are the suspect's own or follow from it."""
    fault = FAULTS[suspect.cause]
    names = fault.own.keys() | fault.follows
    return [one for one in deviations if _role(one, suspect.component) in names]


def cause_of(component: str, code: str, links: Sequence[str]) -> tuple[Cause, str] | None:
    """The cause and its component that a touched trace speaks for."""
    if component in links:
        return ("llm_slow" if code in _LATE_CODES else "llm_down"), component
    if code in _DISK_CODES:
        return "disk", "disk"
    if component in FAULTS:
        return component, _component(component)
    return None


def _judged(
    cause: Cause,
    component: str,
    deviations: Sequence[Deviation],
    share: float,
    begun_s: float,
) -> Suspect | None:
    fault = FAULTS[cause]
    own = [one for one in deviations if _role(one, component) in fault.own]
    if not own:
        return None
    doubt = math.prod(1 - _TRUST * fault.own[_role(one, component)] for one in own)
    names = fault.own.keys() | fault.follows
    covered = sum(_weight(one) for one in deviations if _role(one, component) in names)
    since_s = min(one.since_s for one in own)
    score = (
        _OWN * (1 - doubt)
        + _COVERED * covered / sum(_weight(one) for one in deviations)
        + _FIRST * 0.5 ** ((since_s - begun_s) / _HALF_FIRST_S)
        + _SHARED * share
    )
    signals = tuple(one.name for one in sorted(own, key=lambda one: one.since_s))
    return Suspect(cause, component, round(score, 3), signals, since_s, round(share, 3))


def _origins(
    suspect: Suspect, others: Sequence[Suspect], deviations: Sequence[Deviation]
) -> frozenset[Suspect]:
    """The other suspects that moved no later and from which all that this one shows follows."""
    own = set(suspect.signals)
    roles = {_role(one, suspect.component) for one in deviations if one.name in own}
    return frozenset(
        other
        for other in others
        if other is not suspect
        and other.since_s <= suspect.since_s + _AT_ONCE_S
        and FAULTS[other.cause].follows.issuperset(roles)
    )


def _beside(suspect: Suspect, origins: Mapping[Suspect, frozenset[Suspect]]) -> Suspect:
    """Less likely as a consequence of another; traces that blame a consequence of its own speak for it."""
    shares = [one.traces_share for one, its_origins in origins.items() if suspect in its_origins]
    share = max([suspect.traces_share, *shares])
    score = suspect.score + _SHARED * (share - suspect.traces_share)
    ratio = _FOLLOWS_RATIO if origins[suspect] else 1.0
    return replace(suspect, score=round(score * ratio, 3), traces_share=share)


def _traces_shares(impacted: Sequence[Impacted], links: Sequence[str]) -> dict[tuple[Cause, str], float]:
    """Which part of the touched traces speaks for each cause; a handful proves less than many."""
    shares: dict[tuple[Cause, str], float] = {}
    for (component, code), number in Counter((one.component, one.code) for one in impacted).items():
        if (cause := cause_of(component, code, links)) is not None:
            shares[cause] = shares.get(cause, 0.0) + number / max(_FEW_TRACES, len(impacted))
    return shares


def _role(deviation: Deviation, component: str) -> str:
    """The signal's name in the table: a link's own signals are `link.*` for itself alone."""
    return (
        f"link.{deviation.kind}"
        if deviation.component == component and component not in _FIXED
        else deviation.name
    )


def _component(cause: Cause) -> str:
    return "load" if cause == "overload" else cause


def _weight(deviation: Deviation) -> float:
    return 1.0 if deviation.opens else 0.5


_FIXED: Final = frozenset(_component(cause) for cause in FAULTS) - {"llm_down", "llm_slow"}
