"""`make demo`: a throwaway service, a few documents made here, questions, and their cited answers."""

import tempfile
import time
from pathlib import Path
from typing import Final

import pymupdf
from rich.markup import escape

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_UNREACHABLE, CommandError
from kotaemon_async.cli.ingest import IngestCommand
from kotaemon_async.cli.render import cited, print_error, print_json
from kotaemon_async.cli.terminal import out
from kotaemon_async.cli.throwaway import StartError, Throwaway, throwaway_service

_PUMP: Final = (
    "Operating manual of the Meridian P40 circulation pump. The pump moves up to 40 litres per minute at a "
    "pressure of 3.2 bar. It weighs 18 kilograms and must be carried by two people.",
    "Maintenance. Replace the shaft seal after every 4,000 hours of operation. Use only grease of class "
    "NLGI 2. Before opening the housing, disconnect the pump from the mains and wait ten minutes.",
    "Faults. If the red lamp blinks three times, the inlet filter is clogged: clean it with warm water. "
    "If the pump does not start at all, check the fuse F2 behind the front panel.",
)
_STATION: Final = (
    "青岭气象站使用手册。青岭气象站建于1987年，海拔1240米，是本省最高的气象站。站内有六名值班员。",
    "观测。气象站每天观测四次，时间为凌晨两点、上午八点、下午两点和晚上八点。设备必须保持稳定，风速计每三个月校准一次。",
)
_MARKDOWN: Final = """# Rules of the reading room

The reading room is open from Tuesday to Saturday, 10 a.m. to 6 p.m. Maps from before 1850 may only be
looked at under supervision.

## Lending

A reader may borrow five books for four weeks. Each day of delay costs 20 cents.
"""
_HTML: Final = """<!doctype html><html><head><title>Minutes</title></head><body><h1>Minutes of 3 March</h1>
<p>The bicycle shed behind the school will be rebuilt in July. The council granted 12,500 euros for it, and
Ines Varga leads the work.</p></body></html>
"""
QUESTIONS: Final = (
    "When does the shaft seal of the pump have to be replaced?",
    "青岭气象站的风速计多久校准一次？",
    "How many books may a reader borrow, and for how long?",
    "Who leads the rebuilding of the bicycle shed?",
)


def write_documents(folder: Path) -> list[Path]:
    """Write four small documents and return their paths: PDF in English and in Chinese, Markdown, HTML."""
    _pdf(folder / "pump-manual.pdf", _PUMP, "helv")
    _pdf(folder / "气象站手册.pdf", _STATION, "china-s")
    (folder / "reading-room.md").write_text(_MARKDOWN, "utf8")
    (folder / "minutes.html").write_text(_HTML, "utf8")
    return sorted(folder.iterdir())


def _pdf(path: Path, pages: tuple[str, ...], font: str) -> None:
    with pymupdf.open() as document:  # type: ignore[no-untyped-call]
        for text in pages:
            document.new_page().insert_textbox((72, 72, 523, 770), text, fontname=font, fontsize=12)
        document.save(path)


def run(*, as_json: bool) -> int:
    """Run the demo and return its exit code: 0 when every answer has a citation."""
    console = out()
    if not as_json:
        console.print("starting a service for the occasion …")
    try:
        with tempfile.TemporaryDirectory(prefix="kotaemon-demo-") as folder, throwaway_service() as service:
            report = _show(service, write_documents(Path(folder)), as_json=as_json)
    except StartError as error:
        print_error(CommandError(EXIT_UNREACHABLE, "unreachable", str(error)), as_json=as_json)
        return EXIT_UNREACHABLE
    except CommandError as error:
        print_error(error, as_json=as_json)
        return error.exit_code
    if as_json:
        print_json(report)
    else:
        console.print("stopped, and everything it stored is deleted.")
    return EXIT_OK if all(answer["citations"] for answer in report["answers"]) else EXIT_FAILED


def _show(service: Throwaway, documents: list[Path], *, as_json: bool) -> Json:
    console = out()
    client = Client(service.url)
    if not as_json:
        console.print(
            f"{service.url} was ready after {service.start_s:.2f} s; ingesting {len(documents)} documents"
        )
    began_s = time.monotonic()
    ingest = IngestCommand(client, "demo", as_json=as_json, print_document=lambda _: None)
    ingest.run(documents)
    ingest_s = time.monotonic() - began_s
    answers = []
    for question in QUESTIONS:
        answer = client.answer(question, "demo")
        answers.append(answer)
        if not as_json:
            _print_answer(answer)
    client.close()
    if not as_json:
        console.print(f"\ningest of {len(documents)} documents took {ingest_s:.2f} s")
    return {"start_s": service.start_s, "ingest_s": ingest_s, "failed": ingest.failed, "answers": answers}


def _print_answer(answer: Json) -> None:
    console = out()
    console.print(f"\n[bold]{escape(answer['question'])}[/bold]")
    console.print(escape(answer["answer"]))
    for citation in answer["citations"]:
        console.print(f"  [cyan]{escape(cited(citation))}[/cyan]")
    parts = ", ".join(f"{name} {1000 * took_s:.0f} ms" for name, took_s in answer["timings_s"].items())
    console.print(f"  [dim]{answer['served_by']}: {parts}[/dim]")
