"""Equal questions of callers who may read other documents, over a real ledger: no answer crosses."""

from collections.abc import AsyncIterator, Sequence

import anyio
import pytest

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.cache import AnswerCache, StaleCacheProvider
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.conversation_changes import ConversationChanges
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.llm.base import Delta, Finish
from kotaemon_async.answers.settings import AnswerSettings
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Answer, Found, Mode, Scope
from kotaemon_async.stores.collections import Change, Share
from kotaemon_async.stores.ledger import Ledger
from tests.support.answering import DOWN, PARIS, QUESTION, Model, Pages
from tests.support.ledger import new_document

SETTINGS = AnswerSettings(fresh_s=600.0, stale_s=86_400.0)
ALICE, BOB, CAROL = (
    Caller(f"key_{name}", name, scopes=frozenset({"ask", "write"})) for name in ("alice", "bob", "carol")
)


class Shelved:
    """Finds the passage where it is looked for in the collection `hers`."""

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found:
        return Found((PARIS,) if "hers" in (scope.collections or ()) else ())


class Asked:
    """Alice's collection, which Carol may read and Bob may not, and the answering over it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.now_s = ledger, 1000.0
        self.model = Model(Delta("Paris [1]."), Finish())
        cache = AnswerCache(ledger.answers, SETTINGS, links="main", clock=lambda: self.now_s)
        self.answering = Answering(
            retrieval=Shelved(),
            chain=Chain([self.model, StaleCacheProvider(cache), ExtractiveProvider()]),
            documents=Pages(),
            answers=ledger.answers,
            access=ledger.access,
            cache=cache,
            settings=SETTINGS,
            clock=lambda: self.now_s,
        )

    async def ask(self, caller: Caller, collection: str | None = None) -> Answer:
        return await self.answering.answer(Ask(QUESTION, caller, collection))

    async def at_once(self, callers: Sequence[Caller]) -> dict[str, Answer]:
        """What each is answered who asks before the model says a word."""
        self.model.pieces = (go_on := anyio.Event(), *self.model.pieces)
        answers: dict[str, Answer] = {}

        async def ask(caller: Caller) -> None:
            answers[caller.user] = await self.ask(caller, "hers")

        async with anyio.create_task_group() as group:
            for caller in callers:
                group.start_soon(ask, caller)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        return answers


@pytest.fixture
async def asked(ledger: Ledger) -> AsyncIterator[Asked]:
    shares = Change(shares=(Share("user", "carol", may_write=False),))
    await ledger.collections.put(ALICE, "hers", shares, 1.0)
    await ledger.documents.accept(new_document("d", collection="hers", caller=ALICE), 1.0)
    yield Asked(ledger)


@pytest.mark.parametrize("collection", ["hers", None])
async def test_an_answer_from_the_cache_goes_to_those_who_may_read_the_same(
    asked: Asked, collection: str | None
) -> None:
    await asked.ask(ALICE, collection)
    asked.now_s += 5
    others = [await asked.ask(one, collection) for one in (BOB, CAROL)]
    assert [("Paris" in one.answer, one.age_s, len(one.citations)) for one in others] == [
        (False, 0.0, 0),
        (True, 5.0, 1),
    ]


async def test_a_stale_answer_stands_in_for_those_who_may_read_the_same(asked: Asked) -> None:
    await asked.ask(ALICE, "hers")
    asked.now_s += 3600
    asked.model.pieces = (DOWN,)
    served = [(await asked.ask(one, "hers")).served_by for one in (BOB, CAROL)]
    assert served == ["extractive", "stale_cache"]


async def test_equal_questions_at_once_are_shared_by_those_who_may_read_the_same(asked: Asked) -> None:
    answers = await asked.at_once([ALICE, BOB, CAROL])
    assert {user: "Paris" in one.answer for user, one in answers.items()} == {
        "alice": True,
        "bob": False,
        "carol": True,
    }
    assert len(asked.model.prompts) == 1


async def test_a_share_that_is_taken_away_ends_the_way_to_the_cache(asked: Asked) -> None:
    await asked.ask(ALICE, "hers")
    await asked.ledger.collections.change(ALICE, "hers", Change(shares=()))
    assert "Paris" not in (await asked.ask(CAROL, "hers")).answer


async def test_a_fresh_answer_is_a_new_call_of_the_model(asked: Asked) -> None:
    for fresh in (False, False, True, False):
        await asked.answering.answer(Ask(QUESTION, ALICE, "hers", fresh=fresh))
    assert len(asked.model.prompts) == 2


async def test_a_fresh_answer_shares_no_call_that_runs(asked: Asked) -> None:
    asked.model.pieces = (go_on := anyio.Event(), *asked.model.pieces)
    async with anyio.create_task_group() as tasks:
        for fresh in (False, False, True):
            tasks.start_soon(asked.answering.answer, Ask(QUESTION, ALICE, "hers", fresh=fresh))
        await anyio.wait_all_tasks_blocked()
        while len(asked.model.prompts) < 2:  # noqa: ASYNC110 - the ledger's threads have no event for it
            await anyio.sleep(0.01)
        go_on.set()
    assert len(asked.model.prompts) == 2


async def test_sources_that_their_reader_sees_no_more_are_marked_gone(asked: Asked) -> None:
    ledger = asked.ledger
    running = RunningTurns(asked.answering, ledger.turns, ledger.answers, ConversationChanges())
    history = AnswerHistory(ledger.turns, ledger.conversations, ledger.feedback, ledger.access, running)
    given = {one: await asked.ask(one, "hers") for one in (ALICE, CAROL)}
    for shares, gone in ((True, False), (False, True)):
        if not shares:
            await ledger.collections.change(ALICE, "hers", Change(shares=()))
        kept = [await history.answer(one, answer.id) for one, answer in given.items()]
        assert [one.answer.citations[0].gone for one in kept] == [False, gone]
