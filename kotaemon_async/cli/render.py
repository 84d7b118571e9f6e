"""What the commands print: for people through rich, for programs as JSON."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from kotaemon_async.cli.client import CommandError, Json, ServerEvent

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
#: By verdict and whether something was to be mended.
_VERDICTS = {
    ("well", False): "[green]nothing differs[/green]",
    ("well", True): "[green]nothing differs[/green]",
    ("differs", False): "[yellow]something differs; `kotaemon-async doctor --repair` mends it[/yellow]",
    ("differs", True): "[yellow]something still differs; run it again in a while[/yellow]",
    ("mended", True): "[green]something differed and is mended[/green]",
    ("beyond_mending", False): "[red]something differs that cannot be mended; see its remedy[/red]",
    ("beyond_mending", True): "[red]something differs that cannot be mended; see its remedy[/red]",
}


def out() -> Console:
    """Standard output, looked up when it is used."""
    return Console(highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_error(error: CommandError, *, as_json: bool) -> None:
    """The failure on standard error: a sentence and what to do about it."""
    if as_json:
        problem = {"code": error.code, "message": error.message, "hint": error.hint}
        sys.stderr.write(json.dumps({"error": problem}, ensure_ascii=False) + "\n")
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[red]{escape(error.code)}[/red]: {escape(error.message)}")
    if error.hint:
        console.print(f"[dim]{escape(error.hint)}[/dim]")


def print_stream(stream: Iterator[ServerEvent]) -> Json:
    """The answer that ended the stream; its text was printed as it came."""
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
    """Citations, then who answered and why it is degraded."""
    console = out()
    console.print()
    for citation in answer.get("citations", []):
        console.print(f"[cyan]{escape(cited(citation))}[/cyan]")
    if answer.get("interrupted"):
        console.print("[red]The answer was cut off before its end.[/red]")
    for reason in answer.get("reasons", []):
        console.print(f"[yellow]degraded: {reason['component']} ({reason['code']})[/yellow]")
    total_s = answer.get("timings_s", {}).get("total")
    took = f", {total_s:.2f} s" if isinstance(total_s, int | float) else ""
    console.print(f"[dim]{answer.get('served_by', '?')}{took}, trace {answer.get('trace_id', '')}[/dim]")


def cited(citation: Json) -> str:
    """`[1] name, p. 3: quote`, on one line."""
    quote = " ".join(str(citation["quote"]).split())
    return f"[{citation['marker']}] {citation['document_name']}, p. {citation['page']}: {quote}"


def print_passages(found: Json) -> None:
    """Passages, best first, with their page and score."""
    console = out()
    for rank, hit in enumerate(found["passages"], 1):
        console.print(
            f"[cyan]{rank}. {escape(hit['document_name'])}, p. {hit['page']}[/cyan]  {hit['score']:.3f}"
        )
        console.print(f"   {escape(' '.join(hit['text'].split()))}")
    for reason in found["degraded"]:
        console.print(f"[yellow]degraded: {reason['component']} ({reason['code']})[/yellow]")
    if not found["passages"]:
        console.print("nothing found")


def print_health(report: Json) -> None:
    """Every component, one line each."""
    table = Table("component", "status", "last success", "note", box=None, pad_edge=False)
    table.add_row("service", _coloured(str(report.get("status", "?"))), "", "")
    for name, check in report.get("components", {}).items():
        age_s = check.get("last_success_age_s")
        note = check.get("message") or check.get("code") or ""
        age = f"{age_s:.0f} s ago" if isinstance(age_s, int | float) else ""
        table.add_row(escape(name), _coloured(str(check.get("status", "?"))), age, escape(str(note)))
    out().print(table)


def print_documents(documents: Sequence[Json]) -> None:
    """Documents as a table: state, progress, and what they wait for or died of."""
    table = Table("document", "name", "collection", "status", "pages", "note", box=None, pad_edge=False)
    for document in documents:
        table.add_row(
            document["id"],
            escape(document["name"]),
            escape(document["collection"]),
            _coloured(document["status"]),
            pages(document),
            escape(note(document)),
        )
    out().print(table)


def pages(document: Json) -> str:
    """`12/60`, or what is known of it."""
    progress = document.get("progress") or {}
    total = progress.get("pages_total")
    return f"{progress.get('pages_done', 0)}/{'?' if total is None else total}"


def note(document: Json) -> str:
    """Why it failed, what it waits for, or its stage."""
    error, waiting_for = document.get("error"), document.get("waiting_for")
    if error:
        return f"{error['code']}: {error['message']} {error.get('hint') or ''}".strip()
    if waiting_for:
        return f"waits for {', '.join(str(value) for value in waiting_for.values())}"
    return str(document.get("stage") or "")


def print_retried(done: Json) -> None:
    """How many documents are queued again."""
    out().print(f"documents queued again: {done['retried']}" if done["retried"] else "no document has failed")


def print_refused(refused: Sequence[Json]) -> None:
    """What was asked for and not done, with the reason."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for one in refused:
        console.print(f"[red]{escape(one['error']['code'])}[/red]: {escape(one['error']['message'])}")
        console.print(f"[dim]{escape(one['error']['hint'])}[/dim]")


def print_report(report: Json) -> None:
    """Everything that differs, with a few ids each, and the verdict in the last line."""
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
    out().print(_VERDICTS[report["verdict"], report["repair"]])


def _coloured(word: str) -> str:
    colour = _COLOURS.get(word)
    return f"[{colour}]{escape(word)}[/{colour}]" if colour else escape(word)


class IngestBars:
    """A bar for all files and one for each file under way; plain lines where there is no terminal."""

    def __init__(self, files: int, *, silent: bool) -> None:
        self._silent = silent
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), disable=silent,
        )  # fmt: skip
        self._all = self.progress.add_task("all files", total=files)
        self._tasks: dict[str, TaskID] = {}

    def sending(self, name: str, size_bytes: int) -> TaskID:
        """A bar over the bytes of an upload."""
        return self.progress.add_task(f"{escape(name)}: sending", total=size_bytes)

    def sent(self, task: TaskID) -> None:
        """Takes the upload's bar away."""
        self.progress.remove_task(task)

    def show(self, document: Json) -> None:
        """Moves the bar of a document that is under way."""
        progress = document.get("progress") or {}
        if document["id"] not in self._tasks:
            self._tasks[document["id"]] = self.progress.add_task(escape(document["name"]), total=None)
        words = f"{escape(document['name'])}: {note(document) or document['status']}"
        self.progress.update(
            self._tasks[document["id"]], description=words, completed=progress.get("pages_done", 0),
            total=progress.get("pages_total"),
        )  # fmt: skip

    def finish(self, document: Json) -> None:
        """Takes the bar of a finished document away and says how it ended."""
        task = self._tasks.pop(document.get("id", ""), None)
        if task is not None:
            self.progress.remove_task(task)
        self.progress.advance(self._all)
        if not self._silent:
            line = f"{_coloured(document['status'])}  {escape(document['name'])}  {escape(note(document))}"
            self.progress.console.print(line.rstrip(), highlight=False, soft_wrap=True)
