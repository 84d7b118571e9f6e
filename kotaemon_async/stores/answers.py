"""The ledger's records of answers: every one that was given, and those that may be given again."""

import json
from dataclasses import dataclass

import apsw
import msgspec

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Scope
from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("answers.sql")
#: This part of the oldest goes at once when there is too much, so that this is rarely done.
_FORGET_SHARE = 16
#: Others want to write, too, while a year's answers go.
_DELETE_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """How much of the cache is kept: rows, bytes of their records, and seconds."""

    rows: int
    size_bytes: int
    age_s: float


class Answers:
    """Keeps every answer as it was sent, and the cache of models' answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_answer(self, answer: Answer, conversation_id: str | None, now_s: float) -> None:
        """The answer can be read again under its id; a conversation that is not there yet begins with it."""
        record = msgspec.json.encode(answer).decode()
        await self._database.write(lambda conn: _save(conn, answer, record, conversation_id, now_s))

    async def answer(self, answer_id: str) -> Answer:
        """The answer as it was given; raises Refused `not_found`."""
        record = await self._database.read(lambda conn: conn.execute(SQL["answer"], {"id": answer_id}).get)
        if record is None:
            raise Refused(f"There is no answer {answer_id!r}.", code="not_found")
        return msgspec.json.decode(record, type=Answer)

    async def stamp(self, scope: Scope) -> str:
        """The state of the documents in the scope: another one once any of them changes, comes or goes."""
        values = {
            "collection": scope.collection,
            "document_ids": json.dumps(scope.document_ids) if scope.document_ids else None,
        }
        return await self._database.read(lambda conn: str(conn.execute(SQL["stamp"], values).get))

    async def cached_answer(
        self, key: str, stamp: str, *, since_s: float, link: str | None = None
    ) -> tuple[Answer, float] | None:
        """The newest answer kept for the key and the same documents, and when it was given.

        `link` names the only link whose answer is wanted.
        """
        values = {"key": key, "stamp": stamp, "oldest": since_s, "link": link}
        row = await self._database.read(lambda conn: conn.execute(SQL["cached"], values).fetchone())
        return None if row is None else (msgspec.json.decode(row[0], type=Answer), row[1])

    async def cache_answer(
        self, key: str, stamp: str, answer: Answer, *, link: str, now_s: float, bounds: CacheBounds
    ) -> None:
        """The answer may be given again; what is too old or too much is forgotten, the oldest first."""
        record = msgspec.json.encode(answer).decode()
        values = {
            "key": key,
            "link": link,
            "stamp": stamp,
            "record": record,
            "size_bytes": len(record.encode()),
            "now": now_s,
        }
        await self._database.write(lambda conn: _cache(conn, values, bounds, now_s))

    async def forget_expired_answers(self, oldest_s: float) -> int:
        """How many answers went from the cache that were given before then."""
        return await self._database.write(lambda conn: _forget_expired(conn, oldest_s))

    async def forget_old_answers(self, oldest_s: float) -> int:
        """How many answers outside of conversations went that were given before then, a few at a time."""
        values = {"oldest": oldest_s, "limit": _DELETE_AT_ONCE}
        return await self._database.write_in_turns(lambda conn: _changed(conn, "forget_old_answers", values))


def _save(
    conn: apsw.Connection, answer: Answer, record: str, conversation_id: str | None, now_s: float
) -> None:
    values = {"id": answer.id, "conversation_id": conversation_id, "now": now_s, "record": record}
    conn.execute(SQL["save_answer"], values)
    if conversation_id is not None:
        title = " ".join(answer.question.split())[:80]
        conn.execute(SQL["begin_conversation"], {"id": conversation_id, "title": title, "now": now_s})


def _cache(conn: apsw.Connection, values: dict[str, object], bounds: CacheBounds, now_s: float) -> None:
    _forget_expired(conn, now_s - bounds.age_s)
    conn.execute(SQL["cache"], values)
    while True:
        rows, size_bytes = conn.execute(SQL["cache_size"]).get
        if rows <= bounds.rows and size_bytes <= bounds.size_bytes:
            return
        conn.execute(SQL["forget_oldest"], {"count": max(1, rows // _FORGET_SHARE)})


def _forget_expired(conn: apsw.Connection, oldest_s: float) -> int:
    return _changed(conn, "forget_expired", {"oldest": oldest_s})


def _changed(conn: apsw.Connection, name: str, values: dict[str, float]) -> int:
    """How many rows the statement changed."""
    conn.execute(SQL[name], values)
    return conn.changes()
