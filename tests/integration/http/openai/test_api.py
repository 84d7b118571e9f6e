"""The unmodified `openai` client: models, and answers in one reply."""

from dataclasses import replace
from typing import Any

import openai
import pytest
from httpx import AsyncClient
from openai import AsyncOpenAI

from kotaemon_async.answers.events import Done
from kotaemon_async.domain.model import Claim, Reason, Usage
from kotaemon_async.domain.tokens import estimated_tokens
from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import Fakes, hand_in
from tests.support.openai_chat import ANSWER, ASK, TEXT, USER, chunks, play, text_of

LIMITS = HttpLimits(max_question_length=50)
TOKENS = estimated_tokens(TEXT)


async def test_the_models_are_the_service_and_each_collection(client: AsyncOpenAI, http: AsyncClient) -> None:
    await hand_in(http, "Some words.", "my papers")
    await hand_in(http, "Some words.", "en")
    found = [model async for model in client.models.list()]
    assert [model.id for model in found] == ["kotaemon", "kotaemon/en", "kotaemon/my papers"]
    assert {(model.object, model.owned_by) for model in found} == {("model", "kotaemon")}
    assert found[1].created == 1_700_000_000


@pytest.mark.parametrize("name", ["kotaemon", "kotaemon/my papers"])
async def test_a_model_is_retrieved_by_its_name(client: AsyncOpenAI, http: AsyncClient, name: str) -> None:
    await hand_in(http, "Some words.", "my papers")
    assert (await client.models.retrieve(name)).id == name


@pytest.mark.parametrize("name", ["gpt-4o", "kotaemon/none", "other/en"])
async def test_an_unknown_model_is_not_found(client: AsyncOpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.models.retrieve(name)
    assert (raised.value.code, raised.value.type) == ("not_found", "invalid_request_error")


async def test_a_chat_is_answered_with_footnotes_and_its_provenance(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(**ASK)
    (choice,) = reply.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", TEXT, "stop")
    assert (reply.object, reply.model, reply.id[:9]) == ("chat.completion", "kotaemon", "chatcmpl-")
    received = (reply.model_extra or {})["kotaemon"]
    assert (received["answer_id"], received["served_by"], received["degraded"]) == ("ans_1", "local", True)
    assert (received["reasons"], received["age_s"]) == ([{"component": "primary", "code": "timeout"}], 1.5)
    assert (received["citations"][0]["document_name"], received["citations"][0]["page"]) == ("report.pdf", 2)
    assert received["trace_id"] == "a" * 32


async def test_what_a_models_sentences_rest_on_is_told(client: AsyncOpenAI, services: Fakes) -> None:
    claim = Claim("By 9 percent.", "unsupported", "figure", (1,))
    play(services, Done(replace(ANSWER, claims=(claim,), rejected="By 9 percent.")))
    told = {"sentence": "By 9 percent.", "verdict": "unsupported", "reason": "figure", "markers": [1]}
    received = ((await client.chat.completions.create(**ASK)).model_extra or {})["kotaemon"]
    assert (received["claims"], received["rejected"]) == ([told], "By 9 percent.")
    received = ((await chunks(client))[-1].model_extra or {})["kotaemon"]
    assert (received["claims"], received["rejected"]) == ([told], "By 9 percent.")


async def test_a_usage_that_nobody_counted_is_estimated(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(**ASK)
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (
        3,
        TOKENS,
        3 + TOKENS,
    )
    assert (reply.model_extra or {})["kotaemon"]["usage_is_estimated"] is True


async def test_the_usage_that_the_model_counted_is_told(client: AsyncOpenAI, services: Fakes) -> None:
    play(services, Done(replace(ANSWER, usage=Usage(120, 7))))
    reply = await client.chat.completions.create(**ASK)
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.total_tokens) == (120, 127)
    assert (reply.model_extra or {})["kotaemon"]["usage_is_estimated"] is False


async def test_an_answer_that_the_model_cut_at_its_limit_ends_with_length(
    client: AsyncOpenAI, services: Fakes
) -> None:
    play(services, Done(replace(ANSWER, reasons=(Reason("qwen", "answer_cut"),))))
    assert (await client.chat.completions.create(**ASK)).choices[0].finish_reason == "length"
    assert (await chunks(client))[-1].choices[0].finish_reason == "length"


async def test_a_model_of_a_collection_looks_there_only(
    client: AsyncOpenAI, http: AsyncClient, services: Fakes
) -> None:
    await hand_in(http, "Some words.", "en")
    await client.chat.completions.create(model="kotaemon/en", messages=ASK["messages"])
    await client.chat.completions.create(**ASK)
    assert [ask.collection for ask in services.answering.asked] == ["en", None]


async def test_earlier_messages_are_the_history_of_the_last_question(
    client: AsyncOpenAI, services: Fakes
) -> None:
    system: Any = {"role": "system", "content": "You are a pirate."}
    before: Any = {"role": "user", "content": [{"type": "text", "text": "Revenue in 2018?"}]}
    reply: Any = {"role": "assistant", "content": TEXT}
    await client.chat.completions.create(model="kotaemon", messages=[system, before, reply, USER])  # type: ignore[list-item]
    (asked,) = services.answering.asked
    assert (asked.question, asked.history) == ("How much?", (("Revenue in 2018?", "By 8 percent. [1]"),))
    assert asked.wishes == "You are a pirate."


async def test_parameters_without_a_meaning_here_are_accepted(client: AsyncOpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "look", "parameters": {}}}
    reply = await client.chat.completions.create(
        **ASK, temperature=0.2, top_p=1, seed=7, user="me", n=1, tools=[tool],
        extra_body={"num_ctx": 2048},
    )  # fmt: skip
    assert reply.choices[0].finish_reason == "stop"


async def test_a_chat_over_a_collection_is_answered_while_the_ledger_is_away(
    client: AsyncOpenAI, services: Fakes
) -> None:
    await services.ledger.aclose()
    reply = await client.chat.completions.create(model="kotaemon/en", messages=ASK["messages"])
    assert reply.choices[0].finish_reason == "stop"


async def test_a_caller_may_say_how_long_it_waits(client: AsyncOpenAI, services: Fakes) -> None:
    await client.chat.completions.create(**ASK, extra_headers={"X-Deadline-S": "2.5"})
    await client.chat.completions.create(**ASK)
    assert [ask.deadline_s for ask in services.answering.asked] == [2.5, None]
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(**ASK, extra_headers={"X-Deadline-S": "soon"})
    assert raised.value.code == "bad_request"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_reply_is_cut_at_the_callers_limit_and_says_so(client: AsyncOpenAI, name: str) -> None:
    given: Any = {name: 2}
    reply = await client.chat.completions.create(**ASK, **given)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("By 8 ", "length")
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2
    found = await chunks(client, **given)
    assert (text_of(found), found[-1].choices[0].finish_reason) == ("By 8 ", "length")


async def test_footnotes_that_do_not_fit_are_left_out_of_a_whole_answer(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(**ASK, max_tokens=10)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("By 8 percent. [1]", "stop")
    assert (reply.model_extra or {})["kotaemon"]["citations"][0]["marker"] == 1
    assert text_of(await chunks(client, max_tokens=10)) == "By 8 percent. [1]"


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("cent", "By 8 per"),
        (["8 p", "percent"], "By "),
        (["\n\n"], "By 8 percent. [1]"),
        (["none"], TEXT),
        ([""], TEXT),
    ],
)
async def test_a_reply_ends_before_a_stop_sequence_also_over_two_pieces(
    client: AsyncOpenAI, stop: Any, text: str
) -> None:
    reply = await client.chat.completions.create(**ASK, stop=stop)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == (text, "stop")
    assert text_of(await chunks(client, stop=stop)) == text
