"""Which handlers are written down, taken from the router."""

from litestar.routes import HTTPRoute

from kotaemon_async.http.server import make_app

#: They add, ask or name things, and take nothing away from anybody.
HARMLESS = {
    "POST /api/v1/documents",
    "POST /api/v1/search",
    "POST /api/v1/answers",
    "POST /api/v1/conversations",
    "PATCH /api/v1/conversations/{conversation_id}",
    "POST /api/v1/conversations/{conversation_id}/answers/{answer_id}/current",
    "POST /api/v1/answers/{answer_id}/stop",
    "PUT /api/v1/answers/{answer_id}/feedback",
    "DELETE /api/v1/answers/{answer_id}/feedback",
    "POST /v1/chat/completions",
}
READING = {"GET", "HEAD", "OPTIONS"}


def changing() -> dict[str, bool]:
    """Every call that changes something, and whether it is written down."""
    app = make_app(None)  # type: ignore[arg-type]
    return {
        f"{method} {route.path_format}": "audited" in handler.opt
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method not in READING
    }


def test_every_call_that_takes_away_or_administers_is_written_down() -> None:
    assert {call for call, audited in changing().items() if not audited} == HARMLESS


def test_the_object_of_an_act_is_a_part_of_its_path() -> None:
    app = make_app(None)  # type: ignore[arg-type]
    parts = [
        (route.path_format, handler.opt["audited"][1])
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler, _ in route.route_handler_map.values()
        if "audited" in handler.opt
    ]
    assert [one for one in parts if one[1] and f"{{{one[1]}}}" not in one[0]] == []
    assert len(parts) > 10
