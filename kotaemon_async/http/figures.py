"""The service's last half hour over HTTP, as the page draws it."""

from typing import Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from kotaemon_async.http.dependencies import GivenParts
from kotaemon_async.http.problems import responses
from kotaemon_async.telemetry.history import EVERY_S


class Figures(msgspec.Struct, frozen=True):
    """Times in Unix seconds, and for each name as many values; null where there is nothing to tell."""

    every_s: float
    at: list[float]
    series: dict[str, list[float | None]]


@get("/api/v1/figures", responses=responses("bad_request"), summary="The last half hour")
async def last_figures(parts: GivenParts, after: FromQuery[float] = 0.0) -> Figures:
    """Queue, throughput, times, memory; with `after` only what is later than that."""
    moments = parts.history.after(after)
    names = moments[-1].values if moments else ()
    series = {name: [_rounded(moment.values.get(name)) for moment in moments] for name in names}
    return Figures(EVERY_S, [round(moment.at_s, 3) for moment in moments], series)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


HANDLERS: list[HTTPRouteHandler] = [last_figures]

#: By the name of the schema component.
EXAMPLES: Final[dict[str, object]] = {
    "Figures": msgspec.to_builtins(
        Figures(
            EVERY_S,
            [1_767_225_600.0, 1_767_225_605.0],
            {"queue_depth": [3.0, 2.0], "search_s": [None, 0.012]},
        )
    )
}
