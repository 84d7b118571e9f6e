"""The commands `keys …`: they write the ledger itself, beside a running service or before there is one."""

import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from kotaemon_async.cli.options import EXIT_CODES, AsJson, Config, ending
from kotaemon_async.domain.times import iso_time

if TYPE_CHECKING:
    from kotaemon_async.cli.client import Json
    from kotaemon_async.stores.api_keys import ApiKey, ApiKeys, KeyGrant, MadeKey

T = TypeVar("T")

app = typer.Typer(
    help="Keys of callers. Until there is one, whoever reaches the service on this machine may use it.",
    no_args_is_help=True,
)
KeyId = Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]
_LASTS: Final = re.compile(r"(\d{1,5})([hdwy])")
#: A write waits five seconds for others by itself; it is tried again for so long.
_WAIT_S: Final = 30.0
_PAUSE_S: Final = 0.1
_HOURS: Final = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}


@app.command(epilog=EXIT_CODES)
def create(  # noqa: PLR0913, PLR0917 - one for each option
    name: Annotated[str, typer.Argument(help="What it is called; its user too, unless --user names one.")],
    user: Annotated[str | None, typer.Option("--user", help="Whose it is: what he makes is his.")] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A group of his; may be repeated.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="ask, write or admin; may be repeated. Without one: ask and write."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it ends by itself, as 12h, 90d, 2w or 1y from now.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this one time; with the first one, callers need a key from then on."""
    from kotaemon_async.cli.audit import write_down
    from kotaemon_async.stores.api_keys import USUAL_SCOPES, checked_grant

    with ending(as_json=as_json):
        lasts_s = None if expires is None else _seconds(expires)
        ends_at_s = None if lasts_s is None else time.time() + lasts_s
        grant = checked_grant(name, user, group or (), scope or USUAL_SCOPES, ends_at_s)
        folder = _folder(config)
        made = make(folder, grant)
        write_down(folder, "keys.create", made["id"])
        _print_made(made, as_json=as_json)


@app.command("list", epilog=EXIT_CODES)
def list_(config: Config = None, as_json: AsJson = False) -> None:
    """Show all keys without their secrets: whose they are, what they may do, when they were used last."""
    from kotaemon_async.cli import render

    with ending(as_json=as_json):
        folder = _folder(config)
        rows = [shown(key) for key in on_keys(folder, lambda keys: keys.listed()) or []]
    render.print_json({"keys": rows}) if as_json else render.print_keys(rows)


@app.command(epilog=EXIT_CODES)
def rotate(
    key: KeyId,
    grace_h: Annotated[float, typer.Option("--grace-h", min=0, help="Hours that the old one is valid.")] = 24,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key in the place of another, which stays valid for a while."""
    from kotaemon_async.cli.audit import write_down

    with ending(as_json=as_json):
        folder = _folder(config)
        made = on_keys(folder, lambda keys: keys.rotate(key, grace_h * 3600, time.time()))
        shown_once = _made(_found(made, key))
        write_down(folder, "keys.rotate", key)
        _print_made(shown_once, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def revoke(key: KeyId, config: Config = None, as_json: AsJson = False) -> None:
    """End a key at once; the service asks for keys all the same, also when it was the last one."""
    from kotaemon_async.cli.audit import write_down

    with ending(as_json=as_json):
        folder = _folder(config)
        _found(on_keys(folder, lambda keys: keys.revoke(key, time.time())), key)
        write_down(folder, "keys.revoke", key)


def make(folder: Path, grant: "KeyGrant") -> "Json":
    """Return a new key of the data folder with its secret, which is shown this one time.

    Raises: Misconfigured, Unavailable.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = on_keys(folder, lambda keys: keys.create(grant, time.time()), is_new=True)
    return _made(_found(made, grant.name))


def on_keys(folder: Path, work: "Callable[[ApiKeys], Awaitable[T]]", *, is_new: bool = False) -> "T | None":
    """Return what the work on the keys of the data folder gives; None where no service ever used it.

    Raises: Misconfigured, Refused, Unavailable.
    """
    import anyio

    from kotaemon_async.stores.files import give_to_owner_of
    from kotaemon_async.stores.former_keys import FILE, take_over
    from kotaemon_async.stores.ledger import Ledger, check_upgrade

    ledger_path = folder / "ledger.db"
    if not (is_new or ledger_path.exists() or (folder / FILE).exists()):
        return None

    async def run() -> T:
        check_upgrade(folder)
        ledger = await Ledger.open(ledger_path)
        try:
            await take_over(folder, ledger.api_keys, time.time())
            return await _when_free(lambda: work(ledger.api_keys))
        finally:
            await ledger.aclose()

    try:
        return anyio.run(run)
    finally:
        for path in folder.glob("ledger.db*"):
            give_to_owner_of(folder, path)


async def _when_free(work: Callable[[], Awaitable[T]]) -> T:
    """Return what the work gives; others who write the ledger, on a slow disk, are waited for.

    Raises: Unavailable when they do not come to an end.
    """
    import anyio

    from kotaemon_async.domain.errors import Unavailable

    end_s = anyio.current_time() + _WAIT_S
    while True:
        try:
            return await work()
        except Unavailable:
            if anyio.current_time() > end_s:
                raise
            await anyio.sleep(_PAUSE_S)


def shown(key: "ApiKey") -> "Json":
    """Return the key as commands show it."""
    times = {
        "created_at": key.created_at_s,
        "expires_at": key.expires_at_s,
        "revoked_at": key.revoked_at_s,
        "last_used_at": key.last_used_at_s,
    }
    return {
        "id": key.id,
        "name": key.name,
        "user": key.user,
        "groups": sorted(key.groups),
        "scopes": sorted(key.scopes),
        "state": key.state(time.time()),
        **{name: None if at_s is None else iso_time(at_s, "seconds") for name, at_s in times.items()},
    }


def _folder(config: Path | None) -> Path:
    from kotaemon_async.app.settings import load_settings

    return load_settings(config).data_dir.absolute()


def _seconds(lasts: str) -> float:
    found = _LASTS.fullmatch(lasts)
    if found is None or not int(found[1]):
        raise typer.BadParameter("A time such as 12h, 90d, 2w or 1y is wanted.", param_hint="--expires")
    return int(found[1]) * _HOURS[found[2]] * 3600.0


def _made(made: "MadeKey") -> "Json":
    return {**shown(made.key), "key": made.secret}


def _print_made(made: "Json", *, as_json: bool) -> None:
    from kotaemon_async.cli import render

    render.print_json(made) if as_json else typer.echo(made["key"])


def _found(result: T | None, key_id: str) -> T:
    from kotaemon_async.domain.errors import Refused

    if result is None:
        hint = "See: kotaemon-async keys list"
        raise Refused(f"There is no key {key_id}.", code="not_found", hint=hint)
    return result
