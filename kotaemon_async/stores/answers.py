"""The ledger's records of answers: every one that was given, and those that may be given again."""

from dataclasses import dataclass

import apsw
import msgspec

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Answer, Scope
from kotaemon_async.stores.conversations import check_conversation, continued, owners
from kotaemon_async.stores.scopes import scope_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes, writes_in_turns
from kotaemon_async.stores.turns import save_words, title_of, unknown

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


class Answers(Store):
    """Keeps every answer as it was sent, and the cache of models' answers."""

    @writes
    def save(
        self,
        conn: apsw.Connection,
        answer: Answer,
        conversation_id: str | None,
        caller: Caller,
        now_s: float,
    ) -> None:
        """Keep the caller's answer under its id; a conversation that is not there yet begins with it.

        Raises: Refused `not_found` when the conversation is another's.
        """
        owner = caller.user
        if conversation_id is not None:
            owner = continued(conn, conversation_id, title_of(answer.question), caller, now_s)
        record = msgspec.json.encode(answer).decode()
        values = {"id": answer.id, "conversation_id": conversation_id, "now": now_s, "record": record}
        status = "done" if answer.complete else "interrupted"
        conn.execute(SQL["save_answer"], values | {"owner": owner, "status": status})
        if conversation_id is not None:
            save_words(conn, answer)

    @reads
    def check_conversation(self, conn: apsw.Connection, conversation_id: str, caller: Caller) -> None:
        """Raise Refused `not_found` when the conversation is another's; one that is not there may begin."""
        check_conversation(conn, conversation_id, caller)

    @reads
    def get(self, conn: apsw.Connection, answer_id: str, caller: Caller) -> Answer:
        """Return the answer as it was given to the caller; raises Refused `not_found`."""
        record = conn.execute(SQL["answer"], {"id": answer_id, "owners": owners(caller)}).get
        if record is None:
            raise unknown(answer_id)
        return msgspec.json.decode(record, type=Answer)

    @reads
    def stamp(self, conn: apsw.Connection, scope: Scope) -> str:
        """Return the state of the documents in the scope: another one once any changes, comes or goes."""
        return str(conn.execute(SQL["stamp"], scope_values(scope)).get)

    @reads
    def cached(
        self, conn: apsw.Connection, key: str, stamp: str, *, since_s: float, link: str | None = None
    ) -> tuple[Answer, float] | None:
        """Return the newest answer kept for the key and the same documents, and when it was given.

        `link` names the only provider whose answer is wanted.
        """
        values = {"key": key, "stamp": stamp, "oldest": since_s, "link": link}
        row = conn.execute(SQL["cached"], values).fetchone()
        return None if row is None else (msgspec.json.decode(row[0], type=Answer), row[1])

    @writes
    def cache(  # noqa: PLR0913
        self,
        conn: apsw.Connection,
        key: str,
        stamp: str,
        answer: Answer,
        *,
        link: str,
        now_s: float,
        bounds: CacheBounds,
    ) -> None:
        """Keep the answer to be given again; forget what is too old or too much, the oldest first."""
        _changed(conn, "forget_expired", oldest=now_s - bounds.age_s)
        record = msgspec.json.encode(answer)
        values = {"key": key, "link": link, "stamp": stamp, "record": record.decode(), "now": now_s}
        conn.execute(SQL["cache"], values | {"size_bytes": len(record)})
        while True:
            rows, size_bytes = conn.execute(SQL["cache_size"]).get
            if rows <= bounds.rows and size_bytes <= bounds.size_bytes:
                return
            conn.execute(SQL["forget_oldest"], {"count": max(1, rows // _FORGET_SHARE)})

    @writes
    def forget_expired(self, conn: apsw.Connection, oldest_s: float) -> int:
        """Delete the answers from the cache that were given before then; return how many."""
        return _changed(conn, "forget_expired", oldest=oldest_s)

    @writes_in_turns
    def forget_old(self, conn: apsw.Connection, oldest_s: float) -> int:
        """Delete the answers outside of conversations that were given before then; return how many."""
        return _changed(conn, "forget_old_answers", oldest=oldest_s, limit=_DELETE_AT_ONCE)


def _changed(conn: apsw.Connection, name: str, **values: float) -> int:
    """Return how many rows the statement changed."""
    conn.execute(SQL[name], values)
    return conn.changes()
