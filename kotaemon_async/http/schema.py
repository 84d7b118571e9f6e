"""The OpenAPI description: what Litestar writes, with an example for every body."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from inspect import cleandoc
from typing import Final

import msgspec
from litestar import MediaType, Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.serialization import encode_json

from kotaemon_async.domain import model
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.http import documents, events, page_images
from kotaemon_async.http.auth import caller_of
from kotaemon_async.http.examples import EVENT_EXAMPLES, EXAMPLES, TEXT_EXAMPLES
from kotaemon_async.stores import documents as stored_documents

Json = dict[str, object]

#: What the description calls a key in the header.
_KEY: Final = "key"
#: What needs none.
_OPEN: Final = frozenset({"get /livez", "get /readyz", "get /healthz", "post /api/v1/session"})

_UPLOAD: Final[Json] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "collection": {"type": "string", "default": "default"},
                    "path": {"type": "string", "description": "Its place inside a folder, with its name."},
                },
            },
            "example": {"file": "report.pdf", "collection": "default"},
        }
    },
}

#: What names in paths and queries mean wherever they stand.
_PARAMETERS: Final[dict[str, str]] = {
    "document_id": "The id of a document.",
    "conversation_id": "The id of a conversation.",
    "answer_id": "The id of an answer.",
    "incident_id": "The id of an incident.",
    "key_id": "The id of a key, which is not its secret.",
    "model_id": "The name of a model, as the list has it.",
    "link_name": "The name of a model link, as the settings have it.",
    "trace_id": "The id of a trace, a document, an answer or a request.",
    "name": "The name of a collection.",
    "number": "The number of a page, 1-based.",
    "collection": "Only this collection.",
    "limit": "So many at the most.",
    "html": "Whether answers carry themselves as safe HTML, too.",
    "cursor": "What the page before has told as `next_cursor`.",
    "X-Deadline-S": "How many seconds the whole answer may take.",
    "status": "Only what is in this state.",
    "parent_id": "Only what came out of this archive.",
    "warnings": "Only what was not read whole, or only what was.",
    "force": "Whether a document that has not failed begins anew, too.",
    "verdict": "Only these opinions.",
    "after": "Only what is behind this one, which is known already.",
    "language": "What is in this language comes first.",
    "user": "A user, or the id of a key.",
    "action": "One action, or a group of them, such as `documents`.",
    "since": "Only what has happened since this time.",
    "format": "What kind of file it shall be.",
    "Last-Event-ID": "The last event that was read; those behind it follow.",
}

#: One event of a stream, in the words of OpenAPI 3.2; before, a stream was a text without an inside.
_EVENT: Final[Json] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


def config(base_path: str = "") -> OpenAPIConfig:
    """Return what serves it as JSON at /schema, without any page that loads code from elsewhere."""
    return OpenAPIConfig(
        title="kotaemon-async",
        version="1",
        description="Upload documents, ask questions, get answers with citations.",
        servers=[Server(url=base_path or "/")],
        path="/schema",
        use_handler_docstrings=True,
        components=Components(security_schemes={_KEY: SecurityScheme("http", scheme="bearer")}),
        render_plugins=[_Schema()],
    )


class _Schema(JsonRenderPlugin):
    """The finished description as plain JSON, made once."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.JSON)
        self._finished: dict[bool, bytes] = {}

    def render(self, request: Request, openapi_schema: Json) -> bytes:  # type: ignore[type-arg]
        """Return the description; where everybody may call, it asks for no key."""
        is_open = caller_of(request) == EVERYBODY
        if not self._finished:
            finish(openapi_schema)
            asking = openapi_schema | {"security": [{_KEY: []}]}
            self._finished = {True: encode_json(openapi_schema), False: encode_json(asking)}
        return self._finished[is_open]


def finish(schema: Json) -> None:
    """Add what handlers cannot say for themselves: the upload form, events, descriptions, examples."""
    _describe(_dict(_dict(schema["components"])["schemas"]))
    paths = _dict(schema["paths"])
    _dict(_dict(paths[documents.PATH])["post"])["requestBody"] = _UPLOAD
    shown = _dict(_dict(_dict(_dict(paths[page_images.PATH])["get"])["responses"])["200"])
    _dict(shown["content"])["image/png"] = {"schema": {"type": "string", "format": "binary"}}
    asked = _dict(_dict(_dict(_dict(paths["/api/v1/answers"])["post"])["responses"])["200"])
    _dict(asked["content"])[events.MEDIA_TYPE] = {"schema": {"type": "string"}}
    for path, item in paths.items():
        for method, operation in _dict(item).items():
            _add_examples(path, _dict(operation))
            _say_what_for(path, _dict(operation))
            if f"{method} {path}" in _OPEN:
                _dict(operation)["security"] = []


def _say_what_for(path: str, operation: Json) -> None:
    """Say which part of the service the operation belongs to, and what its parameters mean."""
    operation["tags"] = [path.removeprefix("/api").removeprefix("/v1/").strip("/").partition("/")[0]]
    given = operation.get("parameters")
    for parameter in given if isinstance(given, list) else ():
        if text := _PARAMETERS.get(parameter["name"]):
            parameter["description"] = parameter.get("description") or text


def _describe(components: Json) -> None:
    """Give each body the docstring of its class, which Litestar leaves out."""
    structs = {one.__name__: one for one in _structs(msgspec.Struct)}
    described = {name: one.__doc__ for name, one in structs.items()}
    for module in (model, stored_documents):
        described |= {name: one.__doc__ for name, one in vars(module).items() if is_dataclass(one)}
    for name, component in components.items():
        if text := described.get(name):
            _dict(component).setdefault("description", cleandoc(text))
        if name in structs and structs[name].__struct_config__.forbid_unknown_fields:
            _dict(component)["additionalProperties"] = False
        for field in _dict(_dict(component).get("properties") or {}).values():
            _count_items(_dict(field))


def _count_items(field: Json) -> None:
    """Say a tuple of one kind as a list of so many: readers of schemas trip over a tuple inside of a list."""
    items = field.get("prefixItems")
    if isinstance(items, list):
        del field["prefixItems"]
        field |= {"items": items[0], "minItems": len(items), "maxItems": len(items)}
    for inner in (field.get("items"), *_kinds(field)):
        if isinstance(inner, dict) and inner is not field:
            _count_items(inner)


def _structs(parent: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in parent.__subclasses__():
        yield one
        yield from _structs(one)


def _add_examples(path: str, operation: Json) -> None:
    replies = _dict(operation["responses"])
    _dict(replies.get("204") or {}).pop("content", None)  # Litestar gives one to a reply with a cookie
    bodies = [*replies.values()]
    if "requestBody" in operation:
        _allow_none(_dict(operation["requestBody"]))
        bodies.append(operation["requestBody"])
    for body in bodies:
        for media_type, content in _dict(_dict(body).get("content") or {}).items():
            media = _dict(content)
            if media_type == events.MEDIA_TYPE:
                media["itemSchema"] = _EVENT
                media.pop("schema", None)
            if "example" not in media and "examples" not in media:
                media["example"] = _example(path, media_type, _dict(media.get("schema") or {}))


def _allow_none(body: Json) -> None:
    """Say that a body that may be null may as well be left out, which Litestar does not."""
    for content in _dict(body["content"]).values():
        if {"type": "null"} in _kinds(_dict(_dict(content)["schema"])):
            body["required"] = False


def _kinds(schema: Json) -> list[Json]:
    kinds = schema.get("oneOf")
    return kinds if isinstance(kinds, list) else [schema]


def _example(path: str, media_type: str, schema: Json) -> object:
    """Return the example for a body; a KeyError here is a body that somebody forgot to give one."""
    if media_type == events.MEDIA_TYPE:
        return EVENT_EXAMPLES[path]
    for kind in _kinds(schema):
        if "$ref" in kind:
            return EXAMPLES[str(kind["$ref"]).rsplit("/", 1)[-1]]
    return TEXT_EXAMPLES[path]


def _dict(value: object) -> Json:
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected in the schema, not {value!r}")
    return value
