"""What a scripted model server says is held to the passages, over a real socket."""

from contextlib import aclosing

import pytest

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.settings import AnswerSettings
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Answer
from kotaemon_async.stores.ledger import Ledger
from tests.support.answering import QUESTION, FakeRetrieval, Pages
from tests.support.llm_server import llm_server, provider_of


async def asked(ledger: Ledger, *words: str) -> Answer:
    """The answer to the capital's question when the model says these words."""
    async with llm_server("ok") as server:
        server.words = words
        async with aclosing(provider_of(server)) as link:
            await link.warm()
            answering = Answering(
                retrieval=FakeRetrieval(),
                chain=Chain([link, ExtractiveProvider()]),
                documents=Pages(),
                answers=ledger.answers,
                access=ledger.access,
                settings=AnswerSettings(),
            )
            return await answering.answer(Ask(QUESTION, EVERYBODY))


@pytest.mark.parametrize(("words", "served_by", "verdicts"), [
    (("Paris ", "is the ", "capital [", "1]."), "primary", ["supported"]),
    (("The capital is Paris ", "[1]. ", "It has 20 districts [1]."), "primary", ["supported", "unsupported"]),
    (("The A-7 ", "leads to Paris [1]."), "extractive", []),
    (("巴黎有20个区", "[1]。"), "extractive", []),
])  # fmt: skip
async def test_a_models_words_are_given_as_far_as_sources_support_them(
    ledger: Ledger, words: tuple[str, ...], served_by: str, verdicts: list[str]
) -> None:
    answer = await asked(ledger, *words)
    assert answer.served_by == served_by
    assert [claim.verdict for claim in answer.claims] == verdicts


async def test_what_was_refused_is_kept_with_the_answer(ledger: Ledger) -> None:
    answer = await asked(ledger, "Paris has ", "20 districts [1].")
    kept = await ledger.answers.get(answer.id, EVERYBODY)
    assert (kept.rejected, kept.served_by) == ("Paris has 20 districts.", "extractive")
    assert kept.reasons[0].code == "unsupported"
