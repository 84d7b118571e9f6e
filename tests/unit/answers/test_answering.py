"""From a question to its answer, with small fakes for retrieval, ledger and model."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import pytest

from kotaemon_async.answers.answering import Answering, Scopes
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, PassagesFound, Restart
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.follow_up import QuestionRewriter
from kotaemon_async.answers.llm.base import Delta, Finish, Provider
from kotaemon_async.answers.overview import Overviews
from kotaemon_async.answers.settings import AnswerDefaults, AnswerSettings
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.domain.model import Answer, Found, Reason, Scope, Usage
from kotaemon_async.search.retrieval import SearchLost
from kotaemon_async.stores.conversations import Turn
from kotaemon_async.stores.documents import Shelf, Unread
from tests.support.answering import (
    DOWN,
    PAGE,
    PARIS,
    QUESTION,
    Everywhere,
    FakeRetrieval,
    Model,
    Pages,
    passage,
)


@dataclass
class Ledger(Pages):
    broken: bool = False
    hangs: bool = False
    saved: list[tuple[Answer, str | None]] = field(default_factory=list)

    async def check_conversation(self, conversation_id: str, caller: Caller) -> None:
        if conversation_id == "another's":
            raise Refused("There is no conversation.", code="not_found")

    async def save(self, answer: Answer, conversation_id: str | None, caller: Caller, now_s: float) -> None:
        await anyio.lowlevel.checkpoint()
        if self.hangs:
            with anyio.CancelScope(shield=True):  # as a write does
                await anyio.sleep_forever()
        if self.broken:
            raise Unavailable("disk", code="ledger_unavailable")
        self.saved.append((answer, conversation_id))


class Away:
    """Does not tell who may look where."""

    async def scope(self, caller: Caller, collection: str | None, document_ids: Sequence[str]) -> Scope:
        raise Unavailable("disk", code="ledger_unavailable")


@dataclass
class Before:
    """Conversations that all have had the same turns."""

    turns_before: tuple[tuple[str, str], ...]

    async def turns(
        self, conversation_id: str, caller: Caller, limit: int, before: str | None = None
    ) -> list[Turn]:
        return [Turn(Answer("a", q, a, "primary", False, (), (), ""), 1.0) for q, a in self.turns_before]


DEFAULTS = AnswerDefaults()


def answering(
    *providers: Provider,
    retrieval: FakeRetrieval | None = None,
    ledger: Ledger | None = None,
    access: Scopes | None = None,
    history: tuple[tuple[str, str], ...] = (),
    defaults: AnswerDefaults = DEFAULTS,
) -> Answering:
    chain = Chain(providers or (ExtractiveProvider(),))
    kept = ledger or Ledger()
    return Answering(
        retrieval=retrieval or FakeRetrieval(),
        chain=chain,
        documents=kept,
        answers=kept,
        access=access or Everywhere(),
        rewriter=QuestionRewriter(Before(history)),
        overviews=Overviews(kept, retrieval or FakeRetrieval(), Before(history)),
        settings=AnswerSettings(),
        defaults=lambda: defaults,
        clock=lambda: 1.0,
    )


async def received(service: Answering, question: str = QUESTION) -> list[Event]:
    return [event async for event in service.stream(Ask(question, EVERYBODY, conversation_id="c1"))]


def last(events: list[Event]) -> Answer:
    assert isinstance(events[-1], Done | Interrupted)
    return events[-1].answer


async def test_without_a_model_the_answer_is_extractive_and_not_degraded() -> None:
    answer = last(await received(answering()))
    assert (answer.served_by, answer.degraded, answer.reasons) == ("extractive", False, ())
    assert "Paris is the capital of France." in answer.answer
    cited = answer.citations[0]
    assert (cited.id, cited.marker, cited.page, cited.quote in PAGE) == (f"{answer.id}.1", 1, 3, True)


async def test_a_model_answer_has_its_usage_and_a_quote_for_its_marker() -> None:
    model = Model(Delta("The capital is Paris [1]. Sure [4]."), Finish(Usage(9, 2)))
    answer = last(await received(answering(model, ExtractiveProvider())))
    assert (answer.answer, answer.served_by) == ("The capital is Paris [1]. Sure.", "primary")
    assert (answer.usage, answer.degraded) == (Usage(9, 2), False)
    assert [(c.marker, "Paris is the capital" in c.quote) for c in answer.citations] == [(1, True)]


async def test_how_an_answer_is_to_be_comes_from_the_question_or_else_from_the_settings() -> None:
    model = Model(Delta("Paris [1]."), Finish())
    service = answering(model, defaults=AnswerDefaults("long", "zh"))
    await service.answer(Ask(QUESTION, EVERYBODY))
    await service.answer(Ask(QUESTION, EVERYBODY, length="short", language="en"))
    assert [(one.length, one.language) for one in model.prompts] == [("long", "zh"), ("short", "en")]


async def test_the_service_speaks_the_language_that_is_wanted() -> None:
    service = answering(Model(), retrieval=FakeRetrieval(Found(())))
    said = await service.answer(Ask("Why?", EVERYBODY, language="zh"))
    thanked = await service.answer(Ask("谢谢", EVERYBODY, language="en"))
    assert said.answer.startswith("在这些文档中")
    assert thanked.answer.startswith("You are welcome")


async def test_the_link_that_is_named_answers_and_its_failure_is_told() -> None:
    service = answering(Model(Delta("Paris [1]."), Finish(), name="one"), Model(DOWN, name="two"))
    answer = await service.answer(Ask(QUESTION, EVERYBODY, link="two"))
    assert (answer.answer, answer.reasons) == ("Paris [1].", (Reason("two", "llm_unavailable"),))
    with pytest.raises(Refused, match="no language model 'three'"):
        await service.answer(Ask(QUESTION, EVERYBODY, link="three"))


async def test_a_claim_in_another_language_keeps_its_citation() -> None:
    model = Model(Delta("法国的首都是巴黎[1]。"), Finish())
    answer = last(await received(answering(model), "法国的首都是哪里？"))
    assert answer.citations[0].quote in PAGE


async def test_a_failure_before_the_first_token_is_not_seen_but_told_in_the_answer() -> None:
    events = await received(answering(Model(DOWN), ExtractiveProvider()))
    assert [type(event) for event in events] == [PassagesFound, Delta, Done]
    assert (last(events).served_by, last(events).degraded) == ("extractive", True)
    assert last(events).reasons == (Reason("main", "llm_unavailable"),)


async def test_after_text_a_restart_comes_before_the_whole_new_answer() -> None:
    events = await received(answering(Model(Delta("Par"), DOWN), ExtractiveProvider()))
    assert [type(event) for event in events] == [PassagesFound, Delta, Restart, Delta, Done]
    assert events[2] == Restart("extractive", "llm_unavailable")
    assert not last(events).answer.startswith("Par [")
    assert "ParParis" not in last(events).answer


async def test_when_nothing_can_follow_the_answer_is_interrupted() -> None:
    events = await received(
        answering(Model(Delta("Par"), DOWN), Model(DOWN, name="second", served_by="local"))
    )
    assert isinstance(events[-1], Interrupted)
    assert not last(events).complete
    assert (last(events).answer, last(events).served_by, last(events).degraded) == ("Par", "primary", True)
    assert not any(isinstance(event, Restart) for event in events)


async def test_a_whole_answer_is_never_a_cut_one() -> None:
    answer = await answering(Model(Delta("Par"), DOWN)).answer(Ask("Capital?", EVERYBODY))
    assert (answer.served_by, answer.degraded, answer.answer.startswith("Sorry")) == ("busy", True, True)


@pytest.mark.parametrize(("question", "begins"), [("Why?", "I found nothing"), ("为什么？", "在这些文档中")])
async def test_nothing_found_is_said_in_the_language_of_the_question(question: str, begins: str) -> None:
    answer = last(await received(answering(Model(), retrieval=FakeRetrieval(Found(()))), question))
    assert (answer.served_by, answer.outcome, answer.degraded) == ("extractive", "nothing", False)
    assert answer.answer.startswith(begins)


@pytest.mark.parametrize(
    ("question", "unread", "end"),
    [
        ("Why?", Unread(1, 1), "But 1 page could not be read; it may stand there."),
        ("Why?", Unread(4, 1), "But 4 pages of 1 document could not be read; it may stand there."),
        ("Why?", Unread(4, 2), "But 4 pages of 2 documents could not be read; it may stand there."),
        ("为什么？", Unread(4, 2), "内容。另有 2 个文档中的 4 页未能读取，答案可能在其中。"),
    ],
)
async def test_nothing_found_tells_of_pages_that_could_not_be_read(
    question: str, unread: Unread, end: str
) -> None:
    ledger = Ledger(not_read=unread)
    answer = last(
        await received(answering(Model(), retrieval=FakeRetrieval(Found(())), ledger=ledger), question)
    )
    assert (answer.outcome, answer.answer.endswith(end)) == ("nothing", True)


@pytest.mark.parametrize(
    ("shelf", "question", "begins", "code"),
    [
        (Shelf((), 0, 0), "Why?", "There are no documents", "no_documents"),
        (Shelf((), 0, 0), "为什么？", "这里还没有可以提问的文档", "no_documents"),
        (Shelf((), 0, 2, 1), "Why?", "The 2 documents here are still", "documents_unfinished"),
        (Shelf((), 0, 0, 3), "Why?", "None of the 3 documents here could be read", "documents_failed"),
    ],
)
async def test_where_no_document_can_be_found_the_answer_says_so(
    shelf: Shelf, question: str, begins: str, code: str
) -> None:
    service = answering(Model(), retrieval=FakeRetrieval(Found(())), ledger=Ledger(on_shelf=shelf))
    answer = last(await received(service, question))
    assert (answer.outcome, answer.degraded, answer.citations) == ("nothing", False, ())
    assert (answer.reasons, answer.answer[: len(begins)]) == ((Reason("documents", code),), begins)


@pytest.mark.parametrize(("question", "begins"), [("Why?", "Sorry"), ("为什么？", "抱歉")])
async def test_without_retrieval_a_polite_sentence_says_so(question: str, begins: str) -> None:
    gone = Unavailable("gone", code="ledger_unavailable")
    answer = last(await received(answering(retrieval=FakeRetrieval(gone)), question))
    assert (answer.served_by, answer.reasons) == ("busy", (Reason("retrieval", "ledger_unavailable"),))
    assert answer.answer.startswith(begins)


async def test_retrieval_that_hangs_leaves_time_for_an_answer() -> None:
    answer = await answering(retrieval=FakeRetrieval(anyio.Event())).answer(
        Ask("Why?", EVERYBODY, deadline_s=0.05)
    )
    assert (answer.served_by, answer.reasons) == ("busy", (Reason("retrieval", "timeout"),))


async def test_what_retrieval_missed_is_told_with_the_answer() -> None:
    lost = Reason("vectors", "vectors_unavailable")
    events = await received(answering(retrieval=FakeRetrieval(Found((PARIS,), (lost,)))))
    assert events[0] == PassagesFound((PARIS,), (lost,))
    assert (last(events).degraded, last(events).reasons) == (True, (lost,))


async def test_a_passage_that_no_longer_stands_on_its_page_is_not_used() -> None:
    events = await received(answering(ledger=Ledger(page="Other words.")))
    assert (events[0], last(events).citations) == (PassagesFound((), ()), ())


async def test_an_unknown_document_is_refused() -> None:
    with pytest.raises(Refused):
        await received(answering(retrieval=FakeRetrieval(Refused("no such document", code="not_found"))))


async def test_the_answer_is_kept_as_it_was_sent() -> None:
    ledger = Ledger()
    answer = await answering(ledger=ledger).answer(Ask("Capital of France?", EVERYBODY, conversation_id="c1"))
    assert ledger.saved == [(answer, "c1")]


@pytest.mark.parametrize("question", ["🚀", "( )"])
async def test_signs_find_nothing_and_no_model_is_asked(question: str) -> None:
    model = Model(Delta("Paris [1]."), Finish())
    answer = last(await received(answering(model, ExtractiveProvider()), question))
    assert (answer.outcome, answer.citations, model.prompts) == ("nothing", (), [])


async def test_what_the_question_insists_on_and_the_nearest_lacks_is_told() -> None:
    answer = last(await received(answering(), "What was the capital of France in 1871?"))
    assert (answer.outcome, answer.missing) == ("nearest", ("1871",))


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same() -> None:
    answer = last(await received(answering(ledger=Ledger(broken=True))))
    assert ("Paris" in answer.answer, answer.degraded) == (True, True)
    assert answer.reasons == (Reason("ledger", "ledger_unavailable"),)


async def test_an_answer_whose_record_hangs_is_given_in_time_and_says_so() -> None:
    with anyio.fail_after(60):
        answer = await answering(ledger=Ledger(hangs=True)).answer(
            Ask("Capital of France?", EVERYBODY, deadline_s=1.0)
        )
    assert ("Paris" in answer.answer, answer.reasons) == (True, (Reason("ledger", "timeout"),))


async def test_lanes_that_are_lost_are_told_one_by_one() -> None:
    lost = (Reason("vectors", "timeout"), Reason("keywords", "ledger_unavailable"))
    answer = last(await received(answering(retrieval=FakeRetrieval(SearchLost(lost)))))
    assert (answer.served_by, answer.reasons) == ("busy", lost)


async def test_the_record_is_written_although_the_question_is_cancelled() -> None:
    ledger = Ledger()
    with anyio.CancelScope() as scope:
        async for event in answering(ledger=ledger).stream(Ask("Capital of France?", EVERYBODY)):
            if isinstance(event, Delta):
                scope.cancel()
    assert len(ledger.saved) == 1


async def test_a_client_that_leaves_closes_the_stream_of_the_model() -> None:
    model = Model(Delta("Par"), Delta("is"), Finish())
    stream = answering(model).stream(Ask("Capital?", EVERYBODY))
    async for event in stream:
        if isinstance(event, Delta):
            break
    await stream.aclose()
    assert model.closed


async def test_the_times_of_an_answer_are_in_order() -> None:
    times = last(await received(answering())).timings_s
    assert 0 <= times["retrieval"] <= times["first_token"] <= times["total"] < 1


async def test_sentences_without_a_marker_are_named() -> None:
    model = Model(Delta("The capital is Paris [1]. It has many bridges. 河很长。[1] 山很高。"), Finish())
    answer = last(await received(answering(model)))
    assert answer.uncited == ("It has many bridges.", "山很高。")


async def test_an_extractive_answer_has_no_sentence_without_a_marker() -> None:
    assert last(await received(answering())).uncited == ()


async def test_each_sentence_in_front_of_a_shared_marker_has_a_source() -> None:
    page = "Lake Saimar lies near Karst. Lake Saimar is 106 metres deep."
    retrieval = FakeRetrieval(Found((passage(page),)))
    service = answering(retrieval=retrieval, ledger=Ledger(page))
    answer = last(await received(service, "How deep is Lake Saimar, and where does Lake Saimar lie?"))
    assert (answer.answer.count("Saimar"), answer.answer.count("[1]")) == (2, 1)
    assert answer.uncited == ()


async def left_after(service: Answering, deltas: int, ask: Ask) -> None:
    """Read the stream up to so many Deltas, then leave."""
    async with aclosing(service.stream(ask)) as stream:
        async for event in stream:
            deltas -= isinstance(event, Delta)
            if deltas == 0:
                return


async def cancelled_once_asked(service: Answering, model: Model, ask: Ask) -> None:
    """Ask for the whole answer and give up while the model is silent."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.answer, ask)
        await model.asked.wait()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


async def test_a_reader_who_leaves_a_stream_leaves_the_turn_behind() -> None:
    ledger, model = Ledger(), Model(Delta("Paris is "), Delta("the "), anyio.Event())
    await left_after(answering(model, ledger=ledger), 2, Ask(QUESTION, EVERYBODY, conversation_id="c1"))
    ((kept, conversation),) = ledger.saved
    assert (kept.question, kept.answer, kept.complete) == (QUESTION, "Paris is the ", False)
    assert (kept.served_by, conversation, model.closed) == ("primary", "c1", True)


@pytest.mark.parametrize(("said", "shown"), [("Paris [1].", "Paris [1]."), ("It is ", "It is ")])
@pytest.mark.parametrize("end", [DOWN, anyio.Event()], ids=["cut", "stopped"])
async def test_an_answer_that_broke_off_keeps_its_sources(
    said: str, shown: str, end: Exception | anyio.Event
) -> None:
    ledger, model = Ledger(), Model(Delta(said), end)
    await left_after(answering(model, ledger=ledger), 2 if end is DOWN else 1, Ask(QUESTION, EVERYBODY))
    ((kept, _),) = ledger.saved
    assert (kept.answer, kept.complete, kept.link) == (shown, False, "main")
    assert [(one.id, one.document_name) for one in kept.citations] == [(f"{kept.id}.1", "a.pdf")]


async def test_who_gives_up_waiting_for_a_whole_answer_leaves_the_turn_behind() -> None:
    ledger, model = Ledger(), Model(Delta("Paris "), anyio.Event())
    await cancelled_once_asked(
        answering(model, ledger=ledger), model, Ask("Capital?", EVERYBODY, conversation_id="c1")
    )
    assert [(one.question, one.answer, one.complete) for one, _ in ledger.saved] == [
        ("Capital?", "Paris ", False)
    ]


async def test_a_question_that_is_stopped_before_any_word_is_kept() -> None:
    ledger, found = Ledger(), FakeRetrieval(anyio.Event())
    async with anyio.create_task_group() as tasks:
        ask = Ask("为什么？", EVERYBODY, conversation_id="c1")
        tasks.start_soon(answering(ledger=ledger, retrieval=found).answer, ask)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert [(one.question, one.answer, one.complete) for one, _ in ledger.saved] == [("为什么？", "", False)]


async def test_words_that_a_restart_made_void_are_not_kept() -> None:
    ledger, second = Ledger(), Model(Delta("Lyon"), anyio.Event(), name="second", served_by="local")
    service = answering(Model(Delta("Par"), DOWN), second, ledger=ledger)
    await left_after(service, 2, Ask("Capital?", EVERYBODY, conversation_id="c1"))
    assert [(one.answer, one.served_by) for one, _ in ledger.saved] == [("Lyon", "local")]


async def test_a_reader_who_leaves_after_the_end_leaves_one_whole_turn() -> None:
    ledger = Ledger()
    async with aclosing(answering(ledger=ledger).stream(Ask(QUESTION, EVERYBODY))) as stream:
        async for event in stream:
            if isinstance(event, Done):
                break
    assert [one.complete for one, _ in ledger.saved] == [True]


async def test_a_refusal_leaves_no_turn() -> None:
    ledger, refused = Ledger(), FakeRetrieval(Refused("no such document", code="not_found"))
    with pytest.raises(Refused):
        await answering(ledger=ledger, retrieval=refused).answer(Ask("Why?", EVERYBODY, conversation_id="c1"))
    assert ledger.saved == []


@pytest.mark.parametrize(("message", "begins"), [("hello", "Hello!"), ("谢谢！", "不客气")])
async def test_small_talk_gets_a_reply_without_passages_and_without_a_model(
    message: str, begins: str
) -> None:
    model = Model(Delta("x"), Finish())
    events = await received(answering(model), message)
    assert events[0] == PassagesFound((), ())
    assert (last(events).answer.startswith(begins), last(events).citations, model.prompts) == (True, (), [])
    assert (last(events).degraded, last(events).outcome) == (False, "answer")


async def test_a_new_subject_is_asked_by_itself_when_the_old_question_finds_nothing() -> None:
    page = "The harbour freezes in winter."
    retrieval = FakeRetrieval(by_query={"the harbour": Found((passage(page),))})
    before = (("Who built the lighthouse?", "Ole."),)
    service = answering(retrieval=retrieval, ledger=Ledger(page), history=before)
    answer = last(await received(service, "And the harbour?"))
    assert retrieval.queries == ["Who built the harbour?", "the harbour"]
    assert answer.answer == "The harbour freezes in winter. [1]"


async def test_go_on_tells_what_is_left_and_then_that_it_is_all() -> None:
    page = "Paris is the capital of France. The capital of France has two million people."
    told = (QUESTION, "Paris is the capital of France. [1]")
    more = ("go on", "The capital of France has two million people. [1]")
    retrieval = FakeRetrieval(Found((passage(page),)))
    service = answering(retrieval=retrieval, ledger=Ledger(page), history=(told,))
    assert last(await received(service, "go on")).answer == more[1]
    service = answering(retrieval=retrieval, ledger=Ledger(page), history=(told, more))
    assert last(await received(service, "继续")).answer == "在这些文档中没有找到更多相关内容。"


FALSE = "Paris was founded in 1850 [1]."


async def test_words_that_no_source_supports_make_room_for_the_next_tier() -> None:
    answer = last(await received(answering(Model(Delta(FALSE), Finish()), ExtractiveProvider())))
    assert (answer.served_by, answer.answer) == ("extractive", "Paris is the capital of France. [1]")
    assert (answer.degraded, answer.reasons) == (True, (Reason("main", "unsupported"),))
    assert (answer.rejected, answer.claims) == ("Paris was founded in 1850.", ())


async def test_words_that_were_sent_and_are_unsupported_are_taken_back() -> None:
    events = await received(answering(Model(Delta(FALSE), Finish()), ExtractiveProvider()))
    assert [type(event) for event in events] == [PassagesFound, Delta, Restart, Delta, Done]
    assert events[2] == Restart("extractive", "unsupported")


async def test_when_nothing_can_follow_unsupported_words_they_are_no_answer() -> None:
    events = await received(answering(Model(Delta(FALSE), Finish())))
    assert [type(event) for event in events] == [PassagesFound, Delta, Restart, Delta, Done]
    assert (last(events).served_by, last(events).rejected) == ("busy", "Paris was founded in 1850.")


async def test_an_answer_of_which_something_stands_is_given_with_its_claims() -> None:
    model = Model(Delta("Paris is the capital [1]. Lyon lies on 3 rivers [1]."), Finish())
    answer = last(await received(answering(model, ExtractiveProvider())))
    assert (answer.served_by, answer.rejected) == ("primary", None)
    found = [(claim.verdict, claim.reason, claim.markers) for claim in answer.claims]
    assert found == [("supported", None, (1,)), ("unsupported", "figure", (1,))]


async def test_a_second_model_answers_when_the_first_is_not_supported() -> None:
    second = Model(Delta("Paris is the capital [1]."), Finish(), name="second", served_by="local")
    answer = last(await received(answering(Model(Delta(FALSE), Finish()), second)))
    assert (answer.served_by, answer.rejected) == ("local", "Paris was founded in 1850.")
    assert [claim.verdict for claim in answer.claims] == ["supported"]


async def test_a_summary_is_made_of_the_document_that_is_named() -> None:
    answer = last(await received(answering(), "Summarize a.pdf"))
    assert answer.answer.startswith("**a**: Paris is the capital of France.")
    assert ([one.marker for one in answer.citations], answer.outcome) == ([1], "answer")


async def test_a_model_is_shown_the_passages_that_sum_the_document_up() -> None:
    model = Model(Delta("It is about Paris [1]."), Finish())
    answer = last(await received(answering(model), "Summarize a.pdf"))
    (prompt,) = model.prompts
    assert (prompt.question, [one.text for one in prompt.passages]) == ("Summarize a.pdf", [PAGE])
    assert (answer.served_by, len(answer.citations)) == ("primary", 1)


async def test_which_document_is_meant_is_asked_without_passages() -> None:
    events = await received(answering(Model()), "总结一下")
    assert events[0] == PassagesFound((), ())
    assert last(events).answer == "您指的是哪个文档？共有 2 个，例如：a.pdf、b.pdf。"


async def test_a_summary_of_something_else_is_an_ordinary_question() -> None:
    retrieval = FakeRetrieval()
    answer = last(await received(answering(retrieval=retrieval), "Summarize the capital of France"))
    assert retrieval.queries[-1] == "the capital of France"
    assert answer.answer == "Paris is the capital of France. [1]"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_question_in_anothers_conversation_is_refused_before_anything_is_sent(
    streamed: bool,
) -> None:
    ledger, found = Ledger(), FakeRetrieval()
    service = answering(ledger=ledger, retrieval=found)
    ask = Ask(QUESTION, EVERYBODY, conversation_id="another's")
    with pytest.raises(Refused, match="no conversation"):
        await (anext(service.stream(ask)) if streamed else service.answer(ask))
    assert (found.queries, ledger.saved) == ([], [])


async def test_while_the_ledger_does_not_tell_what_is_theirs_callers_look_nowhere() -> None:
    found = FakeRetrieval()
    service = answering(retrieval=found, access=Away())
    caller = Caller("key_1", "alice", scopes=frozenset({"ask"}))
    for question in (QUESTION, "Which documents are there?"):
        answer = await service.answer(Ask(question, caller))
        assert (answer.served_by, answer.reasons) == ("busy", (Reason("ledger", "ledger_unavailable"),))
    assert found.queries == []
    assert (await service.answer(Ask(QUESTION, EVERYBODY))).served_by == "extractive"
