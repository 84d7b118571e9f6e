"""Every failure as RFC 9457 `application/problem+json`, and the same failures for the schema."""

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.response import Response
from litestar.types import ExceptionHandlersMap
from loguru import logger

from kotaemon_async.errors import CODES, KotaemonError
from kotaemon_async.http.bodies import Problem
from kotaemon_async.http.parts import AnyRequest
from kotaemon_async.telemetry import traces

MEDIA_TYPE = "application/problem+json"
_TRACE_EXAMPLE = "4bf92f3577b34da6a3ce929d0e0e4736"
_CODE_BY_STATUS = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem_of(error: Exception, trace_id: str) -> Problem:
    """The body for any exception; what is not ours to show becomes `internal`."""
    if isinstance(error, KotaemonError):
        return make_problem(error.code, error.message, trace_id, hint=error.hint, retryable=error.retryable)
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        code = _CODE_BY_STATUS.get(error.status_code, "bad_request")
        return make_problem(code, _detail(error), trace_id, status=error.status_code)
    return make_problem("internal", "Something went wrong inside the service.", trace_id)


def make_problem(
    code: str,
    detail: str,
    trace_id: str,
    *,
    hint: str | None = None,
    retryable: bool = False,
    status: int | None = None,
) -> Problem:
    """The body for a code of errors.CODES."""
    usual_status, usual_hint = CODES[code]
    shown = status or usual_status
    title = HTTPStatus(shown).phrase
    return Problem(
        f"urn:kotaemon:problem:{code}", title, shown, detail, code, hint or usual_hint, trace_id, retryable
    )


def handle(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The reply to a failed request; the traceback of our own bugs goes to the log."""
    problem = problem_of(error, traces.current().trace_id)
    if problem.code == "internal":
        logger.opt(exception=error).bind(method=request.method).error("request_failed")
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )


#: For Litestar(exception_handlers=…).
HANDLERS: ExceptionHandlersMap = {KotaemonError: handle, HTTPException: handle, Exception: handle}


def responses(*codes: str) -> Mapping[int, ResponseSpec]:
    """The failures of an operation for the schema, each with an example; `internal` always is one."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, "internal"):
        by_status.setdefault(CODES[code][0], []).append(code)
    return {status: _spec(status, found) for status, found in by_status.items()}


def _spec(status: int, codes: list[str]) -> ResponseSpec:
    retryable = status in (429, 503, 507)
    bodies = [
        make_problem(code, f"What went wrong ({code}).", _TRACE_EXAMPLE, retryable=retryable)
        for code in codes
    ]
    examples = [Example(id=body.code, value=msgspec.to_builtins(body)) for body in bodies]
    return ResponseSpec(
        Problem,
        generate_examples=False,
        description=f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
        media_type=MEDIA_TYPE,
        examples=examples,
    )


def _detail(error: HTTPException) -> str:
    """One sentence, with the fields that did not fit."""
    extra = error.extra
    if not isinstance(error, ValidationException) or not isinstance(extra, list):
        return error.detail or HTTPStatus(error.status_code).phrase
    found = [f"{one.get('key', 'body')}: {one.get('message', '')}" for one in extra if isinstance(one, dict)]
    return "; ".join(found) or "The request does not fit the schema."
