"""Puts the HTTP surface together."""

from typing import Final

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Message, Scope

from kotaemon_async.domain.callers import Caller
from kotaemon_async.http import (
    audit,
    collections,
    conversation_events,
    conversation_export,
    conversations,
    document_pages,
    documents,
    event_feed,
    feedback,
    links,
    models,
    operations,
    overviews,
    page_images,
    pages,
    preferences,
    questions,
    schema,
    sessions,
    traces,
)
from kotaemon_async.http.audit import Audited
from kotaemon_async.http.auth import caller_of, guard
from kotaemon_async.http.base_path import BelowPath
from kotaemon_async.http.dependencies import AnyRequest, Dependencies, HttpLimits
from kotaemon_async.http.hosts import KnownHosts
from kotaemon_async.http.identity import Identified, Identities, Keys, NoKeys
from kotaemon_async.http.json_bodies import within
from kotaemon_async.http.keys import HANDLERS as KEY_HANDLERS
from kotaemon_async.http.limits import LimitGuard, StreamPlaces
from kotaemon_async.http.middleware import Lingering, Observed, Staggered
from kotaemon_async.http.openai import api as openai_api
from kotaemon_async.http.origins import Origins
from kotaemon_async.http.problems import HANDLERS
from kotaemon_async.http.sign_in_attempts import SignInAttempts

__all__ = ["HttpLimits", "make_app"]

_HANDLERS: Final[list[HTTPRouteHandler]] = [
    *documents.HANDLERS,
    *collections.HANDLERS,
    *page_images.HANDLERS,
    *document_pages.HANDLERS,
    *questions.HANDLERS,
    *conversations.HANDLERS,
    *conversation_events.HANDLERS,
    *conversation_export.HANDLERS,
    *event_feed.HANDLERS,
    *feedback.HANDLERS,
    *openai_api.HANDLERS,
    *operations.HANDLERS,
    *KEY_HANDLERS,
    *sessions.HANDLERS,
    *models.HANDLERS,
    *links.HANDLERS,
    *overviews.HANDLERS,
    *preferences.HANDLERS,
    *pages.HANDLERS,
    *traces.HANDLERS,
    *audit.HANDLERS,
]


def make_app(
    services: Dependencies, limits: HttpLimits | None = None, *, keys: Keys | None = None
) -> Litestar:
    """Return the application over the services; every reply of it is traced, measured and logged.

    Where callers are asked who they are, whoever brings no key gets the page and the bare health status.
    """
    kept = limits or HttpLimits()
    streams = StreamPlaces(kept.settings.max_streams_per_caller, kept.max_streams)
    identities, attempts = Identities(kept.settings, keys or NoKeys()), SignInAttempts()

    def caller(request: AnyRequest) -> Caller | None:
        return caller_of(request)

    app = Litestar(
        _HANDLERS,
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "limits": Provide(lambda: kept, sync_to_thread=False),
            "caller": Provide(caller, sync_to_thread=False),
            "identities": Provide(lambda: identities, sync_to_thread=False),
            "attempts": Provide(lambda: attempts, sync_to_thread=False),
        },
        guards=[guard, LimitGuard(kept.callers, streams)],
        exception_handlers=HANDLERS,
        request_class=within(kept.json_body_s),
        openapi_config=schema.config(kept.settings.base_path),
        request_max_body_size=kept.max_json_bytes,
        before_send=[_allow],
        logging_config=None,
        debug=False,
    )
    # Outside of the router, so that unknown paths are seen too.
    known = KnownHosts(Origins(app.asgi_handler, kept.settings), kept.settings)
    inner = Lingering(known, kept.linger_s)
    written_down = Audited(inner, lambda: services.audit, kept.settings.trusted_proxies)
    observed = Staggered(Observed(written_down))
    app.asgi_handler = Identified(observed, identities, attempts)
    if kept.settings.base_path:
        app.asgi_handler = BelowPath(app.asgi_handler, kept.settings.base_path)
    return app


async def _allow(message: Message, scope: Scope) -> None:
    """Name every method of the path in replies to OPTIONS; Litestar names those of its first handler."""
    if message["type"] == "http.response.start" and scope.get("method") == HttpMethod.OPTIONS:
        template = scope.get("path_template")
        methods = {
            method
            for route in scope["litestar_app"].routes
            if isinstance(route, HTTPRoute) and route.path_format == template
            for method in route.route_handler_map
        }
        if methods:
            MutableScopeHeaders.from_message(message)["Allow"] = ", ".join(sorted(methods))
