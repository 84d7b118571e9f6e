"""Overviews and suggestions over HTTP."""

import pytest
from httpx import AsyncClient

from kotaemon_async.domain.model import Page
from tests.support.fakes import Fakes
from tests.support.ledger import batch_of, make_ready, new_document

TEXT = "The pump of Tal was built in 1931. The shaft seal is replaced every 4,000 hours."
QUESTIONS = ["When was the pump of Tal built?", "How often is the shaft seal replaced?"]


@pytest.fixture(autouse=True)
async def _document(services: Fakes) -> None:
    await services.ledger.documents.accept(new_document("doc_1", collection="manuals"), 1.0)
    await make_ready(services.ledger, "doc_1", batch_of([Page(1, "Cover"), Page(2, TEXT)]))


async def test_a_document_tells_its_points_with_their_places(client: AsyncClient) -> None:
    found = (await client.get("/api/v1/documents/doc_1/overview")).json()
    assert (found["document_id"], found["questions"], found["by"]) == ("doc_1", QUESTIONS, "extractive")
    assert found["points"][0] == {
        "text": "The pump of Tal was built in 1931.",
        "page": 2,
        "place": {"kind": "page", "number": 2, "label": "", "headings": ["Cover"]},
        "document_id": "doc_1",
        "document_name": "file doc_1.pdf",
    }


async def test_a_collection_tells_of_its_documents(client: AsyncClient) -> None:
    await client.get("/api/v1/documents/doc_1/overview")
    found = (await client.get("/api/v1/collections/manuals/overview")).json()
    assert (found["collection"], found["document_ids"], found["questions"]) == (
        "manuals",
        ["doc_1"],
        QUESTIONS[:1],
    )
    assert [point["page"] for point in found["points"]] == [2]


@pytest.mark.parametrize("params", [{}, {"collection": "manuals"}, {"document_id": "doc_1"}])
async def test_suggestions_name_the_document_that_answers(
    client: AsyncClient, params: dict[str, str]
) -> None:
    await client.get("/api/v1/documents/doc_1/overview")
    found = (await client.get("/api/v1/suggestions", params={**params, "limit": "1"})).json()
    assert found["questions"] == [
        {"text": QUESTIONS[0], "document_id": "doc_1", "document_name": "file doc_1.pdf"}
    ]


@pytest.mark.parametrize(
    "path",
    ["documents/doc_9/overview", "collections/none/overview", "suggestions?document_id=doc_9"],
)
async def test_what_is_not_there_is_not_found(client: AsyncClient, path: str) -> None:
    reply = await client.get(f"/api/v1/{path}")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
