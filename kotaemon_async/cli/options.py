"""What the commands share: their options, a client whose failures end them, and the way they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from kotaemon_async.cli.client import Client

EXIT_CODES = """Exit codes: 0 done · 1 some document failed, or nothing was found · 2 wrong usage ·
69 no service answers at the address · 75 full or stopping, try again · 78 a setting is wrong."""

Url = Annotated[str, typer.Option("--url", envvar="KOTAEMON_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]
Collection = Annotated[str | None, typer.Option("--collection", "-c", help="Only this collection.")]
Config = Annotated[Path | None, typer.Option("--config", help="A TOML file with settings.")]
LOCAL = "http://127.0.0.1:8000"


@contextmanager
def client(url: str, as_json: bool) -> "Iterator[Client]":
    """A client whose failures end the command with their exit code."""
    from kotaemon_async.cli.client import Client, CommandError

    client = Client(url)
    try:
        yield client
    except CommandError as error:
        fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
    finally:
        client.close()


def fail(exit_code: int, code: str, message: str, hint: str, *, as_json: bool = False) -> NoReturn:
    """Prints the failure and ends the command."""
    from kotaemon_async.cli.client import CommandError
    from kotaemon_async.cli.render import print_error

    print_error(CommandError(exit_code, code, message, hint), as_json=as_json)
    raise typer.Exit(exit_code)
