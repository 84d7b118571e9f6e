"""The OpenAI-compatible calls: programs that chat with OpenAI's API chat with the documents instead."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Final

import anyio
import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse

from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.plain import PlainPrompt
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.domain.model import Answer, new_id
from kotaemon_async.http import events
from kotaemon_async.http.dependencies import (
    AnyRequest,
    Dependencies,
    GivenCaller,
    GivenLimits,
    GivenServices,
    HttpLimits,
)
from kotaemon_async.http.limits import QUESTION
from kotaemon_async.http.openai import examples as openai_examples
from kotaemon_async.http.openai.bodies import (
    MODEL,
    ChatCompletion,
    ChatRequest,
    InvalidParam,
    Model,
    ModelList,
    completion_of,
    model_of,
)
from kotaemon_async.http.openai.helper_prompts import helper_prompt, plain_answer
from kotaemon_async.http.openai.stream import ChatFrames, Chunks
from kotaemon_async.http.problems import openai_responses
from kotaemon_async.http.questions import Deadline, while_connected, within

#: Collections that are listed; a chat may name any.
_MAX_MODELS: Final = 1_000
#: A question is not held up for long by the check that its collection is there.
_CHECK_TIMEOUT_S: Final = 1.0
_UNKNOWN_HINT: Final = "List the models with GET /v1/models."
#: The model that looks everywhere is as old as these calls; in Unix seconds.
_EVERYTHING: Final = Model(MODEL, 1_767_225_600)


def _reply(body: object, description: str) -> ResponseSpec:
    examples = openai_examples.example_of(body)
    return ResponseSpec(type(body), generate_examples=False, description=description, examples=examples)


@get(
    "/v1/models",
    responses={
        200: _reply(openai_examples.MODELS, "The models."),
        **openai_responses("ledger_unavailable"),
    },
    summary="List what there is to chat with",
)
async def list_models(services: GivenServices, caller: GivenCaller) -> ModelList:
    """Return `kotaemon` for all documents, and `kotaemon/NAME` for each collection."""
    found = [model_of(one) for one in await services.sharing.names(caller, _MAX_MODELS)]
    return ModelList([_EVERYTHING, *found])


@get(
    "/v1/models/{model_id:path}",
    responses={
        200: _reply(openai_examples.MODEL, "The model."),
        **openai_responses("bad_request", "not_found", "ledger_unavailable"),
    },
    summary="Get one of the models",
)
async def get_model(services: GivenServices, caller: GivenCaller, model_id: FromPath[str]) -> Model:
    """Return the model; its name may hold a slash."""
    wanted = model_id.removeprefix("/")
    if wanted == MODEL:
        return _EVERYTHING
    return await _collection_model(wanted, services, caller)


@post(
    "/v1/chat/completions",
    status_code=200,
    opt=QUESTION,
    operation_class=openai_examples.ChatOperation,
    responses={
        200: _reply(openai_examples.COMPLETION, "The answer, or its chunks."),
        **openai_responses("bad_request", "not_found", "busy", "timeout", "ledger_unavailable"),
    },
    summary="Chat over the documents",
)
async def chat(
    request: AnyRequest,
    services: GivenServices,
    caller: GivenCaller,
    limits: GivenLimits,
    data: JSONBody[ChatRequest],
    deadline_s: Deadline = None,
) -> ASGIResponse:
    """Answer the last user message over the documents, with footnotes; with `stream` in chunks.

    What the program asks for itself, such as a title, comes from a model without documents, or is harmless.
    """
    now_s = time.time()
    completion_id = new_id("chatcmpl", now_s).replace("_", "-")
    question, place = data.question()
    before = data.history(place)
    if (helper := helper_prompt(data.wishes(), [asked for asked, _ in before], question)) is not None:
        await _collection_asked(data.model, services, caller)
        prompt = PlainPrompt(question, data.wishes(), before, data.limit().max_tokens)
        reply = await while_connected(
            request, lambda: services.answering.plain(prompt, within(deadline_s, limits))
        )
        return _plain_completion(data, plain_answer(question, helper, reply), completion_id, now_s)
    asked = replace(await _asked(data, services, caller, limits), deadline_s=within(deadline_s, limits))
    if data.stream:
        frames = ChatFrames(services.answering, asked, Chunks(data, completion_id, now_s))
        closing = events.Closing(
            services.stopping, limits.settings.drain_s, limits.heartbeat_s, frames.closing_frame
        )
        return events.EventStream(frames.frames(), closing)
    answer = await while_connected(request, lambda: services.answering.answer(asked))
    body: ChatCompletion = completion_of(data, answer, completion_id, now_s)
    return ASGIResponse(body=msgspec.json.encode(body))


def _plain_completion(chat: ChatRequest, answer: Answer, completion_id: str, now_s: float) -> ASGIResponse:
    """Return a reply that is whole already, in one piece or as a stream of it."""
    if not chat.stream:
        return ASGIResponse(body=msgspec.json.encode(completion_of(chat, answer, completion_id, now_s)))
    chunks, limit = Chunks(chat, completion_id, now_s), chat.limit()
    content = limit.feed(answer.answer) + limit.rest()
    body = chunks.role() + chunks.content(content) + chunks.end(answer, content, limit.ended)
    return ASGIResponse(body=body, media_type=events.MEDIA_TYPE)


async def _asked(chat: ChatRequest, services: Dependencies, caller: Caller, limits: HttpLimits) -> Ask:
    """Return what the chat asks. Raises: InvalidParam."""
    question, place = chat.question()
    if len(question) > limits.max_question_length:
        raise InvalidParam(
            f"The question has {len(question)} characters; {limits.max_question_length} are allowed.",
            f"messages[{place}].content",
            hint="Make it shorter.",
        )
    collection = await _collection_asked(chat.model, services, caller)
    return Ask(question, caller, collection, history=chat.history(place), wishes=chat.wishes())


async def _collection_asked(model_id: str, services: Dependencies, caller: Caller) -> str | None:
    """Return where the model looks, None for all that the caller may read. Raises: InvalidParam.

    A ledger that is away refuses nothing, as there is an answer anyway.
    """
    if model_id == MODEL:
        return None
    name = _collection_of(model_id)
    with suppress(Unavailable, TimeoutError), anyio.fail_after(_CHECK_TIMEOUT_S):
        await _collection_model(model_id, services, caller)
    return name


async def _collection_model(model_id: str, services: Dependencies, caller: Caller) -> Model:
    try:
        return model_of(await services.sharing.get(caller, _collection_of(model_id)))
    except Refused:
        raise _unknown(model_id) from None


def _collection_of(model_id: str) -> str:
    kind, _, name = model_id.partition("/")
    if kind != MODEL or not name:
        raise _unknown(model_id)
    return name


def _unknown(model_id: str) -> InvalidParam:
    return InvalidParam(f"There is no model {model_id!r}.", "model", code="not_found", hint=_UNKNOWN_HINT)


HANDLERS: list[HTTPRouteHandler] = [list_models, get_model, chat]
