"""Overviews of documents over a real ledger: made, kept, made anew, and had by those who may read."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from kotaemon_async.answers import document_overviews
from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.key_points import key_points
from kotaemon_async.answers.llm.base import Delta, Finish, Provider
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Page, Scope
from kotaemon_async.domain.overviews import KeyPoint
from kotaemon_async.stores.ledger import Ledger
from tests.support.answering import DOWN, Model
from tests.support.ledger import batch_of, make_ready, new_document

PUMP = "The pump of Tal was built in 1931. The shaft seal is replaced every 4,000 hours."
CRANE = "The crane of Hale was sold in 1960. Its oil is changed in May. The crane weighs 40 tonnes."
SAID = "- The pump dates from 1931 [1].\n- It has 12 valves [1].\n- Its shaft seal lasts 4,000 hours [1]."


async def add(ledger: Ledger, number: int, text: str, collection: str = "default") -> str:
    name = f"doc_{number}"
    await ledger.documents.accept(new_document(name, collection=collection), float(number))
    await make_ready(ledger, name, batch_of([Page(1, text)]))
    return name


def overviews(ledger: Ledger, *links: Provider) -> DocumentOverviews:
    chain = Chain(links) if links else None

    async def at_once(_: float) -> None:
        await anyio.lowlevel.checkpoint()

    return DocumentOverviews(ledger.documents, ledger.overviews, ledger.access, chain=chain, sleep=at_once)


async def points(made: DocumentOverviews, document_id: str) -> list[str]:
    found = await made.of_document(EVERYBODY, document_id)
    return [one.text for one in found.overview.points]


async def test_an_overview_is_made_when_it_is_asked_for_and_kept(ledger: Ledger) -> None:
    document = await add(ledger, 1, PUMP)
    found = await overviews(ledger).of_document(EVERYBODY, document)
    assert (found.document_name, found.overview.by) == ("file doc_1.pdf", "extractive")
    assert [one.text for one in found.overview.questions] == [
        "When was the pump of Tal built?",
        "How often is the shaft seal replaced?",
    ]
    assert (await ledger.overviews.of_documents([document]))[document] == found


async def test_what_is_missing_is_made_in_the_background(ledger: Ledger) -> None:
    made = overviews(ledger)
    await add(ledger, 1, PUMP)
    async with anyio.create_task_group() as group:
        group.start_soon(made.run)
        with anyio.fail_after(60):
            while await ledger.overviews.lacking(1):
                await anyio.lowlevel.checkpoint()
            await add(ledger, 2, CRANE)
            made.wake()
            while await ledger.overviews.lacking(1):
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert len(await ledger.overviews.newest(Scope(), 5)) == 2


async def test_another_version_has_an_overview_of_its_own(ledger: Ledger) -> None:
    document, made = await add(ledger, 1, PUMP), overviews(ledger)
    assert "1931" in (await points(made, document))[0]
    await ledger.documents.start_anew(document, 5.0, force=True)
    await make_ready(ledger, document, batch_of([Page(1, CRANE)]))
    assert [one.number for one in await ledger.overviews.lacking(5)] == [2]
    assert "1960" in (await points(made, document))[0]


async def test_a_document_that_is_not_read_yet_has_nothing_to_tell(ledger: Ledger) -> None:
    await ledger.documents.accept(new_document("doc_1"), 1.0)
    assert await points(overviews(ledger), "doc_1") == []
    assert await ledger.overviews.lacking(5) == []


async def test_an_odd_document_has_nothing_to_tell_and_keeps_no_other_from_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def points_of(sources: Sequence[Source]) -> tuple[KeyPoint, ...]:
        if sources[0].passage.document_id == "doc_2":
            raise RecursionError
        return key_points(sources)

    monkeypatch.setattr(document_overviews, "key_points", points_of)
    first, odd, made = await add(ledger, 1, PUMP), await add(ledger, 2, CRANE), overviews(ledger)
    await made.catch_up()
    assert (await points(made, odd), len(await points(made, first))) == ([], 2)


async def test_an_overview_goes_with_its_document(ledger: Ledger) -> None:
    document = await add(ledger, 1, PUMP)
    await points(overviews(ledger), document)
    await ledger.documents.delete(document)
    assert await ledger.overviews.of_documents([document]) == {}


async def test_suggestions_take_turns_over_documents_the_newest_first(ledger: Ledger) -> None:
    made = overviews(ledger)
    for number, text in enumerate((PUMP, CRANE), 1):
        await points(made, await add(ledger, number, text))
    found = await made.suggestions(EVERYBODY, None, None, 3)
    assert [(question.text, one.document_id) for question, one in found] == [
        ("When was the crane of Hale sold?", "doc_2"),
        ("When was the pump of Tal built?", "doc_1"),
        ("How much does the crane weigh?", "doc_2"),
    ]


async def test_suggestions_in_the_language_of_the_page_come_first(ledger: Ledger) -> None:
    made = overviews(ledger)
    for number, text in enumerate((PUMP, "轴封每四千小时更换一次。大桥于1901年建成。"), 1):
        await points(made, await add(ledger, number, text))
    found = [await made.suggestions(EVERYBODY, None, None, 1, one) for one in ("en", "zh")]
    assert [pairs[0][1].document_id for pairs in found] == ["doc_1", "doc_2"]


async def test_a_collection_tells_a_point_of_each_document(ledger: Ledger) -> None:
    made = overviews(ledger)
    for number, text in enumerate((PUMP, CRANE, PUMP), 1):
        await points(made, await add(ledger, number, text, "other" if number == 3 else "default"))
    found = await made.of_collection(EVERYBODY, "default")
    assert [(one.document_id, len(one.overview.points)) for one in found] == [("doc_2", 1), ("doc_1", 1)]


async def test_what_is_not_the_callers_to_read_is_not_there(ledger: Ledger) -> None:
    owner, stranger = (Caller(one, one, scopes=frozenset({"ask", "write"})) for one in ("anna", "bert"))
    await ledger.documents.accept(new_document("doc_1", caller=owner, collection="mine"), 1.0)
    await make_ready(ledger, "doc_1", batch_of([Page(1, PUMP)]))
    made = overviews(ledger)
    assert len((await made.of_document(owner, "doc_1")).overview.questions) == 2
    with pytest.raises(Refused, match="no document"):
        await made.of_document(stranger, "doc_1")
    assert await made.suggestions(stranger, None, None, 5) == []


@pytest.mark.parametrize(
    ("model", "by", "first"),
    [
        (Model(Delta(SAID), Finish(), name="nova"), "nova", "The pump dates from 1931."),
        (Model(DOWN, name="nova"), "extractive", "The pump of Tal was built in 1931."),
        (
            Model(Delta("I cannot."), Finish(), name="nova"),
            "extractive",
            "The pump of Tal was built in 1931.",
        ),
    ],
    ids=["it says so", "it fails", "it says nothing of it"],
)
async def test_a_model_writes_the_points_that_its_passages_bear_out(
    ledger: Ledger, model: Model, by: str, first: str
) -> None:
    document, made = await add(ledger, 1, PUMP), overviews(ledger, model)
    await made.of_document(EVERYBODY, document)
    await made.catch_up()
    found = await made.of_document(EVERYBODY, document)
    assert (found.overview.by, found.overview.points[0].text) == (by, first)
    assert "It has 12 valves." not in [one.text for one in found.overview.points]
