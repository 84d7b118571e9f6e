"""The commands `collections …`: whose they are, and who else may read or write in them."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kotaemon_async.cli.options import EXIT_CODES, LOCAL, AsJson, KeyFile, Url, client

if TYPE_CHECKING:
    from kotaemon_async.cli.client import Json

app = typer.Typer(
    help="Collections: whose they are, and who may read or write in them.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The collection's name.")]
Users = Annotated[list[str] | None, typer.Option("--user", help="A user; may be given more than once.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="A group; may be given more than once.")]
Right = Literal["read", "write"]


@app.command("list", epilog=EXIT_CODES)
def list_(url: Url = LOCAL, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show the collections that you may read."""
    from kotaemon_async.cli import render

    with client(url, as_json, key_file) as service:
        found = service.collections()
    render.print_json(found) if as_json else render.print_collections(found["items"])


@app.command(epilog=EXIT_CODES)
def share(
    name: Name,
    user: Users = None,
    group: Groups = None,
    write: Annotated[bool, typer.Option("--write", help="They may write as well.")] = False,
    public: Annotated[Right | None, typer.Option("--public", help="What everybody may do.")] = None,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Let users, groups or everybody read a collection, or write in it."""
    if not (user or group or public):
        raise typer.BadParameter("Name somebody: --user, --group or --public.")
    rights = "write" if write else "read"
    given = [{"user": one, "rights": rights} for one in user or ()]
    given += [{"group": one, "rights": rights} for one in group or ()]
    with client(url, as_json, key_file) as service:
        kept = _others(service.collection(name), user, group)
        change: Json = {"shares": kept + given} | ({"public": public} if public else {})
        changed = service.change_collection(name, change)
    _print(changed, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def unshare(
    name: Name,
    user: Users = None,
    group: Groups = None,
    public: Annotated[bool, typer.Option("--public", help="Not everybody any more.")] = False,
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back what users, groups or everybody may do in a collection; of all, where nobody is named."""
    with client(url, as_json, key_file) as service:
        is_all = not (user or group or public)
        kept = [] if is_all else _others(service.collection(name), user, group)
        change: Json = {"shares": kept} | ({"public": None} if public or is_all else {})
        changed = service.change_collection(name, change)
    _print(changed, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def owner(
    name: Name,
    user: Annotated[str, typer.Argument(help="Whose it is from now on.")],
    url: Url = LOCAL,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a collection to another user."""
    with client(url, as_json, key_file) as service:
        changed = service.change_collection(name, {"owner": user})
    _print(changed, as_json=as_json)


def _others(found: "Json", users: list[str] | None, groups: list[str] | None) -> "list[Json]":
    """Return the shares of a collection but of those users and groups."""
    return [
        one
        for one in found["shares"] or ()
        if one.get("user") not in (users or ()) and one.get("group") not in (groups or ())
    ]


def _print(changed: "Json", *, as_json: bool) -> None:
    from kotaemon_async.cli import render

    if as_json:
        render.print_json(changed)
        return
    render.print_collections([changed])
    render.print_shares(changed)
