"""The audit's bounds, and what it does without its ledger."""

from dataclasses import replace

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.audit import LEFT_OUT, MOST_OF_ONE, MOST_UNKNOWN, UNKNOWN, AuditTrail
from kotaemon_async.stores.audit import AuditEntry, AuditQuery
from kotaemon_async.stores.ledger import Ledger
from tests.support.log_records import logged

DONE = AuditEntry(1_700_000_000.0, "key_1", "alice", "documents.delete", "doc_1", "192.0.2.7", "ok")
REFUSED = replace(DONE, result="forbidden")
GUESS = replace(DONE, caller=UNKNOWN, user="", action="request", result="unauthorized")


async def rows(ledger: Ledger) -> list[AuditEntry]:
    """All acts, the latest first."""
    return (await ledger.audit.page(AuditQuery(limit=1000)))[0]


async def test_what_was_done_is_kept_however_much_it_is(ledger: Ledger) -> None:
    trail = AuditTrail(ledger.audit)
    for _ in range(3 * MOST_OF_ONE):
        await trail.write(DONE)
    assert len(await rows(ledger)) == 3 * MOST_OF_ONE


async def test_guesses_from_many_addresses_are_bounded_in_a_minute_and_counted(ledger: Ledger) -> None:
    trail = AuditTrail(ledger.audit)
    for number in range(500):
        await trail.write(replace(GUESS, address=f"192.0.2.{number}"))
    assert len(await rows(ledger)) == MOST_UNKNOWN
    await trail.write(replace(GUESS, at=GUESS.at + 60))
    latest, left_out = (await rows(ledger))[:2]
    assert (latest.action, left_out.action, left_out.object) == ("request", LEFT_OUT, str(500 - MOST_UNKNOWN))


async def test_guesses_take_no_room_from_those_who_are_known(ledger: Ledger) -> None:
    trail = AuditTrail(ledger.audit)
    for _ in range(100):
        await trail.write(GUESS)
    for number in range(MOST_OF_ONE + 5):
        await trail.write(replace(REFUSED, object=f"doc_{number}"))
    assert sum(one.result == "forbidden" for one in await rows(ledger)) == MOST_OF_ONE


class Away:
    """An audit whose ledger is away."""

    async def add(self, entries: list[AuditEntry]) -> None:
        raise Unavailable("The ledger cannot be used.", code="ledger_unavailable")


async def test_a_ledger_that_is_away_fails_nobody_and_the_log_has_the_act() -> None:
    with logged() as records:
        await AuditTrail(Away()).write(DONE)  # type: ignore[arg-type]
    told = {one["message"]: one["extra"] for one in records}
    assert told["audit"] | {"trace_id": ""} == {
        "action": "documents.delete", "object": "doc_1", "address": "192.0.2.7", "result": "ok",
        "user_id": "key_1", "trace_id": "",
    }  # fmt: skip
    assert told["audit_failed"]["code"] == "ledger_unavailable"


async def test_the_log_names_no_collection(ledger: Ledger) -> None:
    with logged("audit") as records:
        await AuditTrail(ledger.audit).write(replace(DONE, action="collections.delete", object="salaries"))
    assert "salaries" not in str([one["extra"] for one in records])
    assert (await rows(ledger))[0].object == "salaries"
