"""Questions that search at once: a few at a time, and each with all of its time."""

from dataclasses import dataclass

import anyio
import anyio.lowlevel

from kotaemon_async.answers.draft import Evidence, Question
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.evidence import EvidenceSearch
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Found, Mode, Reason, Scope
from tests.support.answering import PARIS, QUESTION, FakeRetrieval, Pages


def asked(within_s: float = 30.0) -> Question:
    return Question(Ask(QUESTION, EVERYBODY), QUESTION, "a", Deadline.within(within_s), 0.0)


def search(retrieval: "FakeRetrieval | Crowd", at_once: int) -> EvidenceSearch:
    return EvidenceSearch(retrieval, Pages(), None, passages=5, at_once=at_once)


@dataclass
class Crowd:
    """A search that takes some turns of the loop and knows how many were under way together."""

    now: int = 0
    most: int = 0

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        self.now -= 1
        return Found((PARIS,))


async def test_of_many_questions_a_few_search_at_once_and_all_find() -> None:
    crowd, found = Crowd(), list[Evidence]()
    searching = search(crowd, 3)

    async def ask() -> None:
        found.append(await searching.of(asked()))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert (crowd.most, len(found)) == (3, 20)
    assert all(one.searched and one.sources and not one.reasons for one in found)


async def test_who_waits_too_long_for_a_turn_is_told_so_and_holds_up_nobody() -> None:
    held = anyio.Event()
    retrieval = FakeRetrieval(held)
    searching = search(retrieval, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(searching.of, asked())
        await anyio.wait_all_tasks_blocked()
        late = await searching.of(asked(within_s=0.02))
        assert (late.reasons, len(retrieval.queries)) == ((Reason("retrieval", "timeout"),), 1)
        held.set()
    retrieval.found = Found((PARIS,))
    assert (await searching.of(asked())).sources


async def test_who_leaves_while_he_waits_or_searches_gives_his_turn_back() -> None:
    retrieval = FakeRetrieval(anyio.Event())
    searching = search(retrieval, 1)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(searching.of, asked())
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    retrieval.found = Found((PARIS,))
    assert (await searching.of(asked())).sources
