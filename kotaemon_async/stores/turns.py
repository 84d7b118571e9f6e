"""The ledger's turns: questions with the versions of their answers, kept from the first letter on."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import apsw
import msgspec

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, AnswerStatus
from kotaemon_async.domain.text import one_line, shortened
from kotaemon_async.stores.conversations import Opinion, Row, Turn, Version, continued, owners
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("turns.sql")
_ANSWERS = queries("answers.sql")
_TITLE_CHARS: Final = 60
#: Where a turn stands in its conversation: when it was asked first, in Unix seconds, and its id.
Place = tuple[float, str]
#: Before the first turn.
FIRST_PLACE: Final[Place] = (float("-inf"), "")


@dataclass(frozen=True, slots=True)
class NewTurn:
    """An answer that is asked for now, in Unix seconds; one that `replaces` another is a version of its turn.

    When it has not ended after `ends_by_s`, whatever answered is gone.
    """

    answer: Answer
    conversation_id: str
    caller: Caller
    at_s: float
    ends_by_s: float
    replaces: str | None = None


class Turns(Store):
    """Keeps the turns of callers; those of others are as if they were not there."""

    @writes
    def begin(self, conn: apsw.Connection, new: NewTurn) -> Turn:
        """Keep the answer as running, as the current version of its turn, and return it.

        Raises: Refused `not_found` when the conversation, or the answer that it replaces, is another's.
        """
        answer, place = new.answer, {"turn_id": new.answer.id, "turn_at": new.at_s}
        if new.replaces is not None:
            conversation_id, turn_id, turn_at = place_of(conn, new.replaces, new.caller)
            if conversation_id != new.conversation_id:
                raise unknown(new.replaces)
            place = {"turn_id": turn_id, "turn_at": turn_at}
        owner = continued(conn, new.conversation_id, title_of(answer.question), new.caller, new.at_s)
        values = {
            "id": answer.id,
            "conversation_id": new.conversation_id,
            "now": new.at_s,
            "record": _record(answer),
            "owner": owner,
            "ends_by": new.ends_by_s,
        }
        conn.execute(SQL["begin_turn"], values | place)
        save_words(conn, answer)
        conn.execute(SQL["replace_versions"], values | place)
        return _turn(conn, answer.id, new.caller)

    @writes
    def keep(self, conn: apsw.Connection, answers: Sequence[Answer]) -> list[str]:
        """Keep what there is of answers that run; return which of them run no longer."""
        ended = []
        for answer in answers:
            conn.execute(SQL["keep_turn"], {"id": answer.id, "record": _record(answer)})
            if not conn.changes():
                ended.append(answer.id)
        return ended

    @writes
    def end(self, conn: apsw.Connection, answer: Answer, status: AnswerStatus) -> None:
        """Keep the answer as it was given; one that was deleted meanwhile stays away."""
        values = {"id": answer.id, "record": _record(answer), "status": status}
        conn.execute(SQL["end_turn"], values)
        if conn.changes():
            save_words(conn, answer)

    @writes
    def stop_elsewhere(self, conn: apsw.Connection, answer_id: str, caller: Caller) -> Turn:
        """Note that the answer shall stop, for the process that gives it; raises Refused `not_found`."""
        place_of(conn, answer_id, caller)
        conn.execute(SQL["stop_elsewhere"], {"id": answer_id})
        return _turn(conn, answer_id, caller)

    @writes
    def interrupt_left(self, conn: apsw.Connection, now_s: float | None = None) -> int:
        """Give up answers that run no longer: those overdue, or without a time all; return how many."""
        conn.execute(SQL["interrupt_left"], {"now": now_s})
        return conn.changes()

    @reads
    def get(self, conn: apsw.Connection, answer_id: str, caller: Caller) -> Turn:
        """Return the answer with the versions beside it; raises Refused `not_found`."""
        return _turn(conn, answer_id, caller)

    @reads
    def of(self, conn: apsw.Connection, conversation_id: str, limit: int) -> list[Turn]:
        """Return the last `limit` turns of a conversation, in order, each as its current version."""
        rows = conn.execute(SQL["current_turns"], {"id": conversation_id, "limit": limit}).fetchall()
        turns = [_turn_of(row) for row in reversed(rows)]
        versions = _versions(conn, conversation_id, [one.turn_id for one in turns])
        return [_with(one, versions) for one in turns]

    @reads
    def from_place(
        self, conn: apsw.Connection, conversation_id: str, place: Place, limit: int
    ) -> tuple[list[Turn], Place | None]:
        """Return the next turns after a place, in order, as current versions, and the place of the last one.

        The place is None when they are the last ones.
        """
        values = {"id": conversation_id, "turn_at": place[0], "turn_id": place[1], "limit": limit}
        rows: list[Row] = conn.execute(SQL["turns_from"], values).fetchall()
        turns = [_turn_of(row[:-1]) for row in rows]
        return turns, (rows[-1][-1], rows[-1][4]) if len(rows) == limit else None

    @writes
    def make_current(
        self, conn: apsw.Connection, conversation_id: str, answer_id: str, caller: Caller
    ) -> Turn:
        """Make the version the one that stands in the conversation; raises Refused `not_found`."""
        found, turn_id, _ = place_of(conn, answer_id, caller)
        if found != conversation_id:
            raise unknown(answer_id)
        values = {"id": answer_id, "conversation_id": conversation_id, "turn_id": turn_id}
        conn.execute(SQL["replace_versions"], values)
        return _turn(conn, answer_id, caller)

    @writes
    def delete(self, conn: apsw.Connection, answer_id: str, caller: Caller) -> tuple[Turn, str | None]:
        """Delete the answer and return it with the id of the version that stands in its place, if any does.

        The turn goes with its last version. Raises: Refused `not_found`.
        """
        deleted, instead = _turn(conn, answer_id, caller), None
        conn.execute(SQL["delete_answer"], {"id": answer_id})
        if deleted.conversation_id is not None:
            place = {"conversation_id": deleted.conversation_id, "turn_id": deleted.turn_id}
            instead = conn.execute(SQL["newest_version"], place).get
            conn.execute(SQL["replace_versions"], place | {"id": instead})
        return deleted, instead


def title_of(question: str) -> str:
    """Return what a conversation is called after its first question: whole words of it, in one line.

    >>> title_of("How much oil does the pump of the third building need in a year of normal use?")
    'How much oil does the pump of the third building need in…'
    """
    return shortened(one_line(question), _TITLE_CHARS)


def unknown(answer_id: str) -> Refused:
    """Return the refusal of an answer that is not there, or another's."""
    return Refused(f"There is no answer {answer_id!r}.", code="not_found")


def place_of(conn: apsw.Connection, answer_id: str, caller: Caller) -> tuple[str | None, str, float]:
    """Return the conversation and the turn of an answer, and when that began; raises Refused `not_found`."""
    row = conn.execute(SQL["place_of_turn"], {"id": answer_id, "owners": owners(caller)}).fetchone()
    if row is None:
        raise unknown(answer_id)
    conversation_id, turn_id, turn_at = row
    return conversation_id, turn_id, turn_at


def _turn(conn: apsw.Connection, answer_id: str, caller: Caller) -> Turn:
    row = conn.execute(SQL["turn"], {"id": answer_id, "owners": owners(caller)}).fetchone()
    if row is None:
        raise unknown(answer_id)
    turn = _turn_of(row)
    if turn.conversation_id is None:
        return replace(turn, versions=(turn.as_version,))
    return _with(turn, _versions(conn, turn.conversation_id, [turn.turn_id]))


def _turn_of(row: Row) -> Turn:
    record, at_s, status, conversation_id, turn_id, is_current, owner, *opinion = row
    answer = msgspec.json.decode(record, type=Answer)
    feedback = None if opinion[0] is None else Opinion(*opinion)
    return Turn(
        answer,
        at_s,
        status,
        conversation_id,
        turn_id or answer.id,
        bool(is_current),
        feedback,
        owner=owner,
    )


def _versions(
    conn: apsw.Connection, conversation_id: str, turn_ids: Sequence[str]
) -> dict[str, list[Version]]:
    """Return the versions of these turns, by turn, the oldest first."""
    found: dict[str, list[Version]] = defaultdict(list)
    values = {"id": conversation_id, "turn_ids": json.dumps(turn_ids)}
    for of_turn, *version in conn.execute(SQL["versions"], values):
        found[of_turn].append(Version(*version))
    return found


def _with(turn: Turn, versions: dict[str, list[Version]]) -> Turn:
    return replace(turn, versions=tuple(versions.get(turn.turn_id) or (turn.as_version,)))


def _record(answer: Answer) -> str:
    return msgspec.json.encode(answer).decode()


def save_words(conn: apsw.Connection, answer: Answer) -> None:
    """Keep the words of a turn as they are searched."""
    conn.execute(_ANSWERS["save_words"], {"id": answer.id, "words": f"{answer.question}\n{answer.answer}"})
