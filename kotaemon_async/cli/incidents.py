"""What `kotaemon-async incidents` prints: what is wrong or was, and one incident in full."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kotaemon_async.cli.client import Json

_WIDE = 1000


def print_incidents(found: Json) -> None:
    """One line for each, the latest first, and what is to be expected of disk and memory."""
    console = _out()
    table = Table("incident", "status", "cause", "since", "until", "signals", box=None, pad_edge=False)
    for one in found["items"]:
        signals = ", ".join(signal["signal"] for signal in one["signals"][:3])
        cause = f"[{_colour(one)}]{escape(one['cause'])}[/]"
        table.add_row(one["id"], one["status"], cause, one["since"], one["closed_at"] or "", escape(signals))
    console.print(table if found["items"] else "no incidents")
    _print_forecasts(console, found["forecasts"])


def print_incident(incident: Json) -> None:
    """What it is, what to do, likely causes in order, signals in the order they moved, traces."""
    console = _out()
    until = incident["closed_at"] or "now"
    console.print(f"[{_colour(incident)}]{escape(incident['message'])}[/]  {incident['since']} to {until}")
    console.print(escape(incident["hint"]))
    causes = Table("likely cause", "component", "score", "since", "because of", box=None, pad_edge=False)
    for one in incident["causes"]:
        row = (one["cause"], one["component"], f"{one['score']:.2f}", one["since"], ", ".join(one["signals"]))
        causes.add_row(*map(escape, row))
    signals = Table("signal", "since", "value", "normal", "unit", "times", box=None, pad_edge=False)
    for one in incident["signals"]:
        value, normal = f"{one['value']:.4g}", f"{one['normal']:.4g}"
        signals.add_row(
            escape(one["signal"]), one["since"], value, normal, one["unit"], f"{one['times']:.1f}"
        )
    console.print(causes)
    console.print(signals)
    for trace_id in incident["trace_ids"]:
        console.print(f"kotaemon-async trace {escape(trace_id)}")
    _print_forecasts(console, incident["forecasts"])


def _print_forecasts(console: Console, forecasts: Sequence[Json]) -> None:
    for one in forecasts:
        if one["reached_at"]:
            rate = one["per_hour_bytes"] / 1e6
            console.print(
                f"{escape(one['resource'])} is used up at {one['reached_at']} ({rate:+.0f} MB an hour)"
            )


def _colour(incident: Json) -> str:
    return "red" if incident["status"] == "open" else "green"


def _out() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=_WIDE)
