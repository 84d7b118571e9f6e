"""Every fault of every component behind an answer, every pair of dead ones, and what has to come then."""

from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Final

from tests.support.answers import DEADLINE_S, NAMES, AnswerService, Reply
from tests.support.faults import FAULT_KINDS
from tests.support.llm_faults import FAULTS, Fault

COMPONENTS: Final = ("primary", "local", "embedder", "vectors", "ledger", "broker")
#: Components without a script of their own.
INNER: Final = COMPONENTS[2:]
#: How each component is dead.
DEAD: Final = {name: "refuse" if name in NAMES else "raises" for name in COMPONENTS}
_BY_SCRIPT: Final[dict[str, Fault]] = {fault.script: fault for fault in FAULTS}
_ENDS: Final = {"done", "interrupted"}

Reasons = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """What is kind, and what is there to fall back on: kept knowledge, and an answer from before."""

    faults: tuple[tuple[str, str], ...]
    kept: bool = False
    filled: bool = False
    is_pair: bool = False

    def __str__(self) -> str:
        words = [
            *(["both"] if self.is_pair else []),
            *(f"{component} {kind}" for component, kind in self.faults),
        ]
        return ", ".join([*words, *(["kept"] if self.kept else []), *(["filled"] if self.filled else [])])


@dataclass(frozen=True, slots=True)
class Expected:
    """Who has to answer, why not an earlier one, and whether words were sent that do not count."""

    served_by: str
    reasons: Reasons = field(default_factory=frozenset)
    restarts: bool = False


def link_cases(role: str) -> list[Case]:
    """Every fault of a model server; for the second link the first one is away."""
    before = () if role == "primary" else (("primary", "refuse"),)
    return [Case((*before, (role, fault.script))) for fault in FAULTS]


def inner_cases() -> list[Case]:
    """Every illness of every other component."""
    return [Case(((component, kind),)) for component in INNER for kind in FAULT_KINDS]


def pair_cases() -> list[Case]:
    """Every pair of dead components, with everything that is there to fall back on."""
    return [
        Case(tuple((one, DEAD[one]) for one in pair), kept, filled, is_pair=True)
        for pair in combinations(COMPONENTS, 2)
        for kept, filled in product((False, True), repeat=2)
    ]


def cases() -> list[Case]:
    """The whole matrix."""
    return [*link_cases("primary"), *link_cases("local"), *inner_cases(), *pair_cases()]


def expected(case: Case) -> Expected:
    """What the promise says of the case."""
    faults = dict(case.faults)
    if (ledger := faults.get("ledger", "slow")) != "slow":
        # No passages: no model is asked to answer from nothing.
        return Expected("static_knowledge" if case.kept else "busy", _unread(ledger, faults))
    reasons = _lane(faults) | {
        (NAMES[role], _BY_SCRIPT[faults[role]].code)
        for role in NAMES
        if role in faults and _is_asked(role, faults)
    }
    restarts = any(_BY_SCRIPT[faults[role]].sends_text for role in NAMES if role in faults)
    return Expected(_server(case, faults), reasons, restarts)


def _is_asked(role: str, faults: dict[str, str]) -> bool:
    return role == "primary" or "primary" in faults


def _server(case: Case, faults: dict[str, str]) -> str:
    for role in NAMES:
        if role not in faults:
            return role
    return "stale_cache" if case.filled else "extractive"


def _lane(faults: dict[str, str]) -> Reasons:
    """Why the lane of meaning is lost; without a vector nobody asks the index."""
    for component in ("embedder", "vectors"):
        if (kind := faults.get(component, "slow")) != "slow":
            return frozenset({(component, "timeout" if kind == "hangs" else f"{component}_unavailable")})
    return frozenset()


def _unread(ledger: str, faults: dict[str, str]) -> Reasons:
    code = "timeout" if ledger == "hangs" else "ledger_unavailable"
    lane = _lane(faults)
    return lane | {("keywords" if lane else "retrieval", code)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The two replies to one case, and what is wrong with them."""

    case: Case
    plain: Reply
    streamed: Reply
    problems: tuple[str, ...]

    @property
    def served_by(self) -> str:
        """Who answered."""
        return str(self.plain.answer.get("served_by"))

    @property
    def took_s(self) -> float:
        """The slower of the two."""
        return max(self.plain.took_s, self.streamed.took_s)


async def outcome(service: AnswerService, case: Case) -> Outcome:
    """The case asked for as one answer and as a stream."""
    faults, found = dict(case.faults), expected(case)
    plain, streamed = [
        await service.ask(faults, stream=stream, kept=case.kept, filled=case.filled)
        for stream in (False, True)
    ]
    problems = (*_wrong(plain, found), *_wrong(streamed, found), *_wrong_stream(streamed, found))
    return Outcome(case, plain, streamed, problems)


def _wrong(reply: Reply, right: Expected) -> list[str]:
    """What the reply does not keep of the promise."""
    if reply.status != 200:
        return [f"HTTP {reply.status}"]
    answer = reply.answer
    reasons = frozenset((one["component"], one["code"]) for one in answer["reasons"])
    claims = {
        "served_by": (answer["served_by"], right.served_by),
        "reasons": (sorted(reasons), sorted(right.reasons)),
        "degraded": (answer["degraded"], bool(right.reasons)),
        "in time": (reply.took_s <= DEADLINE_S, True),
        "has words": (bool(answer["answer"].strip()), True),
        "is cited": (bool(answer["citations"]), right.served_by not in {"static_knowledge", "busy"}),
        "has an age": (answer["age_s"] > 0, right.served_by == "stale_cache"),
    }
    return [
        f"{name}: {found} instead of {wanted}" for name, (found, wanted) in claims.items() if found != wanted
    ]


def _wrong_stream(reply: Reply, right: Expected) -> list[str]:
    """A stream begins with passages, has one end, and a restart exactly when words were sent in vain."""
    if reply.status != 200:
        return []
    names = reply.names
    restarts = names.count("restart")
    last = max((at for at, name in enumerate(names) if name == "restart"), default=0)
    said = "".join(data["text"] for name, data in reply.events[last:] if name == "delta")
    wrong = [] if names[0] == "passages" else ["the stream begins without passages"]
    if [name for name in names if name in _ENDS] != ["done"] or names[-1] != "done":
        wrong.append("the stream has another end than one done")
    if restarts != right.restarts:
        wrong.append(f"{restarts} restarts")
    if said != reply.answer["answer"]:
        wrong.append("the words that were sent are not the answer's")
    return wrong
