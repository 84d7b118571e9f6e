"""The command `kotaemon-async`; what a command needs is imported when it runs, so that --help is quick."""

import gc
import os
from typing import Annotated, Any

import typer

from kotaemon_async.cli import operate
from kotaemon_async.cli.options import (
    EXIT_CODES,
    LOCAL,
    AsJson,
    Collection,
    Config,
    KeyFile,
    Url,
    client,
    ending,
)

app = typer.Typer(
    name="kotaemon-async",
    help=f"Ask your documents, get answers with citations.\n\n{EXIT_CODES}",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Show the help when no command is named."""
    if context.invoked_subcommand != "models":  # a prepared model is for whoever the service runs as
        os.umask(0o077)
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("kotaemon-async"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog=EXIT_CODES)
def serve(config: Config = None) -> None:
    """Run the service until SIGTERM or Ctrl-C; both drain first."""
    # Imports make no garbage, yet looking for it takes a sixth of the start; the process turns it on again.
    gc.disable()
    from kotaemon_async.app.settings import load_settings

    with ending():
        settings = load_settings(config)
        from kotaemon_async.search.vectors.pipe import VectorChild

        vector_child = VectorChild.launch()  # loads Chroma on another core while this process loads itself
        from kotaemon_async.app import process  # slow to import: only once the settings are right

        code = process.serve(settings, vector_child)
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES)
def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files, folders, archives, quoted patterns.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="Put them here.")] = "default",
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Upload files, and folders with all that is in them, and wait until each is ready or has failed.

    A pattern such as 'docs/**/*.pdf' is put in quotes. Places below the folder are kept.
    """
    from kotaemon_async.cli.ingest import IngestCommand

    with client(url, as_json, key_file) as service:
        code = IngestCommand(service, collection, as_json=as_json).run(paths)
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES)
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    collection: Collection = None,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask the documents; the answer streams, its citations stand below."""
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        if as_json:
            answer = service.answer(question, collection)
            render.print_json(answer)
        else:
            answer = render.print_stream(service.stream_answer(question, collection))
    raise typer.Exit(answer_code(answer))


@app.command(epilog=EXIT_CODES)
def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes.")],
    collection: Collection = None,
    top_k: Annotated[int, typer.Option("--top", "-k", min=1, max=100, help="This many passages.")] = 10,
    mode: Annotated[str, typer.Option("--mode", help="hybrid, vector or keyword.")] = "hybrid",
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Find passages, best first."""
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        found = service.search(query, collection, top_k, mode)
    (render.print_json if as_json else render.print_passages)(found)
    raise typer.Exit(0 if found["passages"] else 1)


@app.command(epilog=EXIT_CODES)
def status(
    documents: Annotated[list[str] | None, typer.Argument(help="Ids; without one: everything.")] = None,
    collection: Collection = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most this many.")] = 20,
    warnings: Annotated[bool, typer.Option("--warnings", help="Only what was not read whole.")] = False,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how the service is and the latest documents, or the named ones, and what of them was not read."""
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        if documents:
            well, health = True, None
            items = [service.document(document_id) for document_id in documents]
        else:
            well, health = service.health()
            asked = {"collection": collection, "limit": limit, "warnings": "true" if warnings else None}
            items = service.documents(**asked)["items"] if well else []
    if as_json:
        render.print_json({"documents": items} | ({"health": health} if health else {}))
    else:
        if health:
            render.print_health(health)
        render.print_documents(items)
        if documents or warnings:
            render.print_warnings(items)
    raise typer.Exit(_status_code(items, well=well, named=bool(documents)))


@app.command(epilog=EXIT_CODES)
def retry(
    documents: Annotated[list[str] | None, typer.Argument(help="Ids of failed or cancelled ones.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that failed.")] = False,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="With --all: only here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Read them anew whatever their status.")] = False,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Start documents anew; what is searchable of them stays so until they are ready again."""
    from kotaemon_async.cli import render
    from kotaemon_async.cli.ingest import retry_all, retry_each

    if everything == bool(documents) or (everything and force) or (collection and not everything):
        raise typer.BadParameter("Name documents, and --force with them, or --all, and --collection with it.")
    with client(url, as_json, key_file) as service:
        if everything:
            done = retry_all(service, collection)
            (render.print_json if as_json else render.print_retried)(done)
            raise typer.Exit
        queued, refused = retry_each(service, documents or [], force=force)
    if as_json:
        render.print_json({"documents": queued, "refused": refused})
    else:
        if queued:
            render.print_documents(queued)
        render.print_refused(refused)
    raise typer.Exit(1 if refused else 0)


@app.command(epilog=EXIT_CODES)
def demo(as_json: AsJson = False) -> None:
    """Start a throwaway service, give it a few documents, ask, show the answers, and stop it."""
    from kotaemon_async.cli.demo import run

    raise typer.Exit(run(as_json=as_json))


app.add_typer(operate.app)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    app()


def answer_code(answer: dict[str, Any]) -> int:
    """Return 75 for a cut or refused answer, 1 for one that rests on nothing, else 0."""
    if not answer or answer.get("interrupted") or answer["served_by"] == "busy":
        return 75
    of_itself = answer["served_by"] in ("static_knowledge", "extractive")
    return 0 if answer.get("outcome") != "nothing" and (answer["citations"] or of_itself) else 1


def _status_code(items: list[dict[str, Any]], *, well: bool, named: bool) -> int:
    """Return 75 when the service is down, 1 when a document asked for by id has failed, else 0."""
    if not well:
        return 75
    return 1 if named and any(item["status"] == "failed" for item in items) else 0
