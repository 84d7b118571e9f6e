"""Whether passages have to do with a question, over a real keyword index."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from kotaemon_async.answers.relevance import Relevance, covered
from kotaemon_async.domain.model import Page, Passage
from kotaemon_async.stores.keywords import Keywords
from kotaemon_async.stores.ledger import Ledger
from tests.support.answering import passage
from tests.support.ledger import batch_of, claimed, new_document

TEXTS = [
    "The lighthouse keeper wound the clock every evening.",
    "The harbour has twelve ferries and the ferries are white. The Ferry Act of 1936 protects Port Ellis.",
    "灯塔看守人每天晚上给时钟上发条。",
]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    await ledger.documents.accept(new_document("d"), 1.0)
    pages = [Page(number, text) for number, text in enumerate(TEXTS, start=1)]
    await ledger.claims.commit_batch(await claimed(ledger, "d"), batch_of(pages), 1.0)
    yield ledger
    await ledger.aclose()


@pytest.fixture
def keywords(ledger: Ledger) -> Keywords:
    return ledger.keywords


def passages() -> list[Passage]:
    return [passage(text, page=number) for number, text in enumerate(TEXTS, start=1)]


async def test_a_term_is_the_rarer_the_fewer_chunks_hold_it(keywords: Keywords) -> None:
    found = await keywords.rarity(["the", "ferri", "unheard"])
    assert found["the"] < found["ferri"] < found["unheard"]


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("When does the keeper wind the clock?", True),
        ("How many ferries does the harbour have?", True),
        ("灯塔看守人什么时候给时钟上发条？", True),
        ("What does the Ferry Act of 1936 protect?", True),
        ("What does the Ferry Act of 1963 protect?", False),
        ("What does the Ferry Act protect in Port Allen?", False),
        ("What does the Ferry Act not protect?", False),
        ("In what year did the keeper wind the clock every evening?", False),
        ("How do I bake sourdough bread?", False),
        ("Which vitamins does spinach contain?", False),
        ("1936年灯塔看守人给时钟上发条吗？", True),
        ("1963年灯塔看守人给时钟上发条吗？", False),
        ("如何烘焙酸面包？", False),
        ("?", True),
    ],
)
async def test_questions_about_other_things_are_told(keywords: Keywords, question: str, holds: bool) -> None:
    assert await Relevance(keywords).holds(question, passages()) is holds


async def test_when_it_cannot_be_told_the_passages_count_as_relevant(ledger: Ledger) -> None:
    await ledger.aclose()
    assert await Relevance(ledger.keywords).holds("How do I bake sourdough bread?", passages())


async def test_a_number_may_stand_in_the_name_of_the_document(keywords: Keywords) -> None:
    found = [replace(passage, document_name="ferries 2020.pdf") for passage in passages()]
    assert await Relevance(keywords).holds("How many ferries had the harbour in 2020?", found)
    assert not await Relevance(keywords).holds("How many ferries had the harbour in 2021?", found)


async def test_the_subject_of_the_only_document_is_no_common_word(keywords: Keywords) -> None:
    found = await keywords.rarity(["ferri", "unheard"])
    assert found["ferri"] > found["unheard"] / 2


def test_the_share_is_that_of_the_best_passage() -> None:
    assert covered({"a": 3.0, "b": 1.0}, ["a", "b c"]) == 0.75
    assert covered({"a": 1.0}, []) == 0.0
