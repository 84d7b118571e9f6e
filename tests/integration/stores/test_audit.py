"""Who did what, over a real SQLite file that takes rows and gives none back."""

import time
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.stores.audit import AuditEntry, AuditQuery, append
from kotaemon_async.stores.ledger import SCHEMA, Ledger
from tests.support.ledger import run_sql

DAY_S = 86_400.0
ACT = AuditEntry(1_700_000_000.0, "key_1", "alice", "documents.delete", "doc_1", "192.0.2.7", "ok", "a" * 32)


async def kept(ledger: Ledger, **query: object) -> list[int]:
    """The numbers of acts, the latest first."""
    return [one.seq for one in (await ledger.audit.page(AuditQuery(**query)))[0]]  # type: ignore[arg-type]


async def test_an_act_is_read_as_it_was_written(ledger: Ledger) -> None:
    await ledger.audit.add([ACT])
    assert await ledger.audit.page(AuditQuery()) == ([replace(ACT, seq=1)], None)


async def test_pages_come_the_latest_first_and_continue_at_their_cursor(ledger: Ledger) -> None:
    await ledger.audit.add([ACT] * 5)
    first, cursor = await ledger.audit.page(AuditQuery(limit=3))
    assert [one.seq for one in first] == [5, 4, 3]
    assert await kept(ledger, cursor=cursor, limit=3) == [2, 1]


async def test_acts_are_found_by_user_key_action_time_and_number(ledger: Ledger) -> None:
    others = [replace(ACT, caller="key_2", user="bob"), replace(ACT, action="documents_retry")]
    await ledger.audit.add([ACT, *others, replace(ACT, at=ACT.at + 10, action="keys.create")])
    assert (await kept(ledger, user="bob"), await kept(ledger, user="key_2")) == ([2], [2])
    assert (await kept(ledger, action="documents"), await kept(ledger, action="keys.create")) == ([2, 1], [4])
    assert (await kept(ledger, since_s=ACT.at + 1), await kept(ledger, after=2)) == ([4], [4, 3])
    assert await kept(ledger, action="documents.delete' OR 1") == []


@pytest.mark.parametrize("cursor", ["x", "-1", "1:2", "9" * 30, "²"])
async def test_a_cursor_of_somebody_else_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(Refused):
        await ledger.audit.page(AuditQuery(cursor=cursor))


@pytest.mark.parametrize(
    "sql",
    ["UPDATE audit SET result = 'ok'", "DELETE FROM audit", "UPDATE audit SET object = '' WHERE seq = 1"],
)
async def test_nothing_changes_or_removes_an_act_of_today(ledger: Ledger, tmp_path: Path, sql: str) -> None:
    await ledger.audit.add([replace(ACT, at=time.time(), result="forbidden")])
    with pytest.raises(apsw.ConstraintError, match="audit"):
        run_sql(tmp_path / "ledger.db", sql)
    assert [one.result for one in (await ledger.audit.page(AuditQuery()))[0]] == ["forbidden"]


async def test_old_acts_go_by_their_age_alone(ledger: Ledger) -> None:
    now_s = time.time()
    ages_s = (40 * DAY_S, 20 * DAY_S, 0.0)
    await ledger.audit.add([replace(ACT, at=now_s - age_s) for age_s in ages_s])
    assert await ledger.audit.forget_old(now_s - 30 * DAY_S) == 1
    assert await kept(ledger) == [3, 2]


async def test_a_number_is_never_given_twice(ledger: Ledger) -> None:
    await ledger.audit.add([ACT])
    await ledger.audit.forget_old(ACT.at + 1)
    await ledger.audit.add([ACT])
    assert await kept(ledger) == [2]


async def test_a_command_adds_its_act_beside_the_service(ledger: Ledger, tmp_path: Path) -> None:
    append(tmp_path / "ledger.db", ACT, SCHEMA.version)
    assert (await ledger.audit.page(AuditQuery()))[0] == [replace(ACT, seq=1)]


async def test_a_ledger_of_another_release_is_left_as_it_is(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        append(tmp_path / "ledger.db", ACT, SCHEMA.version - 1)
    with pytest.raises(Unavailable):
        append(tmp_path / "none.db", ACT, SCHEMA.version)
    assert await kept(ledger) == []
    assert not (tmp_path / "none.db").exists()
