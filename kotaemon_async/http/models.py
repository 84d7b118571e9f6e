"""Embedding models over HTTP: which one answers, how far a change is, and how to stop it or take it back."""

from typing import Final, Literal

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from kotaemon_async.http.audit import audited, name_object
from kotaemon_async.http.auth import ADMIN
from kotaemon_async.http.bodies import body_of
from kotaemon_async.http.dependencies import AnyRequest, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.search.model_change import State

_PATH: Final = "/api/v1/models"


class ModelsBody(msgspec.Struct, frozen=True):
    """The embedding model that answers, and how far the change to another one is.

    Of `total` chunks `done` are embedded by the model that will answer. `waiting_for` says what it waits for,
    `message` why the model that is set is not changed to; with a `code` nothing goes on.
    """

    active: str
    state: State
    target: str | None
    done: int
    total: int
    waiting_for: str | None = None
    previous: str | None = None
    declined: str | None = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None


class ChangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let the change rest, let it go on, or go back to the model before."""

    change: Literal["stop", "resume", "back"]


@get(_PATH, opt=ADMIN, responses=responses(), summary="Get the embedding models")
async def get_models(services: GivenServices) -> ModelsBody:
    """Return which model answers, and the change to another one while there is one."""
    return body_of(ModelsBody, services.model_change.status)


@post(
    _PATH,
    opt=ADMIN | audited("models.change"),
    status_code=200,
    responses=responses("bad_request", "conflict", "ledger_unavailable"),
    summary="Stop, resume or take back a change of the model",
)
async def change_models(
    request: AnyRequest, data: JSONBody[ChangeRequest], services: GivenServices
) -> ModelsBody:
    """Return what comes of it; 409 when there is nothing to stop, to resume or to go back to."""
    name_object(request, data.change)
    change = services.model_change
    acts = {"stop": change.stop, "resume": change.resume, "back": change.take_back}
    await acts[data.change]()
    return body_of(ModelsBody, change.status)


HANDLERS: list[HTTPRouteHandler] = [get_models, change_models]
