"""What is suggested after an answer, over a real ledger."""

from dataclasses import replace

import anyio

from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.answers.next_questions import NextQuestions
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Answer, Citation, Page, Scope
from kotaemon_async.stores.ledger import Ledger
from tests.support.ledger import batch_of, make_ready, new_document

PUMP = "The pump of Tal was built in 1931. The shaft seal is replaced every 4,000 hours."
BUILT, SEAL = "When was the pump of Tal built?", "How often is the shaft seal replaced?"
QUOTE = Citation("ans_1.1", 1, "doc_1", "a.pdf", 1, "The pump of Tal was built in 1931.", 0.9)
GIVEN = Answer(
    "ans_1", BUILT, "The pump of Tal was built in 1931. [1]", "extractive", False, (), (QUOTE,), "t"
)


async def after(ledger: Ledger, answer: Answer, ask: Ask | None = None) -> tuple[str, ...]:
    if not await ledger.overviews.newest(Scope(), 1):
        await ledger.documents.accept(new_document("doc_1"), 1.0)
        await make_ready(ledger, "doc_1", batch_of([Page(1, PUMP)]))
        made = DocumentOverviews(ledger.documents, ledger.overviews, ledger.access)
        await made.of_document(EVERYBODY, "doc_1")
    given = ask or Ask(answer.question, EVERYBODY)
    questions = NextQuestions(ledger.overviews, ledger.conversations)
    return await questions.after(answer, given, Scope(), Deadline.within(5.0))


async def test_what_is_asked_and_answered_is_not_suggested_again(ledger: Ledger) -> None:
    assert await after(ledger, GIVEN) == (SEAL,)
    assert await after(ledger, replace(GIVEN, question="How old is it?")) == (SEAL,)


async def test_what_was_asked_in_the_conversation_is_not_suggested(ledger: Ledger) -> None:
    earlier = replace(GIVEN, id="ans_0", question="how often is the shaft seal replaced")
    await ledger.answers.save(earlier, "conv_1", EVERYBODY, 1.0)
    assert await after(ledger, GIVEN, Ask(BUILT, EVERYBODY, conversation_id="conv_1")) == ()
    assert await after(ledger, GIVEN, Ask(BUILT, EVERYBODY, history=((SEAL, "4,000."),))) == ()


async def test_the_same_in_other_words_is_not_suggested(ledger: Ledger) -> None:
    again = replace(GIVEN, question="Tell me how often the shaft seal gets replaced!")
    assert await after(ledger, again) == ()


async def test_what_has_nothing_to_do_with_the_answer_is_not_suggested(ledger: Ledger) -> None:
    elsewhere = replace(QUOTE, page=9)
    assert await after(ledger, replace(GIVEN, citations=(elsewhere,))) == ()


async def test_where_nothing_was_found_there_is_something_else_to_ask(ledger: Ledger) -> None:
    nothing = replace(GIVEN, question="Why?", answer="Nothing.", citations=(), outcome="nothing")
    assert await after(ledger, nothing) == (BUILT, SEAL)


async def test_without_the_ledger_nothing_is_suggested(ledger: Ledger) -> None:
    await after(ledger, GIVEN)
    with anyio.fail_after(60):
        await ledger.aclose()
        assert await after_closed(ledger) == ()


async def after_closed(ledger: Ledger) -> tuple[str, ...]:
    questions = NextQuestions(ledger.overviews, ledger.conversations)
    return await questions.after(GIVEN, Ask(BUILT, EVERYBODY), Scope(), Deadline.within(5.0))
