"""The ledger's conversations: a title and the answers that were given in it, in order."""

import json
from dataclasses import dataclass

import apsw
import msgspec

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer
from kotaemon_async.stores.paging import folded_part, page_of, page_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("answers.sql")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation; times are Unix seconds, `turns` counts its answers."""

    id: str
    title: str
    created_at_s: float
    updated_at_s: float
    turns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer and when it was given, in Unix seconds."""

    answer: Answer
    at_s: float


class Conversations(Store):
    """Reads and changes the conversations of callers; those of others are as if they were not there."""

    @writes
    def begin(
        self, conn: apsw.Connection, conversation_id: str, title: str, caller: Caller, now_s: float
    ) -> Conversation:
        """Begin the conversation and return it; one that is there already only becomes the latest.

        Raises: Refused `not_found` when it is another's.
        """
        continued(conn, conversation_id, title, caller, now_s)
        return _get(conn, conversation_id, caller)

    @reads
    def get(self, conn: apsw.Connection, conversation_id: str, caller: Caller) -> Conversation:
        """Return the conversation; raises Refused `not_found`."""
        return _get(conn, conversation_id, caller)

    @reads
    def page(
        self, conn: apsw.Connection, caller: Caller, *, q: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Conversation], str | None]:
        """Return one page, the latest first, and the cursor of the next; `q` is looked for in titles."""
        values = {"title_part": folded_part(q), "owners": _owners(caller)} | page_values(cursor, limit)
        found = [Conversation(*row) for row in conn.execute(SQL["conversations"], values)]
        return page_of(found, limit, lambda one: (one.updated_at_s, one.id))

    @reads
    def turns(self, conn: apsw.Connection, conversation_id: str, caller: Caller, limit: int) -> list[Turn]:
        """Return the last `limit` answers of the conversation, in order; none when it does not exist."""
        if _owner(conn, conversation_id) not in caller.reads_of:
            return []
        rows = conn.execute(SQL["turns"], {"id": conversation_id, "limit": limit})
        return [Turn(msgspec.json.decode(record, type=Answer), at_s) for record, at_s in rows]

    @writes
    def rename(
        self, conn: apsw.Connection, conversation_id: str, title: str, caller: Caller, now_s: float
    ) -> Conversation:
        """Rename the conversation and return it; raises Refused `not_found`."""
        _get(conn, conversation_id, caller)
        conn.execute(SQL["rename_conversation"], {"id": conversation_id, "title": title, "now": now_s})
        return _get(conn, conversation_id, caller)

    @writes
    def delete(self, conn: apsw.Connection, conversation_id: str, caller: Caller) -> None:
        """Delete the conversation and its answers; raises Refused `not_found`."""
        _get(conn, conversation_id, caller)
        conn.execute(SQL["delete_turns"], {"id": conversation_id})
        conn.execute(SQL["delete_conversation"], {"id": conversation_id})


def check_conversation(conn: apsw.Connection, conversation_id: str, caller: Caller) -> None:
    """Raise Refused `not_found` when the conversation is another's; one that is not there may begin."""
    if _owner(conn, conversation_id) not in (None, *caller.reads_of):
        raise _unknown(conversation_id)


def continued(conn: apsw.Connection, conversation_id: str, title: str, caller: Caller, now_s: float) -> str:
    """Return whose conversation it is, now the latest or just begun. Raises: Refused `not_found`."""
    check_conversation(conn, conversation_id, caller)
    owner = _owner(conn, conversation_id)
    values = {"id": conversation_id, "title": title, "now": now_s, "owner": caller.user}
    conn.execute(SQL["begin_conversation"], values)
    return caller.user if owner is None else owner


def _owner(conn: apsw.Connection, conversation_id: str) -> str | None:
    found: str | None = conn.execute(SQL["conversation_owner"], {"id": conversation_id}).get
    return found


def _owners(caller: Caller) -> str:
    return json.dumps(caller.reads_of)


def _get(conn: apsw.Connection, conversation_id: str, caller: Caller) -> Conversation:
    row = conn.execute(SQL["conversation"], {"id": conversation_id, "owners": _owners(caller)}).fetchone()
    if row is None:
        raise _unknown(conversation_id)
    return Conversation(*row)


def _unknown(conversation_id: str) -> Refused:
    return Refused(f"There is no conversation {conversation_id!r}.", code="not_found")
