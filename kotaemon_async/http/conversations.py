"""Conversations over HTTP: list, read, rename, pin, delete, choose between the versions of a turn."""

from typing import Annotated, Final

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.audit import audited, name_object
from kotaemon_async.http.bodies import AnswerBody, answer_body, body_of
from kotaemon_async.http.dependencies import AnyRequest, Cursor, GivenCaller, GivenServices, NamePart
from kotaemon_async.http.problems import responses
from kotaemon_async.http.rendering import rendered

PATH: Final = "/api/v1/conversations"
ONE: Final = PATH + "/{conversation_id:str}"

Title = Annotated[str, Meta(min_length=1, max_length=200)]
_PROBLEMS = responses("bad_request", "not_found", "ledger_unavailable")


class ConversationBody(msgspec.Struct, frozen=True):
    """A conversation; times are ISO 8601 in UTC, `turns` counts its questions.

    One without a title gets that of its first question. `running` says that one of them is being answered,
    `found` are the words around what was looked for.
    """

    id: str
    title: str
    created_at: str
    updated_at: str
    turns: int
    pinned_at: str | None = None
    running: bool = False
    found: str | None = None


class ConversationList(msgspec.Struct, frozen=True):
    """One page of conversations, pinned ones and then the latest first, and the cursor of the next one."""

    items: list[ConversationBody]
    next_cursor: str | None


class ConversationHistory(msgspec.Struct, frozen=True):
    """A conversation with its answers, in order, each in its current version."""

    conversation: ConversationBody
    answers: list[AnswerBody]


class ConversationStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a new conversation is called: without a title like its first question."""

    title: Title | None = None


class ConversationChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a conversation is called now, and whether it is pinned."""

    title: Title | None = None
    pinned: bool | None = None


class ConversationIds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which conversations are meant."""

    ids: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(min_length=1, max_length=500)]


class DeletedConversations(msgspec.Struct, frozen=True):
    """Which conversations were deleted."""

    deleted: list[str]


@post(PATH, status_code=201, responses=responses("bad_request", "ledger_unavailable"), summary="Begin one")
async def begin_conversation(
    services: GivenServices, caller: GivenCaller, data: JSONBody[ConversationStart | None] = None
) -> Response[ConversationBody]:
    """Begin a conversation; its id goes with each question as `conversation_id`."""
    begun = await services.answer_history.begin(caller, (data and data.title) or "")
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
    """Return one page, pinned ones and then the latest first.

    The words of `q` are looked for in titles, and in questions and their answers.
    """
    found, following = await services.answer_history.conversations(caller, q=q, limit=limit, cursor=cursor)
    return ConversationList([body_of(ConversationBody, one) for one in found], following)


@get(ONE, responses=_PROBLEMS, summary="Read one")
async def get_conversation(
    services: GivenServices,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    html: FromQuery[bool] = False,
) -> ConversationHistory:
    """Return the conversation and its answers as they stand, with `html` as safe HTML too."""
    found, turns = await services.answer_history.conversation(caller, conversation_id)
    answers = [answer_body(turn) for turn in turns]
    return ConversationHistory(
        body_of(ConversationBody, found), [await rendered(one) for one in answers] if html else answers
    )


@patch(ONE, responses=_PROBLEMS, summary="Rename one, or pin it")
async def change_conversation(
    services: GivenServices,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    data: JSONBody[ConversationChange],
) -> ConversationBody:
    """Rename the conversation, have it listed first or no longer, and return it."""
    history = services.answer_history
    if data.title is None and data.pinned is None:
        raise Refused("Say what it is called now, or whether it is pinned.")
    found = await history.head(caller, conversation_id)
    if data.title is not None:
        found = await history.rename(caller, conversation_id, data.title)
    if data.pinned is not None:
        found = await history.pin(caller, conversation_id, pinned=data.pinned)
    return body_of(ConversationBody, found)


@delete(
    ONE,
    opt=audited("conversations.delete", object="conversation_id"),
    responses=_PROBLEMS,
    summary="Delete one",
)
async def delete_conversation(
    services: GivenServices, caller: GivenCaller, conversation_id: FromPath[str]
) -> None:
    """Delete the conversation and its answers, running ones too."""
    await services.answer_history.delete(caller, conversation_id)


@post(
    f"{PATH}/delete",
    opt=audited("conversations.delete"),
    status_code=200,
    responses=responses("bad_request", "ledger_unavailable"),
    summary="Delete several",
)
async def delete_conversations(
    request: AnyRequest, services: GivenServices, caller: GivenCaller, data: JSONBody[ConversationIds]
) -> DeletedConversations:
    """Delete those of the conversations that are there, with their answers, and return which those were."""
    deleted = await services.answer_history.delete_several(caller, data.ids)
    name_object(request, " ".join(deleted))
    return DeletedConversations(deleted)


@post(
    f"{ONE}/answers/{{answer_id:str}}/current",
    status_code=200,
    responses=_PROBLEMS,
    summary="Choose a version of a turn",
)
async def choose_version(
    services: GivenServices, caller: GivenCaller, conversation_id: FromPath[str], answer_id: FromPath[str]
) -> AnswerBody:
    """Have this version of its turn stand in the conversation, and return it."""
    return answer_body(await services.answer_history.make_current(caller, conversation_id, answer_id))


HANDLERS: list[HTTPRouteHandler] = [
    begin_conversation,
    list_conversations,
    get_conversation,
    change_conversation,
    delete_conversation,
    delete_conversations,
    choose_version,
]
