"""Answers and conversations belong to one user, over a real ledger."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.ledger import Ledger
from tests.support.fakes import ANSWER

ALICE = Caller("key_1", "alice", scopes=frozenset({"ask"}))
BOB = Caller("key_2", "bob", scopes=frozenset({"ask", "write"}))
ADMIN = Caller("key_3", "root")
THEN = replace(ANSWER, id="ans_2", question="And then?")


@pytest.fixture
async def kept(ledger: Ledger) -> Ledger:
    """Alice has asked in a conversation, and nobody in another one."""
    await ledger.answers.save(ANSWER, "hers", ALICE, 1.0)
    await ledger.answers.save(THEN, "nobody's", EVERYBODY, 2.0)
    return ledger


Act = Callable[[Ledger, str, Caller], Awaitable[object]]
ACTS: dict[str, Act] = {
    "read": lambda ledger, one, caller: ledger.conversations.get(one, caller),
    "rename": lambda ledger, one, caller: ledger.conversations.rename(one, "Mine", caller, 9.0),
    "delete": lambda ledger, one, caller: ledger.conversations.delete(one, caller),
    "begin": lambda ledger, one, caller: ledger.conversations.begin(one, "Mine", caller, 9.0),
    "save": lambda ledger, one, caller: ledger.answers.save(THEN, one, caller, 9.0),
    "check": lambda ledger, one, caller: ledger.answers.check_conversation(one, caller),
}


@pytest.mark.parametrize("caller", [BOB, ADMIN, EVERYBODY], ids=lambda caller: caller.id)
@pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
async def test_anothers_conversation_is_refused_as_one_that_is_not_there(
    kept: Ledger, act: Act, caller: Caller
) -> None:
    with pytest.raises(Refused, match="There is no conversation 'hers'") as refused:
        await act(kept, "hers", caller)
    assert refused.value.code == "not_found"
    assert (await kept.conversations.get("hers", ALICE)).title == "How much?"
    assert len(await kept.conversations.turns("hers", ALICE, 5)) == 1


@pytest.mark.parametrize(
    ("caller", "seen"),
    [(ALICE, ["hers"]), (BOB, []), (ADMIN, ["nobody's"]), (EVERYBODY, ["nobody's"])],
    ids=["alice", "bob", "admin", "open"],
)
async def test_callers_list_their_own_conversations_and_admins_those_of_nobody(
    kept: Ledger, caller: Caller, seen: list[str]
) -> None:
    for q in (None, "?"):
        found, cursor = await kept.conversations.page(caller, q=q, limit=5, cursor=None)
        assert ([one.id for one in found], cursor) == (seen, None)
    turns = [len(await kept.conversations.turns(one, caller, 5)) for one in ("hers", "nobody's")]
    assert turns == [one in seen for one in ("hers", "nobody's")]


async def test_an_answer_is_read_by_its_user_alone(kept: Ledger) -> None:
    assert await kept.answers.get("ans_1", ALICE) == ANSWER
    for caller in (BOB, ADMIN, EVERYBODY):
        with pytest.raises(Refused, match="There is no answer 'ans_1'"):
            await kept.answers.get("ans_1", caller)
    assert await kept.answers.get("ans_2", ADMIN) == THEN


async def test_an_answer_in_nobodys_conversation_is_nobodys_too(kept: Ledger) -> None:
    await kept.answers.save(replace(ANSWER, id="ans_3"), "nobody's", ADMIN, 3.0)
    assert len(await kept.conversations.turns("nobody's", EVERYBODY, 5)) == 2
    assert (await kept.answers.get("ans_3", EVERYBODY)).id == "ans_3"
