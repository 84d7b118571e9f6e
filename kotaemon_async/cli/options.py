"""What the commands share: their options, a client whose failures end them, and the way they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kotaemon_async.cli.client import Client

EXIT_CODES = """Exit codes: 0 done · 1 some document failed, or nothing was found · 2 wrong usage ·
69 no service answers at the address · 75 full or stopping, try again · 78 a setting is wrong."""

Url = Annotated[str, typer.Option("--url", envvar="KOTAEMON_URL", help="Address of the service.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="A file with a key, instead of KOTAEMON_KEY.", dir_okay=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]
Config = Annotated[Path | None, typer.Option("--config", help="A TOML file with settings.")]
LOCAL = "http://127.0.0.1:8000"


@contextmanager
def client(url: str, as_json: bool, key_file: Path | None = None) -> "Iterator[Client]":
    """Yield a client whose failures end the command with their exit code."""
    from contextlib import closing

    from kotaemon_async.cli.client import Client
    from kotaemon_async.cli.credentials import credentials

    with ending(as_json=as_json), closing(Client(url, credentials(url, key_file, data_dir))) as made:
        yield made


def data_dir() -> "Path | None":
    """Return the data folder of the settings; None where they are wrong, which a client need not mind."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.domain.errors import Misconfigured

    try:
        return load_settings().data_dir.absolute()
    except Misconfigured:
        return None


@contextmanager
def ending(*, as_json: bool = False) -> Iterator[None]:
    """End the command with the exit code that belongs to what fails in the block."""
    from kotaemon_async.cli.errors import CommandError, exit_code_of
    from kotaemon_async.cli.render import print_error
    from kotaemon_async.domain.errors import KotaemonError

    try:
        yield
    except CommandError as error:
        failed = error
    except KotaemonError as error:
        failed = CommandError(exit_code_of(error), error.code, error.message, error.hint)
    else:
        return
    print_error(failed, as_json=as_json)
    raise typer.Exit(failed.exit_code)
