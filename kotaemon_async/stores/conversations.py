"""The ledger's conversations: a title and the answers that were given in it, in order."""

from dataclasses import dataclass

import apsw
import msgspec

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
    """Reads and changes conversations."""

    @writes
    def begin(self, conn: apsw.Connection, conversation_id: str, title: str, now_s: float) -> Conversation:
        """Begin the conversation and return it; one that is there already only becomes the latest."""
        conn.execute(SQL["begin_conversation"], {"id": conversation_id, "title": title, "now": now_s})
        return _get(conn, conversation_id)

    @reads
    def get(self, conn: apsw.Connection, conversation_id: str) -> Conversation:
        """Return the conversation; raises Refused `not_found`."""
        return _get(conn, conversation_id)

    @reads
    def page(
        self, conn: apsw.Connection, *, q: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Conversation], str | None]:
        """Return one page, the latest first, and the cursor of the next; `q` is looked for in titles."""
        values = {"title_part": folded_part(q)} | page_values(cursor, limit)
        found = [Conversation(*row) for row in conn.execute(SQL["conversations"], values)]
        return page_of(found, limit, lambda one: (one.updated_at_s, one.id))

    @reads
    def turns(self, conn: apsw.Connection, conversation_id: str, limit: int) -> list[Turn]:
        """Return the last `limit` answers of the conversation, in order; none when it does not exist."""
        rows = conn.execute(SQL["turns"], {"id": conversation_id, "limit": limit})
        return [Turn(msgspec.json.decode(record, type=Answer), at_s) for record, at_s in rows]

    @writes
    def rename(self, conn: apsw.Connection, conversation_id: str, title: str, now_s: float) -> Conversation:
        """Rename the conversation and return it; raises Refused `not_found`."""
        conn.execute(
            SQL["rename_conversation"], {"id": conversation_id, "title": title, "now": now_s}
        ).fetchall()
        return _get(conn, conversation_id)

    @writes
    def delete(self, conn: apsw.Connection, conversation_id: str) -> None:
        """Delete the conversation and its answers; raises Refused `not_found`."""
        _get(conn, conversation_id)
        conn.execute(SQL["delete_turns"], {"id": conversation_id})
        conn.execute(SQL["delete_conversation"], {"id": conversation_id}).fetchall()


def _get(conn: apsw.Connection, conversation_id: str) -> Conversation:
    row = conn.execute(SQL["conversation"], {"id": conversation_id}).fetchone()
    if row is None:
        raise Refused(f"There is no conversation {conversation_id!r}.", code="not_found")
    return Conversation(*row)
