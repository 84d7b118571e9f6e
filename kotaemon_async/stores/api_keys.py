"""Keys of callers in the ledger: whose each is, what it may do, and until when.

The secrets are long and random, so a plain SHA-256 of each is all that is kept. Rows stay when keys end: a
service that has asked for keys goes on to ask.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import apsw

from kotaemon_async.domain.callers import ALL_SCOPES, OPERATOR_USER, Caller, KeyScope, is_user
from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("api_keys.sql")
#: So that a key is recognised wherever it turns up.
PREFIX: Final = "kot_"
#: What a key may do unless something else is said.
USUAL_SCOPES: Final[frozenset[KeyScope]] = frozenset({"ask", "write"})
LONGEST_NAME: Final = 200
_MOST_GROUPS: Final = 50

KeyState = Literal["valid", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a key is made with: whose it is, what it may do, and when it ends, in Unix seconds."""

    name: str
    user: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[KeyScope] = USUAL_SCOPES
    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret; times are Unix seconds, None for what did not happen."""

    id: str
    name: str
    user: str
    groups: frozenset[str]
    scopes: frozenset[KeyScope]
    created_at_s: float
    expires_at_s: float | None = None
    revoked_at_s: float | None = None
    last_used_at_s: float | None = None

    @property
    def caller(self) -> Caller:
        """Return who calls with it."""
        return Caller(self.id, self.user, self.groups, self.scopes)

    def state(self, now_s: float) -> KeyState:
        """Return whether it opens anything at that time, and else why not."""
        if self.revoked_at_s is not None:
            return "revoked"
        return "expired" if self.expires_at_s is not None and self.expires_at_s <= now_s else "valid"

    def is_valid(self, now_s: float) -> bool:
        """Return whether it opens anything at that time."""
        return self.state(now_s) == "valid"


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key with its secret, which is kept nowhere."""

    key: ApiKey
    secret: str


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key as an earlier release kept it."""

    key: ApiKey
    digest: str


def checked_grant(
    name: str,
    user: str | None = None,
    groups: Iterable[str] = (),
    scopes: Collection[str] = USUAL_SCOPES,
    expires_at_s: float | None = None,
) -> KeyGrant:
    """Return the grant, of the user who is called as the key unless another is named. Raises: Refused."""
    name, found = name.strip(), frozenset(groups)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused(f"The name of a key has 1 to {LONGEST_NAME} printable characters.")
    owner = name if user is None else user
    for one in (owner, *found):
        if not is_user(one):
            raise Refused(
                f"{one[:80]!r} is no name of a user or group.",
                hint="Name one of 1 to 64 letters, digits and . _ @ - as the key's user, with --user.",
            )
    unknown = set(scopes) - ALL_SCOPES
    if unknown or not scopes:
        raise Refused("The scopes of a key are some of ask, write and admin.")
    if owner == OPERATOR_USER and "admin" not in scopes:
        raise Refused(
            f"{OPERATOR_USER} is the user of commands on the service's machine: only an admin is called so.",
            hint="Name another user, with --user.",
        )
    if len(found) > _MOST_GROUPS:
        raise Refused(f"A key has at most {_MOST_GROUPS} groups.")
    return KeyGrant(name, owner, found, frozenset(one for one in ALL_SCOPES if one in scopes), expires_at_s)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf8", "replace")).hexdigest()


class ApiKeys(Store):
    """Reads and changes keys; each change is one transaction, whoever else makes one."""

    @reads
    def listed(self, conn: apsw.Connection) -> list[ApiKey]:
        """Return all keys, the oldest first, ended ones too."""
        return [_key(row) for row in conn.execute(SQL["keys"])]

    @reads
    def one(self, conn: apsw.Connection, key_id: str) -> ApiKey:
        """Return the key; raises Refused `not_found`."""
        return _one(conn, key_id)

    @reads
    def by_digest(self, conn: apsw.Connection) -> dict[str, ApiKey]:
        """Return all keys by the digests of their secrets."""
        return {row[0]: _key(row[1:]) for row in conn.execute(SQL["digests"])}

    @writes
    def create(self, conn: apsw.Connection, grant: KeyGrant, now_s: float) -> MadeKey:
        """Make a key."""
        return _create(conn, grant, now_s)

    @writes
    def rotate(self, conn: apsw.Connection, key_id: str, grace_s: float, now_s: float) -> MadeKey:
        """Make a key that may do the same, for as long; the other one ends after the grace.

        Raises: Refused, `not_found` or, when the other one has ended already, `conflict`.
        """
        old = _one(conn, key_id)
        if not old.is_valid(now_s):
            raise Refused(
                f"The key {key_id} has ended.", code="conflict", hint="Create a new key in its place."
            )
        lasts_s = None if old.expires_at_s is None else old.expires_at_s - old.created_at_s
        ends_s = None if lasts_s is None else now_s + lasts_s
        made = _create(conn, KeyGrant(old.name, old.user, old.groups, old.scopes, ends_s), now_s)
        conn.execute(SQL["expire"], {"id": key_id, "at": now_s + grace_s})
        return made

    @writes
    def revoke(self, conn: apsw.Connection, key_id: str, now_s: float) -> ApiKey:
        """End the key and its sessions at once, and return it; raises Refused `not_found`."""
        conn.execute(SQL["revoke"], {"id": key_id, "at": now_s})
        conn.execute(SQL["end_sessions_of"], {"id": key_id})
        return _one(conn, key_id)

    @writes
    def used(self, conn: apsw.Connection, at_s: Mapping[str, float]) -> None:
        """Keep when keys were used last, by their ids."""
        conn.executemany(SQL["used"], [{"id": key_id, "at": at} for key_id, at in at_s.items()])

    @writes
    def take_over(
        self, conn: apsw.Connection, former: Sequence[FormerKey], otherwise: FormerKey | None = None
    ) -> int:
        """Keep keys of an earlier release, but none that is known already; return how many were new.

        `otherwise` is kept where there is no key at all afterwards.
        """
        before = conn.total_changes()
        conn.executemany(SQL["take_over"], [_row(one.key, one.digest) for one in former])
        taken = conn.total_changes() - before
        if otherwise is not None and not conn.execute(SQL["any"]).get:
            conn.execute(SQL["take_over"], _row(otherwise.key, otherwise.digest))
        return taken


def _create(conn: apsw.Connection, grant: KeyGrant, now_s: float) -> MadeKey:
    secret = PREFIX + secrets.token_urlsafe(32)
    key_id = f"key_{secrets.token_hex(4)}"
    key = ApiKey(key_id, grant.name, grant.user, grant.groups, grant.scopes, now_s, grant.expires_at_s)
    conn.execute(SQL["create"], _row(key, digest_of(secret)))
    return MadeKey(key, secret)


def _row(key: ApiKey, digest: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "user": key.user,
        "groups": json.dumps(sorted(key.groups)),
        "digest": digest,
        "scopes": json.dumps(sorted(key.scopes)),
        "created_at": key.created_at_s,
        "expires_at": key.expires_at_s,
        "revoked_at": key.revoked_at_s,
    }


def _key(row: Sequence[Any]) -> ApiKey:
    found = ApiKey(*row)
    groups, scopes = json.loads(row[3]), json.loads(row[4])
    return replace(found, groups=frozenset(groups), scopes=frozenset(scopes) & ALL_SCOPES)


def _one(conn: apsw.Connection, key_id: str) -> ApiKey:
    row = conn.execute(SQL["key"], {"id": key_id}).fetchone()
    if row is None:
        raise Refused(
            f"There is no key {key_id[:80]!r}.",
            code="not_found",
            hint="List what there is with GET /api/v1/keys, or: kotaemon-async keys list",
        )
    return _key(row)
