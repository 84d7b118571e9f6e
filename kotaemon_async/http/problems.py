"""Every failure as RFC 9457 `application/problem+json`, under /v1 as OpenAI's `error`, and for the schema."""

import math
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Final

import msgspec
from litestar import HttpMethod, MediaType
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.response import Response
from litestar.types import ExceptionHandlersMap, Receive, Scope, Send
from loguru import logger

from kotaemon_async.domain.errors import CODES, KotaemonError
from kotaemon_async.http.bodies import Problem
from kotaemon_async.http.dependencies import AnyRequest
from kotaemon_async.http.openai.bodies import ErrorEnvelope, error_envelope
from kotaemon_async.telemetry import traces

MEDIA_TYPE = "application/problem+json"
#: What any operation may reply, whatever it is for.
_OF_EVERY_ONE = (
    *("unauthorized", "forbidden", "wrong_origin", "too_slow", "unsupported_media_type", "wrong_host"),
    *("rate_limited", "head_too_large", "internal"),
)
#: What whoever connects may be told, as 503, while there are too many connections.
_CROWDED: Final = "busy"
#: In a request's state: the code of what it failed with.
PROBLEM: Final = "problem"
_TRACE_EXAMPLE = "4bf92f3577b34da6a3ce929d0e0e4736"
_OPENAI_PATH = "/v1"
_OPENAI_HINT = "See /v1/models for the models and /schema for every call."
_CODE_BY_STATUS = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem_of(error: Exception, trace_id: str) -> Problem:
    """Return the body for any exception; what is not ours to show becomes `internal`."""
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
    """Return the body for a code of errors.CODES."""
    usual_status, usual_hint = CODES[code]
    shown = status or usual_status
    title = _title(shown)
    return Problem(
        f"urn:kotaemon:problem:{code}", title, shown, detail, code, hint or usual_hint, trace_id, retryable
    )


def _title(status: int) -> str:
    # 499, for a client that left, is in no standard.
    return "Client Closed Request" if status == CODES["client_gone"][0] else HTTPStatus(status).phrase


def handle(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Return the reply to a failed request; the traceback of our own bugs goes to the log."""
    problem = problem_of(error, traces.current().trace_id)
    request.scope["state"][PROBLEM] = problem.code
    if problem.code == "internal":
        logger.opt(exception=error).error("request_failed")
    body, media_type = msgspec.json.encode(problem), MEDIA_TYPE
    if f"{request.scope['path']}/".startswith(f"{_OPENAI_PATH}/"):
        body, media_type = msgspec.json.encode(_openai(error, problem)), MediaType.JSON.value
    return Response(
        body, status_code=problem.status, media_type=media_type, headers=_headers(error, problem.status)
    )


async def refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the reply to a request that comes no further than a middleware."""
    request = AnyRequest(scope, receive, send)
    reply = handle(request, error).to_asgi_response(
        None, request, is_head_response=request.method == HttpMethod.HEAD
    )
    await reply(scope, receive, send)


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    elif status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def _openai(error: Exception, problem: Problem) -> ErrorEnvelope:
    """Return the failure as OpenAI's clients read it; `param` is the part of the request that did not fit."""
    if isinstance(error, HTTPException) and problem.code in ("not_found", "method_not_allowed"):
        problem = msgspec.structs.replace(problem, hint=_OPENAI_HINT)
    misfits = _misfits(error) if isinstance(error, HTTPException) else []
    param = misfits[0].get("key") if misfits else getattr(error, "param", None)
    return error_envelope(problem, param if isinstance(param, str) else None)


#: For Litestar(exception_handlers=…).
HANDLERS: ExceptionHandlersMap = {KotaemonError: handle, HTTPException: handle, Exception: handle}


def responses(*codes: str) -> Mapping[int, ResponseSpec]:
    """Return the failures of an operation for the schema, each with an example, and those of every one."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, *_OF_EVERY_ONE):
        by_status.setdefault(CODES[code][0], []).append(code)
    by_status.setdefault(HTTPStatus.SERVICE_UNAVAILABLE, []).append(_CROWDED)
    return {status: _spec(status, found) for status, found in by_status.items()}


def openai_responses(*codes: str) -> Mapping[int, ResponseSpec]:
    """Return the failures of an operation under /v1 for the schema, each with an example."""
    found = responses(*codes)
    return {status: _in_envelope(spec) for status, spec in found.items()}


def _in_envelope(spec: ResponseSpec) -> ResponseSpec:
    problems = [msgspec.convert(example.value, Problem) for example in spec.examples or []]
    examples = [Example(id=one.code, value=msgspec.to_builtins(error_envelope(one))) for one in problems]
    return replace(spec, data_container=ErrorEnvelope, media_type=MediaType.JSON, examples=examples)


def _spec(status: int, codes: list[str]) -> ResponseSpec:
    retryable = status in (429, 503, 507)
    bodies = [
        make_problem(code, f"What went wrong ({code}).", _TRACE_EXAMPLE, retryable=retryable, status=status)
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
    """Return one sentence, with the fields that did not fit."""
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return error.detail or HTTPStatus(error.status_code).phrase
    found = [f"{one.get('key', 'body')}: {one.get('message', '')}" for one in _misfits(error)]
    return "; ".join(found) or "The request does not fit the schema."


def _misfits(error: HTTPException) -> list[dict[str, object]]:
    """Return the fields that did not fit the schema, each with its name and why."""
    extra = error.extra if isinstance(error, ValidationException) else None
    return [one for one in extra if isinstance(one, dict)] if isinstance(extra, list) else []
