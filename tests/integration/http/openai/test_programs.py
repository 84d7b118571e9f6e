"""What a chat program sends, byte for byte of its kind: the calls of Open WebUI to an OpenAI connection.

Source: open-webui, backend/open_webui/routers/openai.py and tasks.py, utils/middleware.py.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient, Response

from kotaemon_async.answers.plain import PlainPrompt, PlainReply
from kotaemon_async.domain.model import Usage
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
        {"role": "user", "content": [{"type": "text", "text": "What does the report say?"}, PICTURE]},
        {"role": "assistant", "content": TEXT},
        {"role": "user", "content": [{"type": "text", "text": "How much?"}]},
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
TASK = (
    '### Task:\nGive the chat a title.\n### Output:\nJSON format: {"title": "…"}\n### Chat History:\n'
    "<chat_history>\nUSER: How often is the seal replaced?\nASSISTANT: Every 4200 hours.\n</chat_history>"
)
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
    assert (asked.question, asked.collection) == ("How much?", "en")
    assert asked.history == (("What does the report say?", "By 8 percent. [1]"),)


async def test_without_a_model_a_title_is_made_of_the_first_question(
    http: AsyncClient, services: Fakes
) -> None:
    reply = await http.post(CHATS, content=json.dumps(TITLE), headers=KEY)
    (choice,) = reply.json()["choices"]
    assert json.loads(choice["message"]["content"]) == {"title": "How often is the seal replaced"}
    assert (choice["finish_reason"], services.answering.asked) == ("stop", [])


async def test_a_model_gets_a_programs_prompt_as_it_is_however_long(
    http: AsyncClient, services: Fakes
) -> None:
    services.answering.plain_reply = PlainReply('{"title": "Seals"}', "primary", Usage(9, 4))
    task = {"role": "user", "content": TASK * 50}
    reply = await http.post(CHATS, json=TITLE | {"messages": [task]}, headers=KEY)
    assert reply.json()["choices"][0]["message"]["content"] == '{"title": "Seals"}'
    assert (reply.json()["usage"]["total_tokens"], reply.json()["kotaemon"]["served_by"]) == (13, "primary")
    assert services.answering.plain_prompts == [PlainPrompt(TASK * 50, max_tokens=1000)]


async def test_a_reply_of_a_model_that_does_not_parse_is_not_passed_on(
    http: AsyncClient, services: Fakes
) -> None:
    services.answering.plain_reply = PlainReply("I am sorry, I cannot do that.", "primary")
    reply = await http.post(CHATS, json=TITLE, headers=KEY)
    assert "title" in json.loads(reply.json()["choices"][0]["message"]["content"])


async def test_a_programs_own_prompt_may_be_streamed_and_names_a_model_that_is_there(
    http: AsyncClient,
) -> None:
    reply = await http.post(CHATS, json=TITLE | {"stream": True}, headers=KEY)
    text, usages, errors = read_as_open_webui(reply)
    assert (json.loads(text), usages, errors) == ({"title": "How often is the seal replaced"}, [], [])
    assert reply.text.endswith("data: [DONE]\n\n")
    unknown = await http.post(CHATS, json=TITLE | {"model": "kotaemon/none"}, headers=KEY)
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "model")
