"""The ledger's collections: whose they are, who else may read or write in them, what callers call them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Final, Literal

import apsw

from kotaemon_async.domain.callers import (
    DEFAULT,
    EVERYBODY,
    Caller,
    default_owner,
    is_user,
    own_default,
    shown_collection,
)
from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("collections.sql")
_NAME: Final = re.compile(r"[\w][\w .-]{0,99}")
#: A collection is shared with a few; a group stands for many.
MAX_SHARES: Final = 200
#: So many may be a user's, so that nobody's searches have to look into tens of thousands.
MAX_OWNED: Final = 1000

Grantee = Literal["user", "group"]
#: What everybody may do: nothing, read, or read and write.
Public = Literal["", "read", "write"]


class Rights(IntEnum):
    """What a caller may do in a collection; each includes those before."""

    READ = 1
    WRITE = 2
    OWN = 3


@dataclass(frozen=True, slots=True)
class Share:
    """What a user, or everybody of a group, may do in a collection: read, or write as well."""

    kind: Grantee
    grantee: str
    may_write: bool


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as a caller sees it; `owner` is a user or "", `since_s` Unix seconds.

    `shares` are told to whom it belongs, and to admins.
    """

    name: str
    owner: str
    public: Public
    since_s: float
    is_shared: bool
    rights: Rights
    documents: int = 0
    ready: int = 0
    failed: int = 0
    shares: tuple[Share, ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What of a collection shall be otherwise; None leaves it as it is."""

    owner: str | None = None
    public: Public | None = None
    shares: tuple[Share, ...] | None = None


class Collections(Store):
    """Lists, makes, shares and deletes collections, as far as a caller may."""

    @reads
    def page(self, conn: apsw.Connection, caller: Caller, limit: int) -> list[Collection]:
        """Return up to `limit` collections that the caller may read, by name, without counts."""
        return _list(conn, caller, limit)

    @reads
    def counted(self, conn: apsw.Connection, caller: Caller, limit: int) -> list[Collection]:
        """Return up to `limit` collections that the caller may read, by name, their documents counted."""
        return [_counted(conn, one) for one in _list(conn, caller, limit)]

    @reads
    def get(self, conn: apsw.Connection, caller: Caller, name: str) -> Collection:
        """Return the collection with its documents counted; raises Refused `not_found`."""
        return _get(conn, caller, written_name(conn, caller, name))

    @writes
    def put(
        self, conn: apsw.Connection, caller: Caller, name: str, change: Change, now_s: float
    ) -> tuple[Collection, bool]:
        """Return the collection as it shall be, and whether it is new.

        Raises: Refused `bad_request`, `not_found`, `forbidden`.
        """
        is_there = _is_there(conn, written_name(conn, caller, name))
        kept = open_for_writing(conn, caller, name, now_s)
        return _change(conn, caller, kept, change), not is_there

    @writes
    def change(self, conn: apsw.Connection, caller: Caller, name: str, change: Change) -> Collection:
        """Change the collection and return it. Raises: Refused `bad_request`, `not_found`, `forbidden`."""
        return _change(conn, caller, written_name(conn, caller, name), change)

    @writes
    def delete(self, conn: apsw.Connection, caller: Caller, name: str) -> None:
        """Delete a collection without documents. Raises: Refused `not_found`, `forbidden`, `conflict`."""
        kept = written_name(conn, caller, name)
        check(rights_in(conn, caller, kept), shown_collection(kept, caller), least=Rights.OWN)
        if conn.execute(SQL["holds"], {"name": kept}).get:
            raise Refused(
                "There are documents in the collection.",
                code="conflict",
                hint="Move or delete them first: GET /api/v1/documents?collection=NAME lists them.",
            )
        conn.execute(SQL["delete"], {"name": kept})


def rights_of(conn: apsw.Connection, caller: Caller, name: str | None = None) -> dict[str, Rights]:
    """Return what the caller may do in each collection that he may read, or in the named one.

    An admin may do everything in every collection, so that only a named one is looked up for him.
    """
    if caller.is_admin:
        return {name: Rights.OWN} if name is not None and _is_there(conn, name) else {}
    values = {"user": caller.user, "groups": json.dumps(sorted(caller.groups)), "name": name}
    return {found: Rights(rights) for found, rights in conn.execute(SQL["rights"], values)}


def rights_in(conn: apsw.Connection, caller: Caller, name: str) -> Rights | None:
    """Return what the caller may do in the collection that is kept under the name, None for nothing."""
    return rights_of(conn, caller, name).get(name)


def read_names(conn: apsw.Connection, caller: Caller, name: str) -> tuple[str, ...]:
    """Return what the collections are kept as that the caller calls so, of those that he may read."""
    kept = (DEFAULT, own_default(caller)) if name == DEFAULT else (name,)
    return tuple(one for one in dict.fromkeys(kept) if rights_in(conn, caller, one) is not None)


def written_name(conn: apsw.Connection, caller: Caller, name: str) -> str:
    """Return what the collection is kept as that the caller would write into under this name.

    `default` is everybody's where he may write in that, else his own. Raises: Refused `bad_request`.
    """
    user = default_owner(name)
    if not (_NAME.fullmatch(name) if user is None else is_user(user)):
        raise Refused(
            "A collection's name has 1 to 100 letters, digits, spaces, dots, dashes or underscores."
        )
    if name != DEFAULT or (rights_in(conn, caller, name) or 0) >= Rights.WRITE:
        return name
    return own_default(caller)


def place_for(conn: apsw.Connection, caller: Caller, name: str) -> tuple[str, bool]:
    """Return what the collection is kept as that the caller may write in, and whether it is there.

    Raises: Refused `bad_request`, `not_found`, `forbidden`.
    """
    kept = written_name(conn, caller, name)
    rights = rights_in(conn, caller, kept)
    if rights is None and _may_make(caller, kept) and not _is_there(conn, kept):
        return kept, False
    check(rights, shown_collection(kept, caller), least=Rights.WRITE)
    return kept, True


def open_for_writing(conn: apsw.Connection, caller: Caller, name: str, now_s: float) -> str:
    """Return what the collection is kept as that the caller may write in, made if it is new.

    It is his alone then, and everybody's when he is everybody. Raises: Refused as `place_for`, and
    `quota_exceeded`.
    """
    kept, is_there = place_for(conn, caller, name)
    if not is_there:
        owner = default_owner(kept) or caller.user
        if owner and conn.execute(SQL["owned"], {"owner": owner}).get >= MAX_OWNED:
            raise Refused(
                f"{MAX_OWNED} collections are yours, and no more can be.",
                code="quota_exceeded",
                hint="Delete those that are empty, or name one of them.",
            )
        public = "write" if caller == EVERYBODY and not owner else ""
        conn.execute(SQL["make"], {"name": kept, "owner": owner, "public": public, "now": now_s})
    return kept


def forget_unused(conn: apsw.Connection, name: str) -> None:
    """Delete a collection of everybody without documents: it comes again with the next one.

    What belongs to somebody stays, so that nobody else takes its name.
    """
    conn.execute(SQL["forget_unused"], {"name": name})


def check(rights: Rights | None, name: str, *, least: Rights) -> Rights:
    """Return the rights; raises Refused `not_found` when there are none, `forbidden` when too few."""
    if rights is None:
        raise Refused(
            f"There is no collection {name!r}.",
            code="not_found",
            hint="List what exists with GET /api/v1/collections.",
        )
    if rights < least:
        raise forbidden(least)
    return rights


def forbidden(least: Rights) -> Refused:
    """Return what is said to those who may read a collection, and want more."""
    if least == Rights.OWN:
        return Refused("Only the owner of a collection and admins may change it.", code="forbidden")
    return Refused("You may read this collection, not write in it.", code="forbidden")


def _may_make(caller: Caller, name: str) -> bool:
    return caller.is_admin or default_owner(name) in (None, caller.user)


def _is_there(conn: apsw.Connection, name: str) -> bool:
    return conn.execute(SQL["is_there"], {"name": name}).get is not None


def _list(conn: apsw.Connection, caller: Caller, limit: int) -> list[Collection]:
    if caller.is_admin:
        return list(_rows(conn, None, limit, lambda _: Rights.OWN))
    rights = rights_of(conn, caller)
    return list(_rows(conn, tuple(rights), limit, rights.__getitem__))


def _rows(
    conn: apsw.Connection, names: tuple[str, ...] | None, limit: int, rights: Callable[[str], Rights]
) -> Iterator[Collection]:
    values = {"names": None if names is None else json.dumps(names), "limit": limit}
    for name, owner, public, since_s, is_shared in conn.execute(SQL["list"], values):
        yield Collection(name, owner, public, since_s, bool(is_shared), rights(name))


def _counted(conn: apsw.Connection, found: Collection) -> Collection:
    documents, ready, failed = conn.execute(SQL["counts"], {"name": found.name}).fetchone() or (0, 0, 0)
    return replace(found, documents=documents, ready=ready, failed=failed)


def _get(conn: apsw.Connection, caller: Caller, kept: str) -> Collection:
    rights = check(rights_in(conn, caller, kept), shown_collection(kept, caller), least=Rights.READ)
    return _as_seen(conn, kept, rights)


def _as_seen(conn: apsw.Connection, kept: str, rights: Rights) -> Collection:
    (found,) = map(partial(_counted, conn), _rows(conn, (kept,), 1, lambda _: rights))
    if rights < Rights.OWN:
        return found
    rows = conn.execute(SQL["shares"], {"name": kept})
    return replace(found, shares=tuple(Share(kind, name, bool(write)) for kind, name, write in rows))


def _change(conn: apsw.Connection, caller: Caller, kept: str, change: Change) -> Collection:
    check(rights_in(conn, caller, kept), shown_collection(kept, caller), least=Rights.OWN)
    found = _as_seen(conn, kept, Rights.OWN)
    owner = found.owner if change.owner is None else change.owner
    _check_owner(caller, found, owner)
    public = found.public if change.public is None else change.public
    conn.execute(SQL["change"], {"name": kept, "owner": owner, "public": public})
    if change.shares is not None:
        conn.execute(SQL["end_shares"], {"name": kept})
        for one in _checked(change.shares):
            values = {"kind": one.kind, "grantee": one.grantee, "may_write": one.may_write}
            conn.execute(SQL["share"], {"name": kept, **values})
    # Who gives it away sees it for the last time.
    return _as_seen(conn, kept, rights_in(conn, caller, kept) or Rights.READ)


def _check_owner(caller: Caller, found: Collection, owner: str) -> None:
    """Raise Refused when the collection may not belong to that one."""
    if owner == found.owner:
        return
    if found.name == DEFAULT or default_owner(found.name) is not None:
        raise Refused("The collection of documents that name none keeps its owner.")
    if not is_user(owner) and not (owner == "" and caller.is_admin):
        raise Refused(f"No user can be called {owner!r}.")


def _checked(shares: tuple[Share, ...]) -> Iterable[Share]:
    """Return the last share of each user and group. Raises: Refused."""
    if len(shares) > MAX_SHARES:
        raise Refused(
            f"A collection is shared with at most {MAX_SHARES} users and groups.",
            hint="Put the users into a group, and share it with that.",
        )
    for one in shares:
        if not is_user(one.grantee):
            raise Refused(f"No {one.kind} can be called {one.grantee!r}.")
    return {(one.kind, one.grantee): one for one in shares}.values()
