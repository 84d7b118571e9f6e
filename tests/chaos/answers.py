"""Every fault behind an answer, as tables for the README: `python -m tests.chaos.answers`.

The exit status is 0 only when each question got the right honest answer in time.
"""

import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.search.settings import DEFAULT_FOLDER
from kotaemon_async.telemetry import logs
from kotaemon_async.telemetry.settings import LogSettings
from tests.chaos.answer_figures import ADDED_LIMIT_S, EXTRACTIVE_LIMIT_S, Figures, measured
from tests.chaos.answer_matrix import COMPONENTS, INNER, Outcome, cases, outcome
from tests.support.answers import open_answer_service
from tests.support.faults import FAULT_KINDS
from tests.support.llm_faults import FAULTS, Fault

#: What faults of model servers have in common, the first that fits.
_FAMILIES: Final[tuple[tuple[str, Callable[[Fault], bool]], ...]] = (
    ("a wrong setting", lambda fault: fault.code == "misconfigured"),
    ("a passing refusal", lambda fault: fault.script[:1] == "4"),
    ("an error of the server", lambda fault: fault.script[:1] == "5"),
    ("slow after words were sent", lambda fault: fault.sends_text and fault.waits),
    ("cut after words were sent", lambda fault: fault.sends_text),
    ("silent", lambda fault: fault.waits),
    ("gone", lambda fault: fault.script in {"refuse", "rst", "cut_first"}),
    ("no answer in the reply", lambda _: True),
)
_KIND_WORDS: Final = {
    "raises": "fails at once",
    "hangs": "never replies",
    "slow": "is slow, and not yet lost",
    "dies": "dies while it is asked",
}
_NO_CELL: Final = ""


def matrix(outcomes: Sequence[Outcome]) -> str:
    """Two tables: each fault of each component, and each pair of dead components."""
    return f"{_faults(outcomes)}\n\n{_pairs([one for one in outcomes if one.case.is_pair])}"


def figures_table(figures: Figures) -> str:
    """What dead model servers cost, through HTTP on real processes."""
    ms = {
        "all is well": f"{figures.alive_p95_s * 1000:.0f} ms",
        "the first link is dead, its breaker open": (
            f"{figures.dead_first_p95_s * 1000:.0f} ms, {figures.added_s * 1000:.0f} ms more"
            f" (at most {ADDED_LIMIT_S * 1000:.0f})"
        ),
        "all links are dead: extractive": (
            f"{figures.extractive_p95_s * 1000:.0f} ms (at most {EXTRACTIVE_LIMIT_S * 1000:.0f})"
        ),
    }
    return _table([f"p95 of {figures.questions} questions", ""], [[name, time] for name, time in ms.items()])


def _faults(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [f"{family}: {_names(faults)}"]
        + [_cell(_with(outcomes, role, [fault.script for fault in faults])) for role in COMPONENTS[:2]]
        + [_NO_CELL] * len(INNER)
        for family, faults in _families()
    ]
    rows += [
        [_KIND_WORDS[kind], _NO_CELL, _NO_CELL] + [_cell(_with(outcomes, name, [kind])) for name in INNER]
        for kind in FAULT_KINDS
    ]
    return _table(["fault", *COMPONENTS], rows)


def _families() -> list[tuple[str, list[Fault]]]:
    def family(fault: Fault) -> str:
        return next(name for name, fits in _FAMILIES if fits(fault))

    return [(name, list(faults)) for name, faults in groupby(sorted(FAULTS, key=family), key=family)]


def _names(faults: Iterable[Fault]) -> str:
    return ", ".join(f"`{fault.script}`" for fault in faults)


def _with(outcomes: Iterable[Outcome], component: str, faults: Sequence[str]) -> list[Outcome]:
    """The outcomes in which this component alone decides: it is the last of those that fail."""
    return [
        one
        for one in outcomes
        if not one.case.is_pair and one.case.faults[-1][0] == component and one.case.faults[-1][1] in faults
    ]


def _pairs(outcomes: Sequence[Outcome]) -> str:
    heads = ["both dead", "nothing kept", "kept knowledge", "an earlier answer", "both kept"]
    by_pair = groupby(outcomes, key=lambda one: " and ".join(component for component, _ in one.case.faults))
    rows = []
    for pair, of_pair in by_pair:
        ordered = sorted(of_pair, key=lambda one: (one.case.filled, one.case.kept))
        rows.append([pair, *(_cell([one]) for one in ordered)])
    return _table(heads, rows)


def _cell(outcomes: Sequence[Outcome]) -> str:
    if any(one.problems for one in outcomes):
        return "**WRONG**"
    took_ms = math.ceil(max(one.took_s for one in outcomes) * 1000)
    return f"{' or '.join(sorted({one.served_by for one in outcomes}))}, {took_ms} ms"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


async def _outcomes(folder: Path) -> list[Outcome]:
    async with open_answer_service(folder, DEFAULT_FOLDER) as service:
        return [await outcome(service, case) for case in cases()]


def main() -> int:
    """Prints the tables, and on standard error what is wrong."""
    logs.configure(LogSettings(level="error", format="json"))
    with tempfile.TemporaryDirectory(prefix="kotaemon-answers-") as scratch:
        service, services = Path(scratch, "service"), Path(scratch, "services")
        service.mkdir()
        services.mkdir()
        found = anyio.run(_outcomes, service, backend_options={"use_uvloop": True})
        figures = measured(services, DEFAULT_FOLDER)
    sys.stdout.write(f"{matrix(found)}\n\n{figures_table(figures)}\n")
    problems = [f"{one.case}: {problem}" for one in found for problem in one.problems]
    for problem in (*problems, *figures.problems):
        sys.stderr.write(f"{problem}\n")
    return 1 if problems or figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
