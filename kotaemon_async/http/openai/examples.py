"""Examples for the OpenAI-compatible calls, made of their bodies; what the schema cannot see by itself."""

from dataclasses import dataclass
from typing import Final

import msgspec
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIResponse, Operation, RequestBody

from kotaemon_async.domain.model import Answer, Citation, Locator
from kotaemon_async.http import events
from kotaemon_async.http.openai.bodies import ChatMessage, ChatRequest, Model, ModelList, completion_of
from kotaemon_async.http.openai.stream import Chunks

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_DOCUMENT_ID = "doc_019aa5c1f2b07d1e3c5a9b42"
_COMPLETION_ID = "chatcmpl-019aa5c1f9d4be6102c7f3a8"
_AT_S = 1_772_357_402.0

_CHAT: Final = ChatRequest(
    "kotaemon/default", [ChatMessage("user", "How much did revenue rise?")], stream=False
)
_QUOTE: Final = Citation(
    "ans_019aa5c1f9d4be6102c7f3a8.1",
    1,
    _DOCUMENT_ID,
    "annual-report.pdf",
    12,
    "Revenue rose by 8 percent",
    0.91,
    place=Locator("page", 12, "vi"),
)
_ANSWER: Final = Answer(
    id="ans_019aa5c1f9d4be6102c7f3a8",
    question="How much did revenue rise?",
    answer="Revenue rose by 8 percent to 4.2 million. [1]",
    served_by="extractive",
    degraded=False,
    reasons=(),
    citations=(_QUOTE,),
    trace_id=_TRACE,
)
_CHUNKS: Final = Chunks(_CHAT, _COMPLETION_ID, _AT_S)

MODEL: Final = Model("kotaemon/default", int(_AT_S))
MODELS: Final = ModelList([Model("kotaemon", int(_AT_S)), MODEL])
COMPLETION: Final = completion_of(_CHAT, _ANSWER, _COMPLETION_ID, _AT_S)
_STREAM: Final = b"".join(
    [_CHUNKS.role(), _CHUNKS.content(_ANSWER.answer), _CHUNKS.end(_ANSWER, _ANSWER.answer)]
).decode()


def example_of(body: object) -> list[Example]:
    """Return the body as the one example of a reply."""
    return [Example(id="example", value=msgspec.to_builtins(body))]


@dataclass
class ChatOperation(Operation):
    """The description of a chat, with an example of its request and of its stream."""

    def __post_init__(self) -> None:
        """Add what a handler's signature does not say."""
        if isinstance(self.request_body, RequestBody):
            # A null for every parameter that is left out would teach the wrong thing.
            shown = {name: value for name, value in msgspec.to_builtins(_CHAT).items() if value is not None}
            self.request_body.content[RequestEncodingType.JSON].example = shown
        reply = (self.responses or {}).get("200")
        if isinstance(reply, OpenAPIResponse) and reply.content is not None:
            reply.content[events.MEDIA_TYPE] = OpenAPIMediaType(example=_STREAM)
