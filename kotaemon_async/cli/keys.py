"""The commands `keys …`: they write the data folder's file of keys, which a running service reads again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from kotaemon_async.cli.options import EXIT_CODES, AsJson, Config, ending
from kotaemon_async.domain.times import iso_time

if TYPE_CHECKING:
    from kotaemon_async.cli.client import Json
    from kotaemon_async.cli.errors import CommandError
    from kotaemon_async.stores.api_keys import ApiKey, ApiKeys

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
    with _keys(config, as_json) as keys:
        _print_made(make(keys, name), as_json=as_json)


@app.command("list", epilog=EXIT_CODES)
def list_(config: Config = None, as_json: AsJson = False) -> None:
    """Show all keys without their secrets."""
    from kotaemon_async.cli import render

    with _keys(config, as_json) as keys:
        rows = [_shown(key) for key in keys.listed()]
    render.print_json({"keys": rows}) if as_json else render.print_keys(rows)


@app.command(epilog=EXIT_CODES)
def rotate(
    key: KeyId,
    grace_h: Annotated[float, typer.Option("--grace-h", min=0, help="Hours that the old one is valid.")] = 24,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key in the place of another, which stays valid for a while."""
    with _keys(config, as_json) as keys:
        old = next((one for one in keys.listed() if one.id == key), None)
        if old is None:
            raise _unknown(key)
        made = make(keys, old.name)
        keys.end(key, in_s=grace_h * 3600)
        _print_made(made, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def revoke(key: KeyId, config: Config = None, as_json: AsJson = False) -> None:
    """End a key at once; the service asks for keys all the same, also when it was the last one."""
    with _keys(config, as_json) as keys:
        if not keys.end(key):
            raise _unknown(key)


def make(keys: "ApiKeys", name: str) -> "Json":
    """Return a new key with its secret, which is shown this one time. Raises: Misconfigured."""
    key, secret = keys.create(name)
    return {**_shown(key), "key": secret}


@contextmanager
def _keys(config: Config, as_json: bool) -> "Iterator[ApiKeys]":
    """Yield the keys of the settings' data folder; failures end the command."""
    from kotaemon_async.app.settings import load_settings
    from kotaemon_async.stores.api_keys import ApiKeys

    with ending(as_json=as_json):
        yield ApiKeys.open(load_settings(config).data_dir.absolute())


def _print_made(made: "Json", *, as_json: bool) -> None:
    from kotaemon_async.cli import render

    render.print_json(made) if as_json else typer.echo(made["key"])


def _unknown(key_id: str) -> "CommandError":
    from kotaemon_async.cli.errors import EXIT_FAILED, CommandError

    return CommandError(
        EXIT_FAILED, "not_found", f"There is no key {key_id}.", "See: kotaemon-async keys list"
    )


def _shown(key: "ApiKey") -> "Json":
    created = iso_time(key.created_at, "seconds")
    expires = None if key.expires_at is None else iso_time(key.expires_at, "seconds")
    return {"id": key.id, "name": key.name, "created_at": created, "expires_at": expires}
