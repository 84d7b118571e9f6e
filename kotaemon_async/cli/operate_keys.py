"""The commands `keys …`, declared."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from kotaemon_async.cli.options import EXIT_CODES, AsJson, Config, fail

if TYPE_CHECKING:
    from kotaemon_async.stores.api_keys import ApiKeys

app = typer.Typer(
    help="Keys of callers. Without any, everybody who reaches the service may use it.", no_args_is_help=True
)
KeyId = Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]


@app.command(epilog=EXIT_CODES)
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is; any words.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this one time; with the first one, callers need a key from then on."""
    from kotaemon_async.cli import keys as cli_keys
    from kotaemon_async.cli import render as cli_render

    with _keys(config, as_json) as keys:
        made = cli_keys.create(keys, name)
    cli_render.print_json(made) if as_json else typer.echo(made["key"])


@app.command("list", epilog=EXIT_CODES)
def list_(config: Config = None, as_json: AsJson = False) -> None:
    """Show all keys without their secrets."""
    from kotaemon_async.cli import keys as cli_keys
    from kotaemon_async.cli import render as cli_render

    with _keys(config, as_json) as keys:
        rows = cli_keys.listed(keys)
    cli_render.print_json({"keys": rows}) if as_json else cli_keys.print_keys(rows)


@app.command(epilog=EXIT_CODES)
def rotate(
    key: KeyId,
    grace_h: Annotated[float, typer.Option("--grace-h", min=0, help="Hours that the old one is valid.")] = 24,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key in the place of another, which stays valid for a while."""
    from kotaemon_async.cli import keys as cli_keys
    from kotaemon_async.cli import render as cli_render

    with _keys(config, as_json) as keys:
        made = cli_keys.rotate(keys, key, old_ends_in_s=grace_h * 3600)
    cli_render.print_json(made) if as_json else typer.echo(made["key"])


@app.command(epilog=EXIT_CODES)
def revoke(key: KeyId, config: Config = None, as_json: AsJson = False) -> None:
    """End a key at once; the service asks for keys all the same, also when it was the last one."""
    from kotaemon_async.cli import keys as cli_keys

    with _keys(config, as_json) as keys:
        cli_keys.revoke(keys, key)


@contextmanager
def _keys(config: Config, as_json: bool) -> "Iterator[ApiKeys]":
    """The keys of the settings' data folder; failures end the command."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.cli import keys as cli_keys
    from kotaemon_async.cli.client import CommandError
    from kotaemon_async.domain.errors import Misconfigured

    try:
        yield cli_keys.opened(load_settings(config))
    except Misconfigured as error:
        fail(78, error.code, error.message, error.hint, as_json=as_json)
    except CommandError as error:
        fail(error.exit_code, error.code, error.message, error.hint, as_json=as_json)
