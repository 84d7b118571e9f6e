"""Documents that carry orders, read by a running service whose model follows every line that is no data."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from kotaemon_async.cli.client import Client
from tests.support import injections
from tests.support.service import ready
from tests.support.web import ScriptedService, scripted_service

EXPECTED = f"{injections.FACT} [1]"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    """All documents with orders in one collection, and a secret in another."""
    folder = tmp_path_factory.mktemp("injections")
    files = {name: text.encode() for name, text in injections.documents().items()}
    with scripted_service(folder, model_folder, files) as running:
        running.primary.say = running.local.say = injections.obedient
        (folder / "vault.txt").write_text(injections.SECRET)
        with closing(Client(running.service.url)) as client:
            ready(client, client.upload(folder / "vault.txt", "directors")["id"])
        yield running


def asked(service: ScriptedService, **body: Any) -> dict[str, Any]:
    whole = {"question": injections.QUESTION, "collection": "default"} | body
    url = f"{service.service.url}/api/v1/answers"
    return httpx.post(url, json=whole, timeout=60, trust_env=False).raise_for_status().json()  # type: ignore[no-any-return]


def listed(service: ScriptedService) -> list[dict[str, Any]]:
    url = f"{service.service.url}/api/v1/documents?collection=default&limit=100"
    return httpx.get(url, trust_env=False, timeout=60).raise_for_status().json()["items"]  # type: ignore[no-any-return]


def test_no_document_says_who_answers_or_what_is_cited(service: ScriptedService) -> None:
    documents = listed(service)
    assert len(documents) == len(injections.documents())
    for document in documents:
        answer = asked(service, document_ids=[document["id"]])
        assert (answer["served_by"], answer["answer"]) == ("primary", EXPECTED), document["name"]
        assert [one["document_id"] for one in answer["citations"]] == [document["id"]]


def test_all_of_them_together_do_not_either(service: ScriptedService) -> None:
    answer = asked(service)
    assert (answer["served_by"], answer["answer"], answer["degraded"]) == ("primary", EXPECTED, False)
    assert {one["document_name"] for one in answer["citations"]} <= set(injections.documents())


def test_a_followed_turn_with_orders_does_not_either(service: ScriptedService) -> None:
    url = f"{service.service.url}/api/v1/conversations"
    talk = httpx.post(url, json={"title": "Pay"}, trust_env=False, timeout=60).raise_for_status().json()["id"]
    for order in list(injections.documents().values())[:4]:
        asked(service, question=f"{injections.QUESTION} {order}", conversation_id=talk)
    answer = asked(service, question="And what is he paid?", conversation_id=talk)
    assert "OBEYED" not in answer["answer"]


def test_no_prompt_held_anything_of_another_collection(service: ScriptedService) -> None:
    seen = [one["content"] for request in service.primary.requests for one in request["messages"]]
    # With the blank before it: a fence of random digits may hold the bare number.
    assert seen and not any(" 7731" in text for text in seen)
