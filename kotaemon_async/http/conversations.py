"""Conversations over HTTP: list, read, rename, delete, take away as Markdown."""

from typing import Annotated, Final

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from kotaemon_async.answers import phrases
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.audit import audited
from kotaemon_async.http.bodies import AnswerBody, answer_body, body_of
from kotaemon_async.http.dependencies import Cursor, GivenCaller, GivenServices, NamePart
from kotaemon_async.http.problems import responses
from kotaemon_async.http.rendering import rendered
from kotaemon_async.http.sources import source_line
from kotaemon_async.http.unlinked import unlinked
from kotaemon_async.stores.conversations import Conversation, Turn

PATH: Final = "/api/v1/conversations"
_ONE: Final = PATH + "/{conversation_id:str}"

Title = Annotated[str, Meta(min_length=1, max_length=200)]
_MARKDOWN = ResponseSpec(
    str, generate_examples=False, description="The conversation.", media_type="text/markdown"
)


class ConversationBody(msgspec.Struct, frozen=True):
    """A conversation; times are ISO 8601 in UTC."""

    id: str
    title: str
    created_at: str
    updated_at: str
    turns: int


class ConversationList(msgspec.Struct, frozen=True):
    """One page of conversations, the latest first, and the cursor of the next one."""

    items: list[ConversationBody]
    next_cursor: str | None


class ConversationHistory(msgspec.Struct, frozen=True):
    """A conversation with its answers, in order."""

    conversation: ConversationBody
    answers: list[AnswerBody]


class ConversationTitle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a conversation is called."""

    title: Title


@post(PATH, status_code=201, responses=responses("bad_request", "ledger_unavailable"), summary="Begin one")
async def begin_conversation(
    services: GivenServices, caller: GivenCaller, data: JSONBody[ConversationTitle]
) -> Response[ConversationBody]:
    """Begin a conversation; its id goes with each question as `conversation_id`."""
    begun = await services.answer_history.begin(caller, data.title)
    return Response(
        body_of(ConversationBody, begun), status_code=201, headers={"Location": f"{PATH}/{begun.id}"}
    )


@get(PATH, responses=responses("bad_request", "ledger_unavailable"), summary="List conversations")
async def list_conversations(
    services: GivenServices,
    caller: GivenCaller,
    q: NamePart = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> ConversationList:
    """Return one page, the latest first; `q` is looked for in titles."""
    found, following = await services.answer_history.conversations(caller, q=q, limit=limit, cursor=cursor)
    return ConversationList([body_of(ConversationBody, one) for one in found], following)


@get(_ONE, responses=responses("bad_request", "not_found", "ledger_unavailable"), summary="Read one")
async def get_conversation(
    services: GivenServices,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    html: FromQuery[bool] = False,
) -> ConversationHistory:
    """Return the conversation and its answers, with `html` as safe HTML too."""
    found, turns = await services.answer_history.conversation(caller, conversation_id)
    answers = [answer_body(turn.answer) for turn in turns]
    return ConversationHistory(
        body_of(ConversationBody, found), [await rendered(one) for one in answers] if html else answers
    )


@patch(_ONE, responses=responses("bad_request", "not_found", "ledger_unavailable"), summary="Rename one")
async def rename_conversation(
    services: GivenServices,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    data: JSONBody[ConversationTitle],
) -> ConversationBody:
    """Rename the conversation and return it."""
    return body_of(
        ConversationBody,
        await services.answer_history.rename(caller, conversation_id, data.title),
    )


@delete(
    _ONE,
    opt=audited("conversations.delete", object="conversation_id"),
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Delete one",
)
async def delete_conversation(
    services: GivenServices, caller: GivenCaller, conversation_id: FromPath[str]
) -> None:
    """Delete the conversation and its answers."""
    await services.answer_history.delete(caller, conversation_id)


@get(
    f"{_ONE}/export",
    media_type="text/markdown",
    responses={200: _MARKDOWN, **responses("bad_request", "not_found", "ledger_unavailable")},
    summary="Take one away as Markdown",
)
async def export_conversation(
    services: GivenServices, caller: GivenCaller, conversation_id: FromPath[str]
) -> Response[str]:
    """Return the questions, answers and sources as a Markdown file."""
    found, turns = await services.answer_history.conversation(caller, conversation_id)
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(found.id)}.md"'}
    return Response(markdown(found, turns), headers=headers, media_type="text/markdown; charset=utf-8")


def markdown(conversation: Conversation, turns: list[Turn]) -> str:
    """Return a heading for each question, its answer, and the quotes that it rests on."""
    lines = [f"# {_line(conversation.title)}\n"]
    cited = [one for turn in turns for one in turn.answer.citations]
    for turn in turns:
        answer = turn.answer
        served = f"{answer.served_by}, degraded" if answer.degraded else answer.served_by
        served = served if answer.complete else f"{served}, not complete"
        lines.append(f"## {_line(answer.question)}\n\n{answer.answer}\n")
        chinese = phrases.is_chinese(answer.question)
        lines += [f"{source_line(one, cited, chinese=chinese)}\n" for one in answer.citations]
        lines.append(f"*{iso_time(turn.at_s)}, {served}*\n")
    return unlinked("\n".join(lines))


def _line(text: str) -> str:
    return " ".join(text.split())


def _file_name(conversation_id: str) -> str:
    kept = "".join(ch if ch.isascii() and (ch.isalnum() or ch in "-_") else "_" for ch in conversation_id)
    return f"conversation-{kept[:60]}"


HANDLERS: list[HTTPRouteHandler] = [
    begin_conversation,
    list_conversations,
    get_conversation,
    rename_conversation,
    delete_conversation,
    export_conversation,
]
