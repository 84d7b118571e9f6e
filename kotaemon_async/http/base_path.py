"""The service below a path of its host, behind a proxy that strips this path or passes it on."""

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send


class BelowPath:
    """The application, whose paths are found with and without the base path; `Location` always has it."""

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self._app = app
        self._base = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; the base path itself leads to the page, whose links need the slash behind it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
        elif scope["path"] == self._base:
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            reply = ASGIResponse(status_code=308, headers={"Location": f"{self._base}/{query}"})
            await reply(scope, receive, send)
        else:
            await self._app(self._within(scope), receive, self._sending(send))

    def _within(self, scope: HTTPScope) -> HTTPScope:
        if not scope["path"].startswith(f"{self._base}/"):
            return scope
        raw_path = scope["raw_path"].removeprefix(self._base.encode())
        return {**scope, "path": scope["path"].removeprefix(self._base), "raw_path": raw_path}

    def _sending(self, send: Send) -> Send:
        async def send_below(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                location = headers.get("location", "")
                if location.startswith("/") and not location.startswith("//"):
                    headers["Location"] = f"{self._base}{location}"
            await send(message)

        return send_below
