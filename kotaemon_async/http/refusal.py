"""The reply to what never became a request, as the bytes that go out."""

import math
from collections.abc import Iterable
from http import HTTPStatus

import msgspec
from loguru import logger

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.middleware import SAFE_HEADERS
from kotaemon_async.http.problems import MEDIA_TYPE, make_problem
from kotaemon_async.telemetry import metrics, traces


def refusal(refused: Refused, usual: Iterable[tuple[bytes, bytes]], *, status: int | None = None) -> bytes:
    """Return the whole reply, with the `usual` headers, and log it; the connection is closed after it."""
    with traces.unrecorded():
        trace_id = traces.current().trace_id
        problem = make_problem(
            *(refused.code, refused.message, trace_id),
            hint=refused.hint,
            retryable=refused.retryable,
            status=status,
        )
        logger.bind(code=refused.code, status=problem.status).info("request_refused")
    if refused.code != "bad_request":
        metrics.LIMITED.labels(reason=refused.code).inc()
    body = msgspec.json.encode(problem)
    headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close"}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    headers |= {"X-Trace-Id": trace_id, **SAFE_HEADERS}
    lines = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in usual]
    lines += [f"{name}: {value}".encode() for name, value in headers.items()]
    return b"\r\n".join([*lines, b"", body])
