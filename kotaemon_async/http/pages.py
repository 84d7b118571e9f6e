"""The web page: a few joined files, made when it is first asked for; a policy lets nothing else run."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.auth import OPEN
from kotaemon_async.http.bundle import Bundles, bundles, defined, defined_packed
from kotaemon_async.http.dependencies import AnyRequest

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
# Nothing comes from anywhere else.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_ENTRY: Final = "frame/app.js"
_LOADER: Final = "frame/loader.js"
#: A module as its makers give it out.
_VENDOR: Final = "vendor/preact.js"
#: The Latin letters of Inter 4, weights 400 to 700; other letters are the system's.
_FACE: Final = "vendor/inter.woff2"
#: What a phone reads to keep the page as an app; it names the icons beside it.
_MANIFEST: Final = "manifest.webmanifest"
#: These come before the style sheets of the views.
_FIRST_STYLES: Final = ("frame/tokens.css", "frame/frame.css", "frame/parts.css")
#: And this one after them: what a printer or the system wants goes before what a view wants.
_LAST_STYLE: Final = "frame/media.css"
#: A name with a hash stands for the same bytes for ever.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
# Asked for each time and answered with 304: it names the other files, and after an upgrade it names new ones.
_EACH_TIME: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page as it is sent, also packed."""

    media_type: str
    plain: bytes
    packed: bytes
    etag: str
    keeps: str


@cache
def files() -> dict[str, File]:
    """Return every file that the page may ask for, by its name; the page itself is `index.html`."""
    sources = dict(_sources(resources.files("kotaemon_async.http").joinpath("web")))
    named: dict[str, str] = {}
    found: dict[str, File] = {}

    def add(name: str, data: bytes) -> str:
        stem, dot, ending = name.rpartition(".")
        hashed = f"{stem}-{hashlib.sha256(data).hexdigest()[:16]}{dot}{ending}"
        found[hashed] = _file(hashed, data, _FOR_EVER)
        named[f"web/{name}"] = f"web/{hashed}"
        return hashed

    modules = {name: data.decode() for name, data in sources.items() if name.endswith(".js")}
    groups = bundles(modules | {_VENDOR: ""}, _ENTRY)
    chunks = {
        name: add(name.replace("/", "-"), _chunk(modules, needed).encode())
        for name, needed in groups.later.items()
    }
    add("app.js", _first(modules, groups, chunks).encode())
    face = add("inter.woff2", sources[_FACE])
    add("style.css", _styles(sources).replace(b'url("inter.woff2")', f'url("{face}")'.encode()))
    page = sources["index.html"].decode()
    for name, hashed in named.items():
        page = page.replace(f'"{name}"', f'"{hashed}"')
    found["index.html"] = _file("index.html", page.encode(), _EACH_TIME)
    for name in (_MANIFEST, "icon.svg", *(name for name in sources if name.startswith("icons/"))):
        own = name.rpartition("/")[2]
        found[own] = _file(own, sources[name], _EACH_TIME)
    return found


def _sources(folder: Traversable, within: str = "") -> list[tuple[str, bytes]]:
    """Return what lies in a folder, by its path below it."""
    found: list[tuple[str, bytes]] = []
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            found += _sources(one, f"{within}{one.name}/")
        elif one.name[one.name.rfind(".") :] in _TYPES:
            found.append((within + one.name, one.read_bytes()))
    return found


def _file(name: str, data: bytes, keeps: str) -> File:
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return File(_TYPES[name[name.rfind(".") :]], data, gzip.compress(data, mtime=0), etag, keeps)


def _first(modules: Mapping[str, str], groups: Bundles, chunks: Mapping[str, str]) -> str:
    """Return what is loaded first: how modules find each other, and all that the entry needs."""
    joined = [
        f"const CHUNKS = {json.dumps(chunks)};\n",
        modules[_LOADER],
        defined_packed(_VENDOR, modules[_VENDOR]),
        *(defined(name, modules[name]) for name in groups.first if name != _VENDOR),
        f'from("{_ENTRY}");\n',
        "export { from };\n",
    ]
    return "".join(joined)


def _chunk(modules: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return what is loaded later, as a function that tells the first part about it."""
    inner = "".join(defined(name, modules[name]) for name in names)
    return f"export function install(define, from, load) {{\n{inner}}}\n"


def _styles(sources: Mapping[str, bytes]) -> bytes:
    placed = (*_FIRST_STYLES, _LAST_STYLE)
    others = sorted(name for name in sources if name.endswith(".css") and name not in placed)
    return b"\n".join(sources[name] for name in (*_FIRST_STYLES, *others, _LAST_STYLE))


@get("/", include_in_schema=False, opt=OPEN)
async def page(request: AnyRequest) -> Response[bytes]:
    """Return the page itself, which asks for a key when the service wants one."""
    return _reply(request, "index.html")


@get("/web/{name:str}", include_in_schema=False, opt=OPEN)
async def part_of_page(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """Return one of its files."""
    return _reply(request, name)


@get("/favicon.ico", include_in_schema=False, opt=OPEN)
async def icon_of_page(request: AnyRequest) -> Response[bytes]:
    """Return the icon that browsers ask for unbidden."""
    return _reply(request, "favicon.ico")


def _reply(request: AnyRequest, name: str) -> Response[bytes]:
    file = files().get(name)
    if file is None:
        raise Refused("The page has no such file.", code="not_found")
    headers = {
        "ETag": file.etag,
        "Cache-Control": file.keeps,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": POLICY,
    }
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if packs else file.plain, headers=headers, media_type=file.media_type)


HANDLERS: list[HTTPRouteHandler] = [page, part_of_page, icon_of_page]
