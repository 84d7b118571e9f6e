"""What the commands about backups print for people."""

from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.table import Table

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.terminal import out

_VERDICTS: Final = {
    "good": "[green]good[/green]",
    "damaged": "[red]damaged[/red]",
    "failed": "[red]a step failed[/red]",
}


def print_backup(made: Json) -> None:
    """Print where the backup lies and what is in it."""
    console = out()
    console.print(f"{escape(made['file'])} ({_size(made['size_bytes'])}, {made['duration_s']:.1f} s)")
    console.print(_counted(made))
    console.print(f"[dim]sha256 of its contents: {made['sha256']}[/dim]")
    _print_lacking(made)


def print_backups(found: Json) -> None:
    """Print one line for each backup."""
    table = Table("backup", "made at", "size", "verified", box=None, pad_edge=False)
    for one in found["backups"]:
        verified = f"{one['verified_at'][:19]} ({one['verified']})" if one["verified_at"] else "not yet"
        table.add_row(
            escape(Path(one["file"]).name), one["created_at"][:19], _size(one["size_bytes"]), verified
        )
    out().print(f"{'' if found['backups'] else 'no '}backups in {escape(found['folder'])}")
    if found["backups"]:
        out().print(table)


def print_restored(done: Json) -> None:
    """Print what is in the folder now, and where its earlier contents lie."""
    console = out()
    console.print(f"{escape(done['folder'])} is as it was at {done['created_at'][:19]} UTC")
    console.print(_counted(done))
    if done["aside"]:
        console.print(f"what was there before lies in {escape(done['aside'])}; delete it when you like")
    if done["knowledge"]:
        console.print(f"kept answers: set answers.static_knowledge to {escape(done['knowledge'])}")
    if done["keys"]:
        console.print(f"{done['keys']} keys open the service again: kotaemon-async keys list")
    if done["keys_ended_since"]:
        console.print(f"{done['keys_ended_since']} keys that have ended since then stay ended")
    _print_lacking(done)
    console.print("next: start the service; it builds the vector index from the ledger")


def print_steps(report: Json) -> None:
    """Print each step with its time, then the verdict."""
    console = out()
    table = Table("step", "", "seconds", "what it has shown", box=None, pad_edge=False)
    for step in report["steps"]:
        mark = "[green]good[/green]" if step["good"] else "[red]failed[/red]"
        table.add_row(step["name"], mark, f"{step['duration_s']:.2f}", escape(step["detail"]))
    console.print(table)
    console.print(_VERDICTS[report["verdict"]])
    if "message" in report:
        console.print(f"{escape(report['message'])}\n[dim]{escape(report['hint'])}[/dim]")
    _print_lacking(report)


def _print_lacking(report: Json) -> None:
    if lacking := report.get("lacking"):
        out().print(
            f"[yellow]{len(lacking)} files are gone or damaged in the data folder itself;"
            " `kotaemon-async doctor --deep` names their documents[/yellow]"
        )


def _counted(report: Json) -> str:
    documents = ", ".join(f"{count} {status}" for status, count in sorted(report["documents"].items()))
    return f"{report['files']} files; documents: {documents or 'none'}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
