"""Puts the HTTP surface together."""

from litestar import Litestar
from litestar.di import Provide

from kotaemon_async.http import (
    conversations,
    doctor,
    documents,
    openai_api,
    operations,
    questions,
    schema,
)
from kotaemon_async.http.middleware import Lingering, Observed, Staggered
from kotaemon_async.http.parts import HttpLimits, Parts
from kotaemon_async.http.problems import HANDLERS

__all__ = ["HttpLimits", "make_app"]


def make_app(services: Parts, limits: HttpLimits | None = None) -> Litestar:
    """The application over the given parts; every reply of it is traced, measured and logged."""
    kept = limits or HttpLimits()
    app = Litestar(
        [
            *documents.HANDLERS,
            *questions.HANDLERS,
            *conversations.HANDLERS,
            *openai_api.HANDLERS,
            *operations.HANDLERS,
            *doctor.HANDLERS,
        ],
        dependencies={
            "parts": Provide(lambda: services, sync_to_thread=False),
            "limits": Provide(lambda: kept, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        openapi_config=schema.config(),
        request_max_body_size=kept.max_json_bytes,
        logging_config=None,
        debug=False,
    )
    # Outside of the router, so that unknown paths are seen too.
    app.asgi_handler = Staggered(Observed(Lingering(app.asgi_handler, kept.linger_s)))
    return app
