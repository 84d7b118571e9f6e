"""The ledger's conversations: a title and the answers that were given in it, in order."""

from dataclasses import dataclass
from typing import Any

import apsw
import msgspec

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer
from kotaemon_async.stores.documents import parse_cursor
from kotaemon_async.stores.sqlite import Database, queries

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


class Conversations:
    """Reads and changes conversations; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_conversation(self, conversation_id: str, title: str, now_s: float) -> Conversation:
        """The new conversation; one that is there already only becomes the latest."""
        values = {"id": conversation_id, "title": title, "now": now_s}

        def begin(conn: apsw.Connection) -> Conversation:
            conn.execute(SQL["begin_conversation"], values)
            return _get(conn, conversation_id)

        return await self._database.write(begin)

    async def conversation(self, conversation_id: str) -> Conversation:
        """The conversation; raises Refused `not_found`."""
        return await self._database.read(lambda conn: _get(conn, conversation_id))

    async def conversations(
        self, *, q: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Conversation], str | None]:
        """One page, the latest first, and the cursor of the next; `q` is looked for in titles."""
        before_at, before_id = parse_cursor(cursor)
        escaped = (q or "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values = {
            "title_like": f"%{escaped}%" if q else None,
            "before_at": before_at,
            "before_id": before_id,
            "limit": limit + 1,
        }
        found = await self._database.read(
            lambda conn: [Conversation(*row) for row in conn.execute(SQL["conversations"], values)]
        )
        if len(found) <= limit:
            return found, None
        last = found[limit - 1]
        return found[:limit], f"{last.updated_at_s!r}:{last.id}"

    async def turns(self, conversation_id: str, limit: int) -> list[Turn]:
        """The last `limit` answers of the conversation, in order; none when there is no such one."""
        values = {"id": conversation_id, "limit": limit}
        return await self._database.read(
            lambda conn: [_turn(record, at_s) for record, at_s in conn.execute(SQL["turns"], values)]
        )

    async def rename_conversation(self, conversation_id: str, title: str, now_s: float) -> Conversation:
        """The conversation under its new title; raises Refused `not_found`."""
        values = {"id": conversation_id, "title": title, "now": now_s}

        def rename(conn: apsw.Connection) -> Conversation:
            conn.execute(SQL["rename_conversation"], values).fetchall()
            return _get(conn, conversation_id)

        return await self._database.write(rename)

    async def delete_conversation(self, conversation_id: str) -> None:
        """The conversation and its answers are gone; raises Refused `not_found`."""
        values = {"id": conversation_id}

        def delete(conn: apsw.Connection) -> Any:
            _get(conn, conversation_id)
            conn.execute(SQL["delete_turns"], values)
            conn.execute(SQL["delete_conversation"], values).fetchall()

        await self._database.write(delete)


def _get(conn: apsw.Connection, conversation_id: str) -> Conversation:
    row = conn.execute(SQL["conversation"], {"id": conversation_id}).fetchone()
    if row is None:
        raise Refused(f"There is no conversation {conversation_id!r}.", code="not_found")
    return Conversation(*row)


def _turn(record: str, at_s: float) -> Turn:
    return Turn(msgspec.json.decode(record, type=Answer), at_s)
