"""What the commands print: for people through rich, for programs as JSON."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import convert
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kotaemon_async.cli.client import Json, ServerEvent
from kotaemon_async.cli.errors import CommandError
from kotaemon_async.cli.terminal import err, json_line, out
from kotaemon_async.domain import places
from kotaemon_async.domain.model import Locator

_COLOURS = {
    "ready": "green",
    "ok": "green",
    "failed": "red",
    "down": "red",
    "cancelled": "yellow",
    "degraded": "yellow",
    "note": "dim",
    "mendable": "yellow",
    "mended": "green",
    "beyond": "red",
}
#: So many places of one warning are printed.
_MOST_PLACES: Final = 12
#: By verdict and whether something was to be mended.
_DOCTOR_VERDICTS = {
    ("well", False): "[green]nothing differs[/green]",
    ("well", True): "[green]nothing differs[/green]",
    ("differs", False): "[yellow]something differs; `kotaemon-async doctor --repair` mends it[/yellow]",
    ("differs", True): "[yellow]something still differs; run it again in a while[/yellow]",
    ("mended", True): "[green]something differed and is mended[/green]",
    ("beyond_mending", False): "[red]something differs that cannot be mended; see its remedy[/red]",
    ("beyond_mending", True): "[red]something differs that cannot be mended; see its remedy[/red]",
}


def print_json(value: Any) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(json_line(value) + "\n")
    sys.stdout.flush()


def print_error(error: CommandError, *, as_json: bool) -> None:
    """Print the failure on standard error: a sentence and what to do about it."""
    if as_json:
        problem = {"code": error.code, "message": error.message, "hint": error.hint}
        sys.stderr.write(json_line({"error": problem}) + "\n")
        return
    console = err()
    console.print(f"[red]{escape(error.code)}[/red]: {escape(error.message)}")
    if error.hint:
        console.print(f"[dim]{escape(error.hint)}[/dim]")


def print_stream(stream: Iterator[ServerEvent]) -> Json:
    """Print the answer's text as it comes and return the answer that ended the stream."""
    console, answer, said = out(), {}, False
    for event in stream:
        if event.name == "delta":
            console.print(escape(str(event.data.get("text", ""))), end="")
            said = True
        elif event.name == "restart":
            console.print("\n[yellow]… begun again by the next link[/yellow]")
        elif event.name in {"done", "interrupted"}:
            answer = event.data | {"interrupted": event.name == "interrupted"}
    if not said:
        console.print(escape(str(answer.get("answer", ""))), end="")
    console.print()
    if answer:
        print_footer(answer)
    return answer


def print_footer(answer: Json) -> None:
    """Print the citations, then who answered and why it is degraded."""
    console = out()
    console.print()
    for citation in answer.get("citations", []):
        console.print(f"[cyan]{escape(cited(citation))}[/cyan]")
    print_doubts(answer, console)
    if answer.get("interrupted"):
        console.print("[red]The answer was cut off before its end.[/red]")
    for reason in answer.get("reasons", []):
        console.print(f"[yellow]degraded: {_reason(reason)}[/yellow]")
    total_s = answer.get("timings_s", {}).get("total")
    took = f", {total_s:.2f} s" if isinstance(total_s, int | float) else ""
    served_by = escape(str(answer.get("served_by", "?")))
    console.print(f"[dim]{served_by}{took}, trace {escape(str(answer.get('trace_id', '')))}[/dim]")


def _reason(reason: Json) -> str:
    return escape(f"{reason['component']} ({reason['code']})")


def print_doubts(answer: Json, console: Console) -> None:
    """Print what was not found, which sentences are in doubt and why, and what a model said in vain."""
    if missing := answer.get("missing"):
        console.print(f"[yellow]not found: {escape(', '.join(map(str, missing)))}[/yellow]")
    for claim in answer.get("claims", []):
        if claim["verdict"] != "supported":
            colour = "red" if claim["verdict"] == "unsupported" else "yellow"
            sentence = escape(" ".join(str(claim["sentence"]).split()))
            why = _DOUBTS[claim["reason"] or "subject"] if claim["markers"] else "no source"
            console.print(f"[{colour}]{why}[/{colour}]: {sentence}")
    if rejected := answer.get("rejected"):
        console.print(f"[dim]said by the model, not supported: {escape(str(rejected))}[/dim]")


#: What is said of a sentence whose source lacks this.
_DOUBTS: Final = {
    "figure": "figure not found in the source",
    "code": "code not found in the source",
    "name": "name not found in the source",
    "subject": "the source may speak of something else",
}


def cited(citation: Json) -> str:
    """Return `[1] name, p. 3: quote`, on one line; `pp. 3–4` over a page break."""
    quote = " ".join(str(citation["quote"]).split())
    return f"[{citation['marker']}] {citation['document_name']}, {where(citation)}: {quote}"


def where(found: Json) -> str:
    """Return the place of a passage or a citation in words."""
    place = convert(found.get("place") or {"number": found["page"]}, Locator)
    return places.said(place, pages=[part["page"] for part in found.get("parts", [])])


def print_passages(found: Json) -> None:
    """Print passages, best first, with their page and score."""
    console = out()
    for rank, hit in enumerate(found["passages"], 1):
        named = escape(f"{hit['document_name']}, {where(hit)}")
        console.print(f"[cyan]{rank}. {named}[/cyan]  {hit['score']:.3f}")
        console.print(f"   {escape(' '.join(hit['text'].split()))}")
    for reason in found["degraded"]:
        console.print(f"[yellow]degraded: {_reason(reason)}[/yellow]")
    if not found["passages"]:
        console.print("nothing found")


def print_health(report: Json) -> None:
    """Print every component, one line each."""
    table = Table("component", "status", "last success", "note", box=None, pad_edge=False)
    table.add_row("service", coloured(str(report.get("status", "?"))), "", "")
    for name, check in report.get("components", {}).items():
        age_s = check.get("last_success_age_s")
        known = check.get("message") or check.get("code") or check.get("model") or ""
        note = f"{known or _followed(check)}{_progress(check.get('change'))}"
        age = f"{age_s:.0f} s ago" if isinstance(age_s, int | float) else ""
        table.add_row(escape(name), coloured(str(check.get("status", "?"))), age, escape(note))
    out().print(table)


def _followed(check: Json) -> str:
    """Return what there is to tell of followed folders; nothing of other parts."""
    folders = check.get("folders") or []
    waiting = sum(folder["waiting"] for folder in folders)
    refused = sum(folder.get("refused", {}).get("count", 0) for folder in folders)
    unreadable = sum(folder.get("unreadable", {}).get("count", 0) for folder in folders)
    counts = {"waiting": waiting, "refused": refused, "unreadable": unreadable}
    told = [f"{check.get('files', 0)} files"] + [f"{count} {name}" for name, count in counts.items() if count]
    return ", ".join(told) if folders else ""


def _progress(change: Json | None) -> str:
    """Return how far the change to another embedding model is; nothing while there is none."""
    if change is None or change["target"] is None:
        return ""
    return f", changing to {change['target']}: {change['done']} of {change['total']} chunks"


def print_documents(documents: Sequence[Json]) -> None:
    """Print documents as a table: status, progress, and what they wait for or why they failed."""
    table = Table("document", "name", "collection", "status", "pages", "note", box=None, pad_edge=False)
    for document in documents:
        table.add_row(
            escape(document["id"]),
            escape(named(document)),
            escape(document["collection"]),
            coloured(document["status"]),
            pages(document),
            escape(note(document)),
        )
    out().print(table)


def named(document: Json) -> str:
    """Return the document's path inside its folder or archive, or its name."""
    return str(document.get("path") or document["name"])


def pages(document: Json) -> str:
    """Return the progress as `12/60`; an unknown total is `?`."""
    progress = document.get("progress") or {}
    total = progress.get("pages_total")
    return f"{progress.get('pages_done', 0)}/{'?' if total is None else total}"


def note(document: Json) -> str:
    """Return why the document failed, what it waits for, its stage, or how much of it was not read."""
    error, waiting_for = document.get("error"), document.get("waiting_for")
    if error:
        return f"{error['code']}: {error['message']} {error.get('hint') or ''}".strip()
    if waiting_for:
        return f"waits for {', '.join(str(value) for value in waiting_for.values())}"
    warned = len(document.get("warnings") or ())
    return str(document.get("stage") or (f"{warned} warning{'s' * (warned > 1)}" if warned else ""))


def print_warnings(documents: Sequence[Json], console: Console | None = None) -> None:
    """Print what of the documents was not read: where, why, and what to do."""
    console = console or out()
    for document in documents:
        for warning in document.get("warnings") or []:
            shown = [places.said(convert(place, Locator)) for place in warning["places"][:_MOST_PLACES]]
            left = len(warning["places"]) - len(shown) + warning.get("more", 0)
            where = ", ".join([*shown, *([f"{left} more"] if left else [])])
            about = f"{document['name']}{f', {where}' if where else ''}"
            console.print(f"[yellow]{escape(about)}[/yellow]: {escape(warning['message'])}")
            if warning["hint"]:
                console.print(f"   [dim]{escape(warning['hint'])}[/dim]")


def print_retried(done: Json) -> None:
    """Print how many documents are queued again."""
    out().print(f"documents queued again: {done['retried']}" if done["retried"] else "no document has failed")


def print_skipped(skipped: Sequence[tuple[Path, str]]) -> None:
    """Print each file that was passed over, and why, and how many there were."""
    console = err()
    for file, reason in skipped:
        console.print(f"skipped  {escape(str(file))}  {escape(reason)}")
    if skipped:
        console.print(f"passed over: {len(skipped)}")


def print_refused(refused: Sequence[Json]) -> None:
    """Print the reason for each document that was not queued again."""
    console = err()
    for one in refused:
        console.print(f"[red]{escape(one['error']['code'])}[/red]: {escape(one['error']['message'])}")
        console.print(f"[dim]{escape(one['error']['hint'])}[/dim]")


def print_report(report: Json) -> None:
    """Print everything that differs, with a few ids each, and the verdict in the last line."""
    table = Table("what", "found", "left", "remedy", box=None, pad_edge=False)
    for found in report["findings"]:
        colour = _COLOURS[
            "mended" if found["weight"] == "mendable" and not found["left"] else found["weight"]
        ]
        examples = ", ".join(map(str, found["examples"]))
        table.add_row(
            f"[{colour}]{escape(found['sentence'])}[/{colour}]\n[dim]{escape(examples)}[/dim]",
            str(found["count"]),
            str(found["left"]),
            escape(found["remedy"]),
        )
    if report["findings"]:
        out().print(table)
    out().print(_DOCTOR_VERDICTS[report["verdict"], report["repair"]])


def coloured(word: str) -> str:
    """Return a state in its colour."""
    colour = _COLOURS.get(word)
    return f"[{colour}]{escape(word)}[/{colour}]" if colour else escape(word)


def print_models(found: Json) -> None:
    """Print the embedding model that answers, and the change to another one while there is one."""
    console = out(wide=True)
    console.print(f"{escape(found['active'])} answers")
    embedded = f"{found['done']} of {found['total']} chunks embedded"
    state = f"waits for {found['waiting_for']}" if found["waiting_for"] else found["state"]
    if found["target"] is not None:
        console.print(f"{escape(found['target'])}: {embedded}, {state}")
    elif found["state"] != "idle":
        console.print(f"{embedded}, {state}")
    if found["declined"] is not None:
        console.print(f"{escape(found['declined'])} was taken back: kotaemon-async models resume")
    if found["message"] is not None:
        console.print(f"[yellow]{escape(found['message'])}[/yellow] {escape(found['hint'] or '')}")


def print_incidents(found: Json) -> None:
    """Print one line for each incident, the latest first, then the forecasts of disk and memory."""
    console = out(wide=True)
    table = Table("incident", "status", "cause", "since", "until", "signals", box=None, pad_edge=False)
    for one in found["items"]:
        signals = ", ".join(signal["signal"] for signal in one["signals"][:3])
        cause = f"[{_incident_colour(one)}]{escape(one['cause'])}[/]"
        table.add_row(one["id"], one["status"], cause, one["since"], one["closed_at"] or "", escape(signals))
    console.print(table if found["items"] else "no incidents")
    _print_forecasts(console, found["forecasts"])


def print_incident(incident: Json) -> None:
    """Print one incident: message, hint, likely causes, signals in the order they moved, traces."""
    console = out(wide=True)
    until = incident["closed_at"] or "now"
    console.print(
        f"[{_incident_colour(incident)}]{escape(incident['message'])}[/]  {incident['since']} to {until}"
    )
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


def _incident_colour(incident: Json) -> str:
    return "red" if incident["status"] == "open" else "green"


_SAID: Final = ("reason", "comment", "question")


def print_audit(acts: Sequence[Json], *, head: bool = True) -> None:
    """Print acts as a table, the latest last."""
    columns = ("at", "caller", "user", "action", "object", "from", "result")
    table = Table(*columns, box=None, pad_edge=False, show_header=head)
    names = ("at", "caller", "user", "action", "object", "address")
    for act in acts:
        colour = "green" if act["result"] == "ok" else "red"
        table.add_row(*(escape(act[name]) for name in names), f"[{colour}]{escape(act['result'])}[/]")
    out(wide=True).print(table if acts else "nothing is written down of that kind")


def print_feedback(rows: Sequence[Json]) -> None:
    """Print what people think of their answers as a table, the latest first."""
    table = Table("at", "user", "", "reason", "comment", "question", "served by", "trace", box=None)
    for row in rows:
        thumb = "[green]up[/]" if row["verdict"] == "up" else "[red]down[/]"
        reason, comment, question = (escape(" ".join(row[one].split())) for one in _SAID)
        by = escape(row["link"] or row["served_by"])
        table.add_row(row["at"], escape(row["user"]), thumb, reason, comment, question, by, row["trace_id"])
    out(wide=True).print(table if rows else "nobody has said anything of that kind")


def print_keys(rows: Sequence[Json]) -> None:
    """Print a table of keys."""
    table = Table("id", "name", "user", "groups", "may", "state", "last used", "ends", box=None)
    for row in rows:
        ends = row["revoked_at"] or row["expires_at"] or "never"
        lists = (", ".join(row["groups"]), ", ".join(row["scopes"]))
        names = map(escape, (row["id"], row["name"], row["user"], *lists))
        table.add_row(*names, row["state"], row["last_used_at"] or "never", ends)
    out(wide=True).print(table)


def print_collections(rows: Sequence[Json]) -> None:
    """Print a table of collections."""
    table = Table("collection", "owner", "access", "yours", "documents", "ready", box=None)
    for row in rows:
        counts = str(row["documents"]), str(row["ready"])
        table.add_row(escape(row["name"]), escape(row["owner"]), row["access"], row["rights"], *counts)
    out(wide=True).print(table)


def print_shares(found: Json) -> None:
    """Print who may do what in a collection."""
    console = out()
    if found["public"]:
        console.print(f"everybody: {found['public']}")
    for one in found["shares"] or ():
        kind = "user" if "user" in one else "group"
        console.print(f"{kind} {escape(one[kind])}: {one['rights']}")
