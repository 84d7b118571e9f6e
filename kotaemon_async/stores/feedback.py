"""The ledger's feedback: what those who asked think of their answers; it goes with the answer."""

from dataclasses import dataclass

import apsw
import msgspec

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Answer, Vote
from kotaemon_async.stores.conversations import Opinion, Row
from kotaemon_async.stores.paging import page_of, page_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes
from kotaemon_async.stores.turns import place_of

SQL = queries("feedback.sql")


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was thought of an answer, by whom, and the answer itself; the time is in Unix seconds."""

    opinion: Opinion
    user: str
    conversation_id: str | None
    answer: Answer


class Feedbacks(Store):
    """Keeps what callers think of their answers; those of others are as if they were not there."""

    @writes
    def put(self, conn: apsw.Connection, answer_id: str, opinion: Opinion, caller: Caller) -> None:
        """Keep the opinion in the place of an earlier one; raises Refused `not_found`."""
        place_of(conn, answer_id, caller)
        values = {
            "id": answer_id,
            "verdict": opinion.verdict,
            "reason": opinion.reason,
            "comment": opinion.comment,
            "user": caller.user,
            "now": opinion.at_s,
        }
        conn.execute(SQL["save_feedback"], values)

    @writes
    def delete(self, conn: apsw.Connection, answer_id: str, caller: Caller) -> None:
        """Take the opinion back; raises Refused `not_found` when there is no such answer."""
        place_of(conn, answer_id, caller)
        conn.execute(SQL["delete_feedback"], {"id": answer_id})

    @reads
    def page(
        self, conn: apsw.Connection, *, verdict: Vote | None, limit: int, cursor: str | None
    ) -> tuple[list[Feedback], str | None]:
        """Return one page of everybody's, the latest first, and the cursor of the next one."""
        values = {"verdict": verdict} | page_values(cursor, limit)
        rows = conn.execute(SQL["feedback"], values).fetchall()
        return page_of([_of(row) for row in rows], limit, lambda one: (one.opinion.at_s, one.answer.id))


def _of(row: Row) -> Feedback:
    _, verdict, reason, comment, at_s, user, conversation_id, record = row
    answer = msgspec.json.decode(record, type=Answer)
    return Feedback(Opinion(verdict, reason, comment, at_s), user, conversation_id, answer)
