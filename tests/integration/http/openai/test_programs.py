"""What a chat program sends, byte for byte of its kind: the calls of Open WebUI to an OpenAI connection.

Source: open-webui, backend/open_webui/routers/openai.py and tasks.py, utils/middleware.py.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient, Response

from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import Fakes, hand_in, serving
from tests.support.openai_chat import CHATS, TEXT

KEY = {"Authorization": "Bearer sk-anything", "Content-Type": "application/json"}
USER = {
    "X-OpenWebUI-User-Name": "Ottilie%20Brandt",
    "X-OpenWebUI-User-Id": "8c1e",
    "X-OpenWebUI-User-Email": "ottilie@example.org",
    "X-OpenWebUI-User-Role": "user",
    "X-OpenWebUI-Chat-Id": "5a2f",
}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
CHAT: dict[str, Any] = {
    "stream": True,
    "model": "kotaemon/en",
    "messages": [
        {"role": "system", "content": "Answer briefly.\n\nUser Context:\n\n"},
        {"role": "user", "content": "What does the report say?"},
        {"role": "assistant", "content": TEXT},
        {"role": "user", "content": [{"type": "text", "text": "How much?"}, PICTURE]},
    ],
    "temperature": 0.8,
    "top_p": 0.9,
    "max_tokens": 128,
    "frequency_penalty": 0.1,
    "seed": 42,
    "stop": ["###"],
    "logit_bias": {"100": 1},
    "stream_options": {"include_usage": True},
}
TASK = '### Task:\nGive the chat a title.\n### Output:\nJSON format: {"title": "…"}\n### Chat History:\n' * 10
TITLE = {
    "model": "kotaemon/en",
    "messages": [{"role": "user", "content": TASK}],
    "stream": False,
    "max_completion_tokens": 1000,
}


@pytest.fixture
async def http(services: Fakes) -> AsyncIterator[AsyncClient]:
    async with serving(services, HttpLimits()) as found:
        await hand_in(found, "Some words.", "en")
        yield found


def read_as_open_webui(reply: Response) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """Text, usages and errors, line by line as the program takes them from the stream."""
    text, usages, errors = "", [], []
    for line in reply.text.splitlines():
        if not line.startswith("data:") or line == "data: [DONE]":
            continue
        data = json.loads(line.removeprefix("data:"))
        usages += [data["usage"]] if data.get("usage") else []
        errors += [data["error"]] if data.get("error") else []
        for choice in data.get("choices", [])[:1]:
            text += choice.get("delta", {}).get("content") or ""
    return text, usages, errors


@pytest.mark.parametrize("headers", [KEY, {"Authorization": "Bearer sk-anything"}, KEY | USER])
async def test_a_connection_is_verified_by_its_models(http: AsyncClient, headers: dict[str, str]) -> None:
    reply = await http.get("/v1/models", headers=headers)
    assert (reply.status_code, reply.json()["object"]) == (200, "list")
    assert [model["id"] for model in reply.json()["data"]] == ["kotaemon", "kotaemon/en"]


async def test_a_chat_with_all_its_parameters_is_streamed(http: AsyncClient, services: Fakes) -> None:
    reply = await http.post(CHATS, content=json.dumps(CHAT), headers=KEY | USER)
    assert reply.headers["content-type"].startswith("text/event-stream")
    text, (usage,), errors = read_as_open_webui(reply)
    assert (text, errors, set(usage)) == (
        TEXT, [], {"prompt_tokens", "completion_tokens", "total_tokens"}
    )  # fmt: skip
    (asked,) = services.answering.asked
    assert (asked.question, asked.scope.collection) == ("How much?", "en")
    assert asked.history == (("What does the report say?", "By 8 percent. [1]"),)


async def test_a_title_is_asked_for_without_a_stream(http: AsyncClient) -> None:
    reply = await http.post(CHATS, content=json.dumps(TITLE), headers=KEY)
    (choice,) = reply.json()["choices"]
    assert (reply.status_code, choice["message"]["content"]) == (200, TEXT)


async def test_a_title_over_a_long_chat_is_refused_as_the_program_can_read_it(http: AsyncClient) -> None:
    task = {"role": "user", "content": TASK * 10}
    reply = await http.post(CHATS, json=TITLE | {"messages": [task]}, headers=KEY)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[0].content")
