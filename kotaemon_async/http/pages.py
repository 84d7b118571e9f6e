"""The web page: a handful of files, read once, sent compressed, under a policy that lets nothing else run."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.auth import OPEN
from kotaemon_async.http.dependencies import AnyRequest

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing comes from anywhere else.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class _File:
    media_type: str
    plain: bytes
    packed: bytes
    etag: str


@cache
def files() -> dict[str, _File]:
    """Return every file of the page by its name."""
    found = {}
    for one in resources.files("kotaemon_async.http").joinpath("web").iterdir():
        media_type = _TYPES.get(one.name[one.name.rfind(".") :])
        if media_type is not None:
            data = one.read_bytes()
            etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
            found[one.name] = _File(media_type, data, gzip.compress(data, mtime=0), etag)
    return found


@get("/", include_in_schema=False, opt=OPEN)
async def page(request: AnyRequest) -> Response[bytes]:
    """Return the page itself, which asks for a key when the service wants one."""
    return _reply(request, "index.html")


@get("/web/{name:str}", include_in_schema=False, opt=OPEN)
async def part_of_page(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """Return one of its files."""
    return _reply(request, name)


def _reply(request: AnyRequest, name: str) -> Response[bytes]:
    file = files().get(name)
    if file is None:
        raise Refused("The page has no such file.", code="not_found")
    # Asked for each time and answered with 304: after an upgrade nobody sees an old module beside a new one.
    headers = {
        "ETag": file.etag,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": POLICY,
    }
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if packs else file.plain, headers=headers, media_type=file.media_type)


HANDLERS: list[HTTPRouteHandler] = [page, part_of_page]
