"""Who did what: which handlers are written down, the rows that requests leave, and how they are read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import anyio
import msgspec
from litestar import get
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.auth import ADMIN
from kotaemon_async.http.dependencies import AnyRequest, GivenServices
from kotaemon_async.http.forwarded import Trusted, forwarded
from kotaemon_async.http.identity import Identity
from kotaemon_async.http.problems import PROBLEM, responses
from kotaemon_async.operations.audit import OK, UNKNOWN, AuditTrail
from kotaemon_async.stores.audit import AuditEntry, AuditQuery
from kotaemon_async.telemetry import traces

PATH: Final = "/api/v1/audit"
#: What is written of a refused request to a handler that is not audited.
REQUEST: Final = "request"
#: Requests that did not fit, or came too often, were no acts.
_MISTAKES: Final = frozenset({400, 405, 408, 413, 415, 421, 422, 429, 431})
_ACTION: Final = "audited"
_OBJECT: Final = "audit_object"
_CALLER: Final = "audit_caller"
_LONGEST_OBJECT: Final = 500


def audited(action: str, *, object: str = "") -> dict[str, tuple[str, str]]:  # noqa: A002 - as in the rows
    """Return the `opt` of a handler whose calls are written down; `object` is a part of its path."""
    return {_ACTION: (action, object)}


def name_object(request: AnyRequest, name: str) -> None:
    """Say what a request is about, where its path does not."""
    request.scope["state"][_OBJECT] = name


def name_caller(request: AnyRequest, caller: Caller) -> None:
    """Say who a request made itself known as, where nobody knew him before it."""
    request.scope["state"][_CALLER] = caller


class Audited:
    """The application, in which a row is in the ledger before the reply to an audited request goes out.

    Beside audited handlers, whatever they reply, refusals are written down: 403, and 401 to one who tried.
    """

    def __init__(self, app: ASGIApp, trail: Callable[[], AuditTrail], trusted: Trusted) -> None:
        self._app = app
        self._trail = trail
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        replied = False

        async def send_audited(message: Message) -> None:
            nonlocal replied
            if message["type"] == "http.response.start":
                replied = True
                await self._write(scope, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_audited)
        finally:
            if not replied:
                with anyio.CancelScope(shield=True):
                    await self._write(scope, 499)

    async def _write(self, scope: HTTPScope, status: int) -> None:
        act = _act(scope, status)
        if act is None:
            return
        state = scope["state"]
        caller: Caller | None = state.get(_CALLER) or state["caller"]
        entry = AuditEntry(
            time.time(),
            caller.id if caller else UNKNOWN,
            caller.user if caller else "",
            *act,
            forwarded(scope, self._trusted).client,
            _result(scope, status),
            traces.current().trace_id,
        )
        await self._trail().write(entry)


def _act(scope: HTTPScope, status: int) -> tuple[str, str] | None:
    """Return the action and its object, None for a request that is not written down."""
    handler: BaseRouteHandler | None = scope.get("route_handler")  # set by the router
    marked: tuple[str, str] | None = handler.opt.get(_ACTION) if handler else None
    if marked is None:
        refused = status == 403 or (status == 401 and _tried(scope))
        route = scope.get("path_template") or scope["path"]
        return (REQUEST, f"{scope['method']} {route}"[:_LONGEST_OBJECT]) if refused else None
    if status in _MISTAKES:
        return None
    action, part = marked
    found = scope["state"].get(_OBJECT) or scope.get("path_params", {}).get(part, "")
    return action, str(found)[:_LONGEST_OBJECT]


def _result(scope: HTTPScope, status: int) -> str:
    if status == 499:
        return "client_gone"
    return OK if status < 400 else str(scope["state"].get(PROBLEM, status))


def _tried(scope: HTTPScope) -> bool:
    """Return whether the caller brought a key, which was none."""
    identity: Identity = scope["state"]["identity"]
    return identity.is_wrong_key


class AuditBody(msgspec.Struct, frozen=True):
    """One act: by which key or user (`caller`), for whom, on what, from where, and what came of it.

    `result` is `ok` or the code of what refused it; `object` is an id, or the name of a collection.
    """

    seq: int
    at: str
    caller: str
    user: str
    action: str
    object: str
    address: str
    result: str
    trace_id: str


class AuditList(msgspec.Struct, frozen=True):
    """One page of acts, the latest first, and the cursor of the next one."""

    items: list[AuditBody]
    next_cursor: str | None


@get(
    PATH,
    opt=ADMIN,
    responses=responses("bad_request", "unauthorized", "forbidden", "ledger_unavailable"),
    summary="Who did what",
)
async def list_acts(  # noqa: PLR0913, PLR0917 - one for each part of the query
    services: GivenServices,
    user: Annotated[str | None, QueryParameter(max_length=200)] = None,
    action: Annotated[str | None, QueryParameter(max_length=100)] = None,
    since: FromQuery[datetime | None] = None,
    after: Annotated[int | None, QueryParameter(ge=0, le=2**63 - 1)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, QueryParameter(pattern=r"^[0-9]{1,18}$")] = None,
) -> AuditList:
    """Return administrative and destructive acts, done and refused ones, the latest first.

    `user` is a user or the id of a key, `action` one action or a group of them, such as `documents`; `since`
    is a time, and `after` the `seq` of an act that is known already.
    """
    since_s = None if since is None else (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp()
    found, following = await services.audit.page(
        AuditQuery(user or None, action or None, since_s, after, limit, cursor)
    )
    return AuditList([_body(one) for one in found], following)


def _body(entry: AuditEntry) -> AuditBody:
    shown: dict[str, Any] = {name: getattr(entry, name) for name in AuditBody.__struct_fields__}
    return AuditBody(**{**shown, "at": iso_time(entry.at)})


HANDLERS: list[HTTPRouteHandler] = [list_acts]
