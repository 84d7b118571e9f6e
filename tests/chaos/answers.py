"""Every fault behind an answer, as tables for the README: `python -m tests.chaos.answers`.

The exit status is 0 only when each question got the right honest answer in time.
"""

import sys
import tempfile
from pathlib import Path

import anyio

from kotaemon_async.search.settings import DEFAULT_FOLDER
from kotaemon_async.telemetry import logs
from kotaemon_async.telemetry.settings import LogSettings
from tests.chaos.answer_figures import measured
from tests.chaos.answer_matrix import Outcome, cases, outcome
from tests.chaos.answer_table import figures_table, matrix
from tests.support.answers import open_house


async def _outcomes(folder: Path) -> list[Outcome]:
    async with open_house(folder, DEFAULT_FOLDER) as house:
        return [await outcome(house, case) for case in cases()]


def main() -> int:
    """Prints the tables, and on standard error what is wrong."""
    logs.configure(LogSettings(level="error", format="json"))
    with tempfile.TemporaryDirectory(prefix="kotaemon-answers-") as scratch:
        house, services = Path(scratch, "house"), Path(scratch, "services")
        house.mkdir()
        services.mkdir()
        found = anyio.run(_outcomes, house, backend_options={"use_uvloop": True})
        figures = measured(services, DEFAULT_FOLDER)
    sys.stdout.write(f"{matrix(found)}\n\n{figures_table(figures)}\n")
    problems = [f"{one.case}: {problem}" for one in found for problem in one.problems]
    for problem in (*problems, *figures.problems):
        sys.stderr.write(f"{problem}\n")
    return 1 if problems or figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())
