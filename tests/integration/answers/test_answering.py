"""Answers from the cache, from work that is shared and from the kept knowledge, over a real ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.cache import AnswerCache, StaleCacheProvider
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.events import Ask, Done, Event, PassagesFound, Restart
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.knowledge import Knowledge, KnowledgeProvider
from kotaemon_async.answers.llm.base import Delta, Finish, Piece
from kotaemon_async.answers.settings import AnswerSettings
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer, Found, Reason
from kotaemon_async.stores.ledger import Ledger
from tests.support.answering import DOWN, PARIS, QUESTION, FakeRetrieval, Model, Pages
from tests.support.ledger import new_document

SETTINGS = AnswerSettings(fresh_s=600.0, stale_s=86_400.0)


class Answers:
    """A ledger with one document, a model, a retrieval, and the answering over them."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.retrieval = ledger, FakeRetrieval()
        self.model = Model(Delta("Paris [1]."), Finish())
        self.now_s = 1000.0
        kept = folder / "kept.yaml"
        kept.write_text('- {question: "When is the office open?", answer: From nine to five.}', "utf-8")
        knowledge = Knowledge(kept)
        knowledge.refresh()
        cache = AnswerCache(ledger.answers, SETTINGS, links="main", clock=lambda: self.now_s)
        others = (StaleCacheProvider(cache), ExtractiveProvider(), KnowledgeProvider(knowledge))
        self.answering = Answering(
            retrieval=self.retrieval,
            chain=Chain([self.model, *others]),
            documents=Pages(),
            answers=ledger.answers,
            access=ledger.access,
            cache=cache,
            settings=SETTINGS,
            clock=lambda: self.now_s,
        )

    async def ask(self, question: str = QUESTION) -> Answer:
        return await self.answering.answer(Ask(question, EVERYBODY))

    async def asked_at_once(self, times: int, question: str = QUESTION) -> list[Answer]:
        """The answers to one question that so many ask before the model says a word."""
        self.model.pieces = (go_on := anyio.Event(), *self.model.pieces)
        answers: list[Answer] = []

        async def ask() -> None:
            answers.append(await self.ask(question))

        async with anyio.create_task_group() as group:
            for _ in range(times):
                group.start_soon(ask)
            while self.sharing() < times:  # noqa: ASYNC110 - the ledger's threads have no event for it
                await anyio.sleep(0.01)
            go_on.set()
        return answers

    def sharing(self) -> int:
        """How many take part in the work that is under way."""
        return sum(work.subscribers for work in self.answering._coalescing._running.values())

    async def received(self, question: str = QUESTION) -> list[Event]:
        return [event async for event in self.answering.stream(Ask(question, EVERYBODY))]

    def break_model(self, *pieces: Piece | anyio.Event) -> None:
        self.model.pieces = (*pieces, DOWN)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Answers]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    await ledger.documents.accept(new_document("d"), 1.0)
    yield Answers(ledger, tmp_path)
    await ledger.aclose()


async def test_a_question_that_was_just_answered_makes_no_call_and_tells_its_age(
    service: Answers,
) -> None:
    first = await service.ask()
    service.now_s += 30
    again = await service.ask("what is the CAPITAL of  France")
    assert (len(service.model.prompts), again.answer, again.served_by) == (1, first.answer, "primary")
    assert (again.age_s, again.degraded, again.id != first.id) == (30.0, False, True)
    assert [c.id for c in again.citations] == [f"{again.id}.1"]


async def test_after_the_fresh_time_the_model_is_asked_anew(service: Answers) -> None:
    await service.ask()
    service.now_s += 601
    assert ((await service.ask()).age_s, len(service.model.prompts)) == (0.0, 2)


async def test_a_dead_model_is_stood_in_for_by_its_old_answer(service: Answers) -> None:
    await service.ask()
    service.now_s += 3600
    service.break_model()
    answer = await service.ask()
    assert (answer.served_by, answer.age_s, answer.answer) == ("stale_cache", 3600.0, "Paris [1].")
    assert (answer.degraded, answer.reasons) == (True, (Reason("main", "llm_unavailable"),))


async def test_an_answer_of_yesterday_is_too_old(service: Answers) -> None:
    await service.ask()
    service.now_s += 86_401
    service.break_model()
    assert (await service.ask()).served_by == "extractive"


@pytest.mark.parametrize("deleted", [True, False])
async def test_a_changed_document_is_never_answered_from_the_cache(service: Answers, deleted: bool) -> None:
    await service.ask()
    if deleted:
        await service.ledger.documents.delete("d")
    else:
        await service.ledger.documents.start_anew("d", 2000.0, force=True)
    service.break_model()
    assert (await service.ask()).served_by == "extractive"


async def test_a_document_that_goes_while_models_are_asked_is_not_answered_from_the_cache(
    service: Answers,
) -> None:
    await service.ask()
    service.now_s += 3600
    service.break_model(go_on := anyio.Event())
    service.model.asked = anyio.Event()
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await service.ask())

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await service.model.asked.wait()
        await service.ledger.documents.delete("d")
        go_on.set()
    assert answers[0].served_by == "extractive"


async def test_an_answer_that_rests_on_a_lame_search_is_not_kept(service: Answers) -> None:
    service.retrieval.found = Found((PARIS,), (Reason("vectors", "vectors_unavailable"),))
    await service.ask()
    await service.ask()
    assert len(service.model.prompts) == 2


async def test_ten_equal_questions_at_once_make_one_call(service: Answers) -> None:
    answers = await service.asked_at_once(10)
    assert (len(service.model.prompts), len({one.id for one in answers})) == (1, 10)
    assert {one.answer for one in answers} == {"Paris [1]."}
    assert [await service.ledger.answers.get(one.id, EVERYBODY) for one in answers] == answers


async def test_all_who_share_an_answer_that_broke_off_hear_that_nothing_was_found(
    service: Answers,
) -> None:
    service.break_model(Delta("Par"))
    answers = await service.asked_at_once(3, "How do I bake sourdough bread?")
    assert len(service.model.prompts) == 1
    assert [(one.served_by, one.complete, one.reasons) for one in answers] == [
        ("extractive", True, (Reason("main", "llm_unavailable"),))
    ] * 3


async def test_after_cut_words_the_old_answer_comes_whole_behind_a_restart(service: Answers) -> None:
    await service.ask()
    service.now_s += 3600
    service.break_model(Delta("Par"))
    events = await service.received()
    assert [type(event) for event in events] == [PassagesFound, Delta, Restart, Delta, Done]
    assert events[2] == Restart("stale_cache", "llm_unavailable")


async def test_kept_knowledge_answers_what_the_documents_do_not(service: Answers) -> None:
    service.retrieval.found = Found(())
    answer = await service.ask("When is the office open?")
    assert (answer.served_by, answer.answer) == ("static_knowledge", "From nine to five.")
    assert not answer.degraded


async def test_kept_knowledge_answers_when_every_store_is_down(service: Answers) -> None:
    service.retrieval.found = Unavailable("gone", code="ledger_unavailable")
    await service.ledger.aclose()
    events = await service.received("When is the office open?")
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert (answer.served_by, answer.degraded) == ("static_knowledge", True)
    assert Reason("retrieval", "ledger_unavailable") in answer.reasons
