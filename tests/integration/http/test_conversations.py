"""Conversations over HTTP, on a real ledger."""

import io
import re
import zipfile
from dataclasses import replace

import pytest
from httpx import AsyncClient

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Citation
from tests.support.fakes import ANSWER, Fakes
from tests.support.ledger import new_document

PATH = "/api/v1/conversations"
CITED = replace(
    ANSWER, citations=(Citation("ans_1.1", 1, "doc_1", "a\nb.pdf", 2, "Revenue rose by 8 percent.", 0.9),)
)


def document_xml(file: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(file)) as package:
        return package.read("word/document.xml").decode()


@pytest.fixture(autouse=True)
async def received(services: Fakes) -> None:
    await services.ledger.answers.save(CITED, "c1", EVERYBODY, 10.0)
    await services.ledger.answers.save(
        replace(ANSWER, id="ans_2", question="And then?"), "c1", EVERYBODY, 20.0
    )


async def test_a_conversation_holds_its_answers_in_order(client: AsyncClient) -> None:
    found = (await client.get(f"{PATH}/c1")).json()
    assert (found["conversation"]["title"], found["conversation"]["turns"]) == ("How much?", 2)
    assert [answer["question"] for answer in found["answers"]] == ["How much?", "And then?"]


async def test_an_answer_that_broke_off_is_told_from_a_whole_one(
    client: AsyncClient, services: Fakes
) -> None:
    await services.ledger.answers.save(replace(ANSWER, id="ans_3", complete=False), "c1", EVERYBODY, 30.0)
    found = (await client.get(f"{PATH}/c1")).json()
    assert [answer["complete"] for answer in found["answers"]] == [True, True, False]


async def test_conversations_are_listed_page_by_page(client: AsyncClient) -> None:
    begun = await client.post(PATH, json={"title": "  Rivers "})
    assert (begun.status_code, begun.json()["title"]) == (201, "Rivers")
    assert begun.headers["location"] == f"{PATH}/{begun.json()['id']}"
    first = (await client.get(PATH, params={"limit": 1})).json()
    second = (await client.get(PATH, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [page["items"][0]["title"] for page in (first, second)] == ["Rivers", "How much?"]
    assert second["next_cursor"] is None


async def test_a_title_is_changed_and_searched(client: AsyncClient) -> None:
    assert (await client.patch(f"{PATH}/c1", json={"title": "Sums"})).json()["title"] == "Sums"
    assert len((await client.get(PATH, params={"q": "sum"})).json()["items"]) == 1
    (by_text,) = (await client.get(PATH, params={"q": "PERCENT how"})).json()["items"]
    assert (by_text["title"], by_text["found"]) == ("Sums", "How much? By 8 percent. [1]")
    assert (await client.get(PATH, params={"q": "much sums"})).json()["items"] == []


async def test_a_deleted_conversation_is_gone_with_its_answers(client: AsyncClient) -> None:
    assert (await client.delete(f"{PATH}/c1")).status_code == 204
    for path in (f"{PATH}/c1", f"{PATH}/c1/export", "/api/v1/answers/ans_1"):
        assert (await client.get(path)).json()["code"] == "not_found"


async def test_the_export_is_markdown_with_sources(client: AsyncClient) -> None:
    reply = await client.get(f"{PATH}/c1/export")
    assert reply.headers["content-type"].startswith("text/markdown")
    assert 'filename="conversation-c1.md"' in reply.headers["content-disposition"]
    assert "## How much?\n\nBy 8 percent. [1]\n" in reply.text
    assert "[1] a b.pdf (no longer there), p. 2: “Revenue rose by 8 percent.”" in reply.text


@pytest.mark.parametrize("kind", ["md", "docx"])
async def test_the_export_of_a_long_conversation_has_all_its_turns_in_order(
    client: AsyncClient, services: Fakes, kind: str
) -> None:
    for number in range(620):
        one = replace(ANSWER, id=f"ans_x{number}", question=f"Which number: {number}?", answer="This.")
        await services.ledger.answers.save(one, "long", EVERYBODY, 10.0 + number // 7)  # several at a time
    whole = await client.get(f"{PATH}/long/export", params={"format": kind})
    text = whole.text if kind == "md" else document_xml(whole.content)
    found = re.findall(r"Which number: (\d+)\?", text)[-620:]
    assert (len(set(found)), [int(one) // 7 for one in found]) == (620, [n // 7 for n in range(620)])


async def test_documents_of_one_name_are_told_apart_over_a_whole_conversation(
    client: AsyncClient, services: Fakes
) -> None:
    (one,) = CITED.citations
    other = replace(CITED, id="ans_9", citations=(replace(one, document_id="doc_234567"),))
    await services.ledger.answers.save(other, "c1", EVERYBODY, 30.0)
    text = (await client.get(f"{PATH}/c1/export")).text
    assert ("a b.pdf (doc_1)" in text, "a b.pdf (234567)" in text) == (True, True)


async def test_a_source_that_was_deleted_is_marked_in_each_answer(
    client: AsyncClient, services: Fakes
) -> None:
    await services.ledger.documents.accept(new_document("doc_1"), 1.0)
    assert "[1] a b.pdf, p. 2: “Revenue" in (await client.get(f"{PATH}/c1/export")).text
    for is_gone in (False, True):
        answers = (await client.get(f"{PATH}/c1")).json()["answers"]
        alone = (await client.get("/api/v1/answers/ans_1")).json()
        assert [one["citations"][0]["gone"] for one in (answers[0], alone)] == [is_gone, is_gone]
        if not is_gone:
            await services.ledger.documents.delete("doc_1")


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x" * 201}, {"title": "a", "more": 1}])
async def test_a_wrong_title_is_refused(client: AsyncClient, body: dict[str, object]) -> None:
    assert (await client.patch(f"{PATH}/c1", json=body)).json()["code"] == "bad_request"


async def test_a_cursor_of_somebody_else_is_refused(client: AsyncClient) -> None:
    assert (await client.get(PATH, params={"cursor": "x:y"})).json()["code"] == "bad_request"
