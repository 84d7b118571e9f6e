"""The ledger's memory of requests with an Idempotency-Key: which one runs, and what one was answered."""

from dataclasses import dataclass
from typing import Final

import apsw
import msgspec

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Document
from kotaemon_async.stores.sqlite import Store, queries, reads, writes, writes_in_turns

SQL = queries("idempotency.sql")
#: So long a reply is given again.
KEEP_S: Final = 24 * 3600.0
#: After this long without a reply the request counts as lost, and the next one with its key takes over.
LOST_AFTER_S: Final = 15 * 60.0
_FORGET_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to reply for a key; the time tells it from a later one that took over."""

    key: str
    at_s: float


@dataclass(frozen=True, slots=True)
class KeptReply:
    """What the first request with a key was answered, and the fingerprint of what it sent."""

    fingerprint: str
    document: Document
    is_new: bool


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A reservation together with the fingerprint of what was sent under it."""

    reservation: Reservation
    fingerprint: str


class _Record(msgspec.Struct, frozen=True):
    """A reply as the ledger keeps it."""

    document: Document
    is_new: bool


class Idempotency(Store):
    """A key has no row, a row without a record while its request runs, then a record for a day."""

    @reads
    def kept_reply(self, conn: apsw.Connection, key: str, now_s: float) -> KeptReply | None:
        """Return the reply of the key, if it has one; raises Refused `key_in_use` while its request runs."""
        return _kept(conn, key, now_s)

    @writes
    def reserve(self, conn: apsw.Connection, key: str, now_s: float) -> Reservation | KeptReply:
        """Reserve the key, or return the reply there was; raises Refused `key_in_use`."""
        kept = _kept(conn, key, now_s)
        if kept is not None:
            return kept
        _forget_old(conn, now_s)
        conn.execute(SQL["reserve"], {"key": key, "now": now_s})
        return Reservation(key, now_s)

    @writes
    def release(self, conn: apsw.Connection, reservation: Reservation) -> None:
        """Free the key, unless a reply was kept or another request took over."""
        conn.execute(SQL["release_key"], {"key": reservation.key, "reserved_at": reservation.at_s})

    @writes
    def release_all(self, conn: apsw.Connection) -> int:
        """Free the keys of requests that died and return how many; only while no other process is at work."""
        conn.execute(SQL["release_keys"])
        return conn.changes()

    @writes_in_turns
    def forget_old(self, conn: apsw.Connection, now_s: float) -> int:
        """Delete replies that are not given again any more, a few in each transaction; return how many."""
        return _forget_old(conn, now_s)


def keep_reply(conn: apsw.Connection, use: KeyUse, document: Document, *, is_new: bool, now_s: float) -> None:
    """Keep the reply in the caller's transaction, unless another request took the key over."""
    record = _Record(document, is_new)
    conn.execute(
        SQL["keep_reply"],
        {
            "key": use.reservation.key,
            "reserved_at": use.reservation.at_s,
            "fingerprint": use.fingerprint,
            "record": msgspec.json.encode(record).decode(),
            "now": now_s,
        },
    )


def _kept(conn: apsw.Connection, key: str, now_s: float) -> KeptReply | None:
    row = conn.execute(SQL["by_key"], {"key": key}).fetchone()
    if row is None:
        return None
    fingerprint, record, at_s = row
    if record is not None and now_s - at_s < KEEP_S:
        kept = msgspec.json.decode(record, type=_Record)
        return KeptReply(fingerprint, kept.document, kept.is_new)
    if record is None and now_s - at_s < LOST_AFTER_S:
        raise Refused(
            "The first request with this Idempotency-Key still runs.", code="key_in_use", retry_after_s=1
        )
    return None


def _forget_old(conn: apsw.Connection, now_s: float) -> int:
    conn.execute(SQL["forget_old"], {"before": now_s - KEEP_S, "limit": _FORGET_AT_ONCE})
    return conn.changes()
