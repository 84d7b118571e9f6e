"""Every failure under /v1 comes in OpenAI's envelope, with the service's own codes."""

from typing import Any

import openai
import pytest
from httpx import AsyncClient, Response
from openai import AsyncOpenAI

from kotaemon_async.domain.errors import KotaemonError, Refused, Unavailable
from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import Fakes
from tests.support.openai_chat import ASK, CHATS

LIMITS = HttpLimits(max_question_length=50, max_json_bytes=10_000)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,x"}}
PICTURE = {"role": "user", "content": [IMAGE]}
BUSY = Refused("Too many at once.", code="busy", retry_after_s=3)
AWAY = Unavailable("The ledger is away.", code="ledger_unavailable")


def error_of(reply: Response) -> dict[str, Any]:
    """The one error of a reply, once the reply is known to be OpenAI's kind."""
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.headers["x-trace-id"]) == 32
    assert set(reply.json()) == {"error"}
    error: dict[str, Any] = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    ("given", "param", "said"),
    [
        ({"n": 2}, "n", "<= 1"),
        ({"n": 0}, "n", ">= 1"),
        ({"messages": []}, "messages", "no user message"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "messages", "no user message"),
        ({"messages": [{"role": "wizard", "content": "Hi"}]}, "messages[0].role", "wizard"),
        ({"messages": [{"role": "user", "content": "x" * 51}]}, "messages[0].content", "51 characters"),
        ({"messages": [PICTURE]}, "messages[0].content", "holds an image"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"max_completion_tokens": -1}, "max_completion_tokens", ">= 1"),
        ({"max_tokens": "many"}, "max_tokens", "int"),
        ({"stop": 7}, "stop", "int"),
        ({"stop": [7]}, "stop[0]", "int"),
        ({"messages": "Hi"}, "messages", "array"),
        ({"model": 7}, "model", "str"),
        ({"stream": "yes"}, "stream", "bool"),
    ],
)
async def test_a_request_that_cannot_be_served_names_its_parameter(
    http: AsyncClient, given: dict[str, Any], param: str, said: str
) -> None:
    reply = await http.post(CHATS, json=ASK | given)
    error = error_of(reply)
    assert (reply.status_code, error["type"], error["code"]) == (400, "invalid_request_error", "bad_request")
    assert error["param"] == param
    assert said in error["message"]


@pytest.mark.parametrize("missing", ["model", "messages"])
async def test_a_missing_parameter_is_named(http: AsyncClient, missing: str) -> None:
    reply = await http.post(CHATS, json={name: value for name, value in ASK.items() if name != missing})
    assert reply.status_code == 400
    assert missing in error_of(reply)["message"]


@pytest.mark.parametrize("model", ["gpt-4o", "kotaemon/none"])
async def test_a_chat_with_an_unknown_model_is_not_found(http: AsyncClient, model: str) -> None:
    reply = await http.post(CHATS, json=ASK | {"model": model})
    error = error_of(reply)
    assert (reply.status_code, error["param"], error["code"]) == (404, "model", "not_found")
    assert error["message"] == f"There is no model {model!r}. List the models with GET /v1/models."


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("POST", "/v1/embeddings", 404, "not_found"),
        ("POST", "/v1/chat/completions/chat/completions", 404, "not_found"),
        ("GET", CHATS, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ],
)
async def test_an_unknown_call_is_told_in_the_envelope(
    http: AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    reply = await http.request(method, path)
    error = error_of(reply)
    assert (reply.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert "/v1/models" in error["message"]


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"\xff\xfe"])
async def test_a_body_that_is_no_chat_is_a_bad_request(http: AsyncClient, body: bytes) -> None:
    reply = await http.post(CHATS, content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, error_of(reply)["code"]) == (400, "bad_request")


async def test_a_body_that_is_too_large_is_told_in_the_envelope(http: AsyncClient) -> None:
    reply = await http.post(CHATS, json=ASK | {"metadata": "x" * 10_000})
    assert (reply.status_code, error_of(reply)["code"]) == (413, "too_large")


async def test_a_path_that_only_begins_alike_has_a_problem(http: AsyncClient) -> None:
    reply = await http.get("/v1beta/models")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("failure", "kind", "status", "error_type"),
    [
        (BUSY, openai.RateLimitError, 429, "rate_limit_error"),
        (AWAY, openai.InternalServerError, 503, "server_error"),
        (Refused("No.", code="not_found"), openai.NotFoundError, 404, "invalid_request_error"),
        (Refused("No.", code="unauthorized"), openai.AuthenticationError, 401, "authentication_error"),
        (RuntimeError("a bug"), openai.InternalServerError, 500, "server_error"),
    ],
)
async def test_the_client_raises_its_own_kind_of_error(
    client: AsyncOpenAI,
    services: Fakes,
    streamed: bool,
    failure: Exception,
    kind: type[openai.APIStatusError],
    status: int,
    error_type: str,
) -> None:
    services.answering.script = [failure]
    with pytest.raises(kind) as raised:
        await client.chat.completions.create(**ASK, stream=streamed)
    code = failure.code if isinstance(failure, KotaemonError) else "internal"
    assert (raised.value.status_code, raised.value.code, raised.value.type) == (status, code, error_type)


async def test_a_client_is_told_when_to_come_again(http: AsyncClient, services: Fakes) -> None:
    services.answering.script = [BUSY]
    assert (await http.post(CHATS, json=ASK)).headers["retry-after"] == "3"
    services.answering.script = [AWAY]
    assert (await http.post(CHATS, json=ASK)).headers["retry-after"] == "2"


async def test_models_are_unavailable_while_the_ledger_is_away(client: AsyncOpenAI, services: Fakes) -> None:
    await services.ledger.aclose()
    with pytest.raises(openai.InternalServerError) as raised:
        await client.models.list()
    assert (raised.value.status_code, raised.value.code) == (503, "ledger_unavailable")
