"""What `make bench-scale` says: a table, what its bounds are, and a plot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log10
from typing import Final
from xml.sax.saxutils import escape

from rich.table import Table

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.terminal import out
from tests.bench.bounds import Bound, flat

#: Times on the clock, which a neighbour stretches.
_CLOCK: Final = 0.3
_SCOPES: Final = ("small_collections", "documents_1", "documents_10", "documents_1000")
BOUNDS: Final = (
    Bound("collection.p50", 25, _CLOCK),
    Bound("collection.p95", 40, _CLOCK),
    Bound("everything.p50", 25, _CLOCK),
    Bound("everything.p95", 40, _CLOCK),
    *(Bound(f"{scope}.p50", 30, _CLOCK) for scope in _SCOPES),
    *(Bound(f"{scope}.p95", 50, _CLOCK) for scope in _SCOPES),
    Bound("growth.collection.cpu_ms", 3, 0.15),
    Bound("growth.everything.cpu_ms", 3, 0.15),
    Bound("growth.commit_cpu_ms_a_passage", 1.3, 0.15),
    Bound("eight_at_once.gain", 1.5, 0.1, at_least=True),
    Bound("eight_at_once.p95", 200, _CLOCK),
    Bound("answer.p95", 250, _CLOCK),
    Bound("loop_lag_ms.p99_at_most", 10, _CLOCK),
    Bound("loop_lag_ms.max", 100, _CLOCK),
    Bound("memory_mb.all", 900, 0.05),
    Bound("start_s", 3, _CLOCK),
    Bound("searchable_after_start_s", 5, _CLOCK),
    Bound("rebuilt.seconds", 240, _CLOCK),
    Bound("rebuilt.replies_lost", 0, 0),
    Bound("disk_kb_a_passage", 5, 0.05),
    *(
        Bound(f"{when}.{scope}", 0.98, 0.0, at_least=True)
        for when in ("recall", "recall_with_equal_passages")
        for scope in ("everything", "collection", *_SCOPES)
    ),
)


def bounded(stages: Mapping[str, Json]) -> dict[str, float]:
    """The figures of the largest size, and under `growth.` what they are beside the smallest."""
    sizes = list(stages)
    first, last = (dict(flat(stages[size])) for size in (sizes[0], sizes[-1]))
    growth = {f"growth.{name}": last[name] / first[name] for name in last if first.get(name)}
    return last | growth


def print_table(stages: Mapping[str, Json]) -> None:
    """A column for each size, and at the end how much the largest costs beside the smallest."""
    columns = {size: dict(flat(stage)) for size, stage in stages.items()}
    values = bounded(stages)
    table = Table("cost", *columns, "growth", box=None, pad_edge=False)
    for name in list(columns.values())[-1]:
        growth = values.get(f"growth.{name}")
        cells = [f"{one[name]:g}" if name in one else "" for one in columns.values()]
        table.add_row(name, *cells, "" if growth is None else f"{growth:.2f}")
    out().print(table)


#: Lines of the plot, with their colours and marks, which tell them apart in grey as well.
LINES: Final = {
    "collection": ("one collection of nearly all", "#1f5fa8"),
    "collection_by_vector": ("… by vector alone", "#2a9d6f"),
    "collection_by_keyword": ("… by words alone", "#b5541c"),
    "documents_1": ("one document", "#7a3fa0"),
    "documents_1000": ("a thousand documents", "#a0346c"),
    "answer": ("an answer without a model", "#555555"),
}
WIDTH, HEIGHT, LEFT, TOP = 720, 420, 60, 30


def plot(stages: Mapping[str, Json], machine: str) -> str:
    """Return the median times over the passages as SVG, both in powers of ten."""
    sizes = [float(stage["passages"]) for stage in stages.values()]
    series = {
        name: [(float(stage["passages"]), float(stage[name]["p50"])) for stage in stages.values()]
        for name in LINES
    }
    times = [ms for points in series.values() for _, ms in points]
    area = _Area(log10(min(sizes)), log10(max(sizes)), log10(min(times)) - 0.1, log10(max(times)) + 0.1)
    parts = [*area.grid(), *(part for at, name in enumerate(LINES) for part in _line(area, at, name, series))]
    title = escape(f"Median milliseconds of a search over the number of passages: {machine}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="18">{title}</text>{"".join(parts)}</svg>\n'
    )


@dataclass(frozen=True, slots=True)
class _Area:
    """Where the lines are drawn, between these powers of ten."""

    least_size: float
    most_size: float
    least_ms: float
    most_ms: float

    def x(self, size: float) -> float:
        span = self.most_size - self.least_size or 1.0
        return LEFT + (log10(size) - self.least_size) / span * (WIDTH - LEFT - 220)

    def y(self, ms: float) -> float:
        span = self.most_ms - self.least_ms or 1.0
        return HEIGHT - 40 - (log10(ms) - self.least_ms) / span * (HEIGHT - 40 - TOP)

    def grid(self) -> Iterator[str]:
        """Lines and numbers for 1, 2 and 5 of each power that is inside."""
        for power in range(-1, 7):
            for ms in (one * 10.0**power for one in (1, 2, 5)):
                if self.least_ms <= log10(ms) <= self.most_ms:
                    at = self.y(ms)
                    yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - 220}" stroke="#ddd"/>'
                    yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{ms:g}</text>'
            size = 10.0**power
            if self.least_size <= power + 0.01 and power <= self.most_size + 0.01:
                yield (
                    f'<text x="{self.x(size):.1f}" y="{HEIGHT - 20}" text-anchor="middle">{size:,.0f}</text>'
                )


def _line(area: _Area, at: int, name: str, series: Mapping[str, list[tuple[float, float]]]) -> Iterator[str]:
    label, colour = LINES[name]
    points = [(area.x(size), area.y(ms)) for size, ms in series[name]]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    y = TOP + 20 + 22 * at
    yield f'<path d="M{WIDTH - 205} {y - 4}h24" stroke="{colour}" stroke-width="2"/>'
    yield f'<text x="{WIDTH - 175}" y="{y}">{label} ({series[name][-1][1]:g})</text>'
