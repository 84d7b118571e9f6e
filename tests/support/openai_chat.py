"""What the tests of the OpenAI-compatible calls share: an answer, its script, how to listen to a stream."""

from typing import Any

import anyio
import openai
from openai.types.chat import ChatCompletionChunk

from kotaemon_async.answers.events import Done, Event, PassagesFound
from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.domain.model import Answer, Citation, Reason
from tests.support.fakes import Fakes

CHATS = "/v1/chat/completions"
USER = {"role": "user", "content": "How much?"}
ASK: dict[str, Any] = {"model": "kotaemon", "messages": [USER]}
CITED = Citation("ans_1.1", 1, "doc_1", "report.pdf", 2, "rose by 8 percent", 0.9)
ANSWER = Answer(
    id="ans_1",
    question="How much?",
    answer="By 8 percent. [1]",
    served_by="local",
    degraded=True,
    reasons=(Reason("primary", "timeout"),),
    citations=(CITED,),
    trace_id="a" * 32,
    age_s=1.5,
)
TEXT = "By 8 percent. [1]\n\n[1] report.pdf, p. 2: “rose by 8 percent”"
SCRIPT: list[Event] = [PassagesFound((), ()), Delta("By 8 "), Delta("percent. [1]"), Done(ANSWER)]


def play(services: Fakes, *script: Event | Exception | anyio.Event) -> None:
    services.answering.script = list(script)


async def chunks(client: openai.AsyncOpenAI, **given: Any) -> list[ChatCompletionChunk]:
    async with await client.chat.completions.create(**{**ASK, **given}, stream=True) as stream:
        return [chunk async for chunk in stream]


def text_of(found: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in found if chunk.choices)
