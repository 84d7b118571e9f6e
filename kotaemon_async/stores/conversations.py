"""The ledger's conversations: titles, turns in order, and what can be found in them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import apsw
import msgspec

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, AnswerStatus, Vote
from kotaemon_async.domain.text import excerpt, folded
from kotaemon_async.stores.paging import page_of, page_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("conversations.sql")
_TURNS = queries("turns.sql")
#: Pinned ones come first: they are listed as if they were so much younger.
_PINNED_S: Final = 1e10
#: Titles that stand there already get numbers up to this one.
_MOST_ALIKE: Final = 99


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation; times are Unix seconds, `turns` counts its questions.

    `found` is what of its texts was looked for, in a few words.
    """

    id: str
    title: str
    created_at_s: float
    updated_at_s: float
    turns: int
    pinned_at_s: float | None = None
    running: bool = False
    found: str | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a turn: another try, or another question in its place."""

    id: str
    question: str
    status: AnswerStatus
    created_at_s: float


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the one who asked thinks of an answer, and since when, in Unix seconds."""

    verdict: Vote
    reason: str
    comment: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with one version of its answer and when that was asked for, in Unix seconds."""

    answer: Answer
    at_s: float
    status: AnswerStatus = "done"
    conversation_id: str | None = None
    turn_id: str = ""
    is_current: bool = True
    feedback: Opinion | None = None
    versions: tuple[Version, ...] = ()
    owner: str = ""

    @classmethod
    def alone(cls, answer: Answer, at_s: float) -> "Turn":
        """Return the turn of an answer that stands in no conversation."""
        turn = cls(answer, at_s, "done" if answer.complete else "interrupted", turn_id=answer.id)
        return replace(turn, versions=(turn.as_version,))

    @property
    def as_version(self) -> Version:
        """Return what other versions show of this one."""
        return Version(self.answer.id, self.answer.question, self.status, self.at_s)


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
        """Return one page, pinned ones and then the latest first, and the cursor of the next.

        Each word of `q` has to stand in the title, or in a question and its answer.
        """
        parts = folded(q or "").split()
        values = {"parts": json.dumps(parts, ensure_ascii=False) if parts else None}
        bound = values | {"owners": owners(caller), "pinned_s": _PINNED_S} | page_values(cursor, limit)
        rows: list[Row] = conn.execute(SQL["conversations"], bound).fetchall()
        page, following = page_of(rows, limit, lambda row: (row[-1], row[0]))
        return [_found(row, parts) for row in page], following

    @reads
    def turns(
        self,
        conn: apsw.Connection,
        conversation_id: str,
        caller: Caller,
        limit: int,
        before: str | None = None,
    ) -> list[Turn]:
        """Return the last `limit` turns, in order, as they stand; none when the conversation does not exist.

        Those that still run are left out, and with `before` all from the turn of that answer on.
        """
        if _owner(conn, conversation_id) not in caller.reads_of:
            return []
        values = {"id": conversation_id, "limit": limit, "before": before}
        rows = conn.execute(_TURNS["told_turns"], values).fetchall()
        return [Turn(msgspec.json.decode(record, type=Answer), at_s) for record, at_s in reversed(rows)]

    @writes
    def rename(
        self, conn: apsw.Connection, conversation_id: str, title: str, caller: Caller, now_s: float
    ) -> Conversation:
        """Rename the conversation and return it; raises Refused `not_found`."""
        _get(conn, conversation_id, caller)
        conn.execute(SQL["rename_conversation"], {"id": conversation_id, "title": title, "now": now_s})
        return _get(conn, conversation_id, caller)

    @writes
    def pin(
        self, conn: apsw.Connection, conversation_id: str, at_s: float | None, caller: Caller
    ) -> Conversation:
        """Pin the conversation, or let it go, and return it; raises Refused `not_found`."""
        found = _get(conn, conversation_id, caller)
        if (found.pinned_at_s is None) != (at_s is None):
            conn.execute(SQL["pin_conversation"], {"id": conversation_id, "at": at_s})
        return _get(conn, conversation_id, caller)

    @writes
    def delete(self, conn: apsw.Connection, conversation_id: str, caller: Caller) -> Conversation:
        """Delete the conversation and its answers, and return what it was; raises Refused `not_found`."""
        found = _get(conn, conversation_id, caller)
        conn.execute(SQL["delete_turns"], {"id": conversation_id})
        conn.execute(SQL["delete_conversation"], {"id": conversation_id})
        return found

    @reads
    def of_caller(self, conn: apsw.Connection, conversation_ids: Sequence[str], caller: Caller) -> list[str]:
        """Return those of the conversations that are the caller's."""
        return [one for one in dict.fromkeys(conversation_ids) if _owner(conn, one) in caller.reads_of]


def check_conversation(conn: apsw.Connection, conversation_id: str, caller: Caller) -> None:
    """Raise Refused `not_found` when the conversation is another's; one that is not there may begin."""
    if _owner(conn, conversation_id) not in (None, *caller.reads_of):
        raise _unknown(conversation_id)


def continued(conn: apsw.Connection, conversation_id: str, title: str, caller: Caller, now_s: float) -> str:
    """Return whose conversation it is, now the latest or just begun. Raises: Refused `not_found`."""
    check_conversation(conn, conversation_id, caller)
    found = _owner(conn, conversation_id)
    owner = caller.user if found is None else found
    if title and not conn.execute(SQL["conversation_title"], {"id": conversation_id}).get:
        title = _unlike_others(conn, title, owner)
    values = {"id": conversation_id, "title": title, "now": now_s, "owner": owner}
    conn.execute(SQL["begin_conversation"], values)
    return owner


def _unlike_others(conn: apsw.Connection, title: str, owner: str) -> str:
    """Return the title, with a number behind it where the owner has one of that name already."""
    for number in range(1, _MOST_ALIKE + 1):
        one = title if number == 1 else f"{title} ({number})"
        if conn.execute(SQL["title_is_taken"], {"owner": owner, "title": one}).get is None:
            return one
    return title


def owners(caller: Caller) -> str:
    """Return whose conversations the caller reads, as statements take it."""
    return json.dumps(caller.reads_of)


def _found(row: Row, parts: Sequence[str]) -> Conversation:
    """Return the conversation of a row, with the record that was found in it and its place at the end."""
    one = Conversation(*row[:-1])
    said = None
    if one.found is not None:
        answer = msgspec.json.decode(one.found, type=Answer)
        said = excerpt(f"{answer.question}\n{answer.answer}", parts)
    return replace(one, running=bool(one.running), found=said)


def _owner(conn: apsw.Connection, conversation_id: str) -> str | None:
    found: str | None = conn.execute(SQL["conversation_owner"], {"id": conversation_id}).get
    return found


def _get(conn: apsw.Connection, conversation_id: str, caller: Caller) -> Conversation:
    row = conn.execute(SQL["conversation"], {"id": conversation_id, "owners": owners(caller)}).fetchone()
    if row is None:
        raise _unknown(conversation_id)
    return replace(Conversation(*row), running=bool(row[6]))


def _unknown(conversation_id: str) -> Refused:
    return Refused(f"There is no conversation {conversation_id!r}.", code="not_found")
