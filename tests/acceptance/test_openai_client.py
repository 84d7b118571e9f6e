"""The unmodified `openai` client against the real service with one small document."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import write
from tests.support.service import ready

NOTES = b"# Notes\n\nThe lighthouse is closed on Mondays. The keeper is called Ottilie Brandt.\n"
ASK: dict[str, Any] = {
    "model": "kotaemon/my papers",
    "messages": [{"role": "user", "content": "When is it closed?"}],
}


@pytest.fixture
def chat(service: Throwaway, client: Client, tmp_path: Path) -> Iterator[openai.OpenAI]:
    """A client of a service that knows when the lighthouse is closed."""
    ready(client, client.upload(write(tmp_path, "notes.md", NOTES), "my papers")["id"])
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="any", max_retries=0) as made:
        yield made


def test_the_openai_client_finds_its_model_and_gets_cited_answers(chat: openai.OpenAI) -> None:
    assert {"kotaemon", "kotaemon/my papers"} <= {model.id for model in chat.models.list()}
    assert chat.models.retrieve("kotaemon/my papers").id == "kotaemon/my papers"
    reply = chat.chat.completions.create(**ASK)
    whole = reply.choices[0].message.content or ""
    assert reply.choices[0].finish_reason == "stop"
    assert "closed on Mondays. [1]" in whole
    assert "\n\n[1] notes.md, § Notes: “" in whole
    received = (reply.model_extra or {})["kotaemon"]
    assert (received["served_by"], received["degraded"]) == ("extractive", False)
    chunks = list(chat.chat.completions.create(**ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert chunks[-1].choices[0].finish_reason == "stop"
    with pytest.raises(openai.NotFoundError):
        chat.chat.completions.create(**{**ASK, "model": "gpt-4o"})
