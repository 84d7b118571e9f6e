"""What one caller may take: so many requests and questions a minute, and streams at once.

Only users have limits: a service that asks nobody who he is cannot tell one from another.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope, Scope

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.auth import OPEN, caller_of
from kotaemon_async.http.settings import LimitSettings
from kotaemon_async.telemetry import metrics

Policy = Literal["requests", "questions"]
_POLICY: Final = "policy"
#: Marks a handler that counts as a question, as in `opt=QUESTION`.
QUESTION: Final[dict[str, Policy]] = {_POLICY: "questions"}
_MINUTE_S: Final = 60.0
#: Users whose counts are kept; of one that is forgotten nothing is known, so all is allowed.
_MAX_USERS: Final = 10_000
_STREAM_RETRY_S: Final = 10.0
_STANDING: Final = "standing"
_STREAMS: Final = "streams"


def limited(
    code: Literal["rate_limited", "quota_exceeded", "too_slow"],
    message: str,
    *,
    retry_after_s: float | None = None,
) -> Refused:
    """Return the refusal, once it is counted."""
    metrics.LIMITED.labels(reason=code).inc()
    return Refused(message, code=code, retry_after_s=retry_after_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a limit is left, and when all of it is there again."""

    policy: Policy
    per_minute: int
    left: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Return the fields of the IETF's draft, and the three of its earlier forms, which programs read."""
        name = f'"{self.policy}"'
        return {
            "RateLimit-Policy": f"{name};q={self.per_minute};w={_MINUTE_S:g}",
            "RateLimit": f"{name};r={self.left};t={self.reset_s}",
            "RateLimit-Limit": str(self.per_minute),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.reset_s),
        }


class Buckets:
    """For each user a bucket that holds the requests of a minute and fills up evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, user: str) -> tuple[float, float]:
        """Take one and return how many are left, and for how many seconds there is none, 0 if there was."""
        now_s, a_second = self._clock(), self.per_minute / _MINUTE_S
        held, at_s = self._seen.pop(user, (float(self.per_minute), now_s))
        held = min(float(self.per_minute), held + (now_s - at_s) * a_second)
        wait_s = max(0.0, (1 - held) / a_second)
        held -= 0 if wait_s else 1
        self._seen[user] = (held, now_s)
        if len(self._seen) > _MAX_USERS:
            self._seen.popitem(last=False)
        return held, wait_s


class StreamPlaces:
    """Streams at once, of one user and in all."""

    def __init__(self, per_caller: int, in_all: int) -> None:
        self._per_caller = per_caller
        self._in_all = in_all
        self._held: Counter[str] = Counter()

    @contextmanager
    def held(self, user: str) -> Iterator[None]:
        """Hold a place during the block. Raises: Refused `rate_limited`."""
        if user and self._held[user] >= self._per_caller:
            message = f"You have {self._per_caller} streams open; end one first."
            raise limited("rate_limited", message, retry_after_s=_STREAM_RETRY_S)
        if self._held.total() >= self._in_all:
            raise limited("rate_limited", "Too many streams are open.", retry_after_s=_STREAM_RETRY_S)
        self._held[user] += 1
        try:
            yield
        finally:
            self._held[user] -= 1
            if not self._held[user]:
                del self._held[user]


class LimitGuard:
    """Refuses what is beyond a user's limits before anything of the body is read."""

    def __init__(
        self, settings: LimitSettings, streams: StreamPlaces, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._streams = streams
        self._buckets: Mapping[Policy, Buckets] = {
            "requests": Buckets(settings.requests_per_minute, clock),
            "questions": Buckets(settings.questions_per_minute, clock),
        }

    def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Count the request. Raises: Refused `rate_limited`."""
        state = cast("dict[str, object]", connection.scope["state"])
        state[_STREAMS] = self._streams
        caller = caller_of(connection)
        policy: Policy = handler.opt.get(_POLICY, "requests")
        buckets = self._buckets[policy]
        if caller is None or not caller.user or not buckets.per_minute or handler.opt.items() >= OPEN.items():
            return
        held, wait_s = buckets.take(caller.user)
        reset_s = math.ceil((buckets.per_minute - held) * _MINUTE_S / buckets.per_minute)
        state[_STANDING] = Standing(policy, buckets.per_minute, int(held), reset_s)
        if wait_s:
            message = f"You may send {buckets.per_minute} {policy} a minute."
            raise limited("rate_limited", message, retry_after_s=wait_s)


def standing_headers(scope: HTTPScope) -> dict[str, str]:
    """Return what a reply tells of the caller's limit, nothing where he has none."""
    standing = cast("Standing | None", scope["state"].get(_STANDING))
    return {} if standing is None else standing.headers()


@contextmanager
def stream_place(scope: Scope) -> Iterator[None]:
    """Hold the caller's place for one stream during the block. Raises: Refused `rate_limited`."""
    state: Mapping[str, Any] = scope.get("state") or {}
    streams, caller = state.get(_STREAMS), state.get("caller")
    if streams is None:
        yield
        return
    with streams.held(caller.user if caller else ""):
        yield
