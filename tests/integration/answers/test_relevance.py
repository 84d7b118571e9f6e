"""Which questions have an answer by their words alone, over a real keyword index."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Finish, NoAnswer, Prompt
from kotaemon_async.domain.model import Outcome, Page
from kotaemon_async.stores.keywords import Keywords
from kotaemon_async.stores.ledger import Ledger
from tests.support.answering import source
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


async def outcome(keywords: Keywords, question: str) -> Outcome:
    sources = tuple(source(text, page=number) for number, text in enumerate(TEXTS, start=1))
    provider = ExtractiveProvider(rarity=keywords)
    try:
        pieces = [one async for one in provider.stream(Prompt(question, sources=sources), Deadline.within(5))]
    except NoAnswer:
        return "nothing"
    assert isinstance(pieces[-1], Finish)
    return pieces[-1].outcome


async def test_a_term_is_the_rarer_the_fewer_chunks_hold_it(keywords: Keywords) -> None:
    found = await keywords.rarity(["the", "ferri", "unheard"])
    assert found["the"] < found["ferri"]
    assert "unheard" not in found


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When does the keeper wind the clock?", "answer"),
        ("How many ferries does the harbour have?", "answer"),
        ("灯塔看守人什么时候给时钟上发条？", "answer"),
        ("What does the Ferry Act of 1936 protect?", "answer"),
        ("What does the Ferry Act of 1963 protect?", "nearest"),
        ("What does the Ferry Act protect in Port Allen?", "nearest"),
        ("What does the Ferry Act not protect?", "nearest"),
        ("In what year did the keeper wind the clock every evening?", "nearest"),
        ("How do I bake sourdough bread?", "nothing"),
        ("Which vitamins does spinach contain?", "nothing"),
        ("1963年灯塔看守人给时钟上发条吗？", "nearest"),
        ("如何烘焙酸面包？", "nothing"),
        ("?", "nothing"),
    ],
)
async def test_questions_about_other_things_are_told(
    keywords: Keywords, question: str, expected: Outcome
) -> None:
    assert await outcome(keywords, question) == expected


async def test_the_subject_of_the_only_document_is_no_common_word(keywords: Keywords) -> None:
    assert (await keywords.rarity(["ferri"]))["ferri"] > 6
