"""What `kotaemon-async trace` prints: the path as a tree, with times, events and log lines."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.markup import escape
from rich.tree import Tree

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.terminal import out

_COLOURS: Final = {
    "ok": "green",
    "error": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "unfinished": "magenta",
}
_LEVELS: Final = {"warning": "yellow", "error": "red", "critical": "red"}
#: They stand in the head of the tree, or say nothing that the step's name does not.
_LEFT_OUT: Final = frozenset(
    {"doc_id", "job_id", "http.route", "http.request.method", "link", "gen_ai.operation.name"}
)


def print_trace(trace: Json) -> None:
    """Print the whole path on standard output."""
    console = out(wide=True, soft_wrap=False)
    console.print(tree(trace))
    console.print(_sums(trace))


def tree(trace: Json) -> Tree:
    """Return each span, event and log line under the span it belongs to, by time."""
    root = Tree(_head(trace), guide_style="dim")
    below = _below(trace)
    waiting: list[tuple[Tree, str | None]] = [(root, None)]
    while waiting:
        place, span_id = waiting.pop()
        for _, text, of in below.get(span_id, []):
            added = place.add(text)
            if of is not None:
                waiting.append((added, of))
    return root


def _below(trace: Json) -> dict[str | None, list[tuple[float, str, str | None]]]:
    """Return, by the span above (None at the top), each item's time, text and, of a span, its id."""
    known = {span["span_id"] for span in trace["spans"]}
    found: dict[str | None, list[tuple[float, str, str | None]]] = {}
    for span in trace["spans"]:
        above = span["parent_id"] if span["depth"] else None
        found.setdefault(above, []).append((span["starts_s"], _step(span), span["span_id"]))
        within = found.setdefault(span["span_id"], [])
        within += [(event["at_s"], _event(event), None) for event in span["events"]]
    for line in trace["logs"]:
        above = line["span_id"] if line["span_id"] in known else None
        found.setdefault(above, []).append((line["at_s"], _line(line), None))
    return {span_id: sorted(items, key=lambda item: item[0]) for span_id, items in found.items()}


def _head(trace: Json) -> str:
    whole = f"[bold]{trace['trace_id']}[/bold]  {_status(trace['status'])}  {_time(trace['duration_s'])}"
    cut = "  [yellow]only the first part is shown[/yellow]" if trace["truncated"] else ""
    named = " ".join(_documents(trace))
    return f"{whole}  [dim]{trace['started_at']}  {escape(named)}[/dim]{cut}"


def _documents(trace: Json) -> Iterator[str]:
    yield from dict.fromkeys(
        str(span["attributes"]["doc_id"]) for span in trace["spans"] if "doc_id" in span["attributes"]
    )


def _step(span: Json) -> str:
    status = span["status"]
    shown = "" if status == "ok" else f"  {_status(status)}"
    if status == "unfinished":
        ended = span["process_ended_at"] or "an unknown time"
        shown += f": [magenta]process ended at {ended}[/magenta]"
    name, said = escape(span["name"]), _said(span["attributes"])
    return f"{_at(span['starts_s'])} {name}  {_time(span['duration_s'])}{shown}{said}"


def _event(event: Json) -> str:
    return f"{_at(event['at_s'])} [yellow]• {escape(event['name'])}[/yellow]{_said(event['attributes'])}"


def _line(line: Json) -> str:
    colour = _LEVELS.get(line["level"], "dim")
    failed = f" [red]{escape(line['exception'])}[/red]" if line["exception"] else ""
    level = f"[{colour}]{line['level']}[/{colour}]"
    return f"{_at(line['at_s'])} {level} {escape(line['event'])}{failed}{_said(line['fields'])}"


def _said(attributes: Mapping[str, Any]) -> str:
    shown = [f"{key}={value}" for key, value in attributes.items() if key not in _LEFT_OUT]
    return f"  [dim]{escape(' '.join(shown))}[/dim]" if shown else ""


def _at(at_s: float) -> str:
    return f"[dim]{at_s:+.3f}[/dim]"


def _status(status: str) -> str:
    return f"[{_COLOURS[status]}]{status}[/{_COLOURS[status]}]"


def _time(duration_s: float | None) -> str:
    if duration_s is None:
        return "…"
    return f"{1000 * duration_s:.1f} ms" if duration_s < 1 else f"{duration_s:.2f} s"


def _sums(trace: Json) -> str:
    counts = [f"{len(trace[kind])} {kind}" for kind in ("waits", "retries", "fallbacks")]
    return f"[dim]{len(trace['spans'])} spans, {len(trace['logs'])} log lines, {', '.join(counts)}[/dim]"
