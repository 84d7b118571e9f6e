"""What a figure may be at most or at least, with the noise of measuring it, and whether it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.terminal import out

Verdict = Literal["holds", "within its noise", "missed"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure is at most, or `at_least`.

    `noise` is the part of it by which it differs from run to run beside a neighbour.
    """

    figure: str
    limit: float
    noise: float = 0.1
    at_least: bool = False

    def verdict(self, value: float) -> Verdict:
        """Return whether the value holds it."""
        over = self.limit - value if self.at_least else value - self.limit
        if over <= 0:
            return "holds"
        return "within its noise" if over <= self.noise * self.limit else "missed"


def flat(figures: Json, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number with its path."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif name != "count" and isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)


def print_bounds(values: Mapping[str, float], bounds: Sequence[Bound]) -> bool:
    """Print each bound with its value; return whether all hold but for their noise."""
    table = Table("bound", "is", "may be", "", box=None, pad_edge=False)
    verdicts = list[Verdict]()
    for one in bounds:
        value = values[one.figure]
        verdicts.append(one.verdict(value))
        may_be = f"{'≥' if one.at_least else '≤'} {one.limit:g} ± {one.noise:.0%}"
        table.add_row(one.figure, f"{value:.4g}", may_be, verdicts[-1])
    out().print(table)
    return "missed" not in verdicts
