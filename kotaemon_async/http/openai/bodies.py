"""OpenAI's shapes of models, chats and errors, and how our nouns become them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Claim, Reason, ServedBy
from kotaemon_async.domain.tokens import estimated_tokens
from kotaemon_async.http.bodies import CitationBody, Problem, answer_body, body_of
from kotaemon_async.http.openai.limits import ReplyLimit
from kotaemon_async.http.openai.text import asked_within, footnotes, said
from kotaemon_async.stores.collections import Collection
from kotaemon_async.stores.conversations import Turn

#: The model that looks everywhere; `kotaemon/NAME` looks in one collection.
MODEL = "kotaemon"

#: Messages that a question may lean on.
_MAX_HISTORY = 24

#: Parts of a message that are read, in the names of both of OpenAI's interfaces.
_TEXT_PARTS = ("text", "input_text", "refusal")
_TEXT_ONLY = "Send text alone; a picture of a document can be uploaded as a document."
_MAX_TOKENS = (
    "Longest reply, in tokens counted by script; a longer one is cut and ends with `length`. Footnotes that "
    "do not fit are left out."
)
Unused = Annotated[object, Meta(description="Accepted and not used.")] | UnsetType

FinishReason = Literal["stop", "length"]
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class InvalidParam(Refused):
    """The named part of the request cannot be served."""

    def __init__(
        self, message: str, param: str, *, code: str = "bad_request", hint: str | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.param = param


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong; `code` is one of the service's own codes."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """A failure as OpenAI's clients read it."""

    error: ErrorBody


class Model(msgspec.Struct, frozen=True):
    """Something to chat with: all collections or one; `created` is in Unix seconds."""

    id: str
    created: int
    object: Literal["model"] = "model"
    owned_by: str = "kotaemon"


class ModelList(msgspec.Struct, frozen=True):
    """Everything there is to chat with."""

    data: list[Model]
    object: Literal["list"] = "list"


class ContentPart(msgspec.Struct, frozen=True):
    """A piece of a message: of type `text`, or in an earlier message anything, which is not read."""

    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """Who said what; what tools and functions said is accepted and not used."""

    role: Annotated[Role, Meta(description="`developer` is `system` under another name.")]
    content: Annotated[
        str | list[ContentPart] | None,
        Meta(description="Text, or parts of type `text`; a picture, sound or file in a question is refused."),
    ] = None

    def text(self) -> str:
        """Return the words in the message."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type in _TEXT_PARTS and part.text)
        return self.content or ""

    def unreadable(self) -> str | None:
        """Return the type of a part that is no text, None without one."""
        parts = self.content if isinstance(self.content, list) else []
        return next((part.type for part in parts if part.type not in _TEXT_PARTS), None)


class StreamOptions(msgspec.Struct, frozen=True):
    """Whether the stream tells its tokens before it ends."""

    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True):
    """A chat whose last user message is the question.

    A prompt that a chat program sends for itself, for a title, tags, follow-up questions or search queries,
    is answered by a model without documents, or with something harmless of the form that it asks for. All
    parameters that are not listed are accepted and not used.
    """

    model: Annotated[
        str, Meta(description="`kotaemon` looks everywhere, `kotaemon/NAME` in the collection NAME.")
    ]
    messages: Annotated[
        list[ChatMessage],
        Meta(
            description="System messages are wishes to a model, below its own rules; without a model they "
            "change nothing. Earlier questions and answers are what the last question may lean on."
        ),
    ]
    stream: Annotated[bool | None, Meta(description="Whether the reply comes in chunks.")] = None
    stream_options: Annotated[
        StreamOptions | None, Meta(description="With `include_usage` the last chunk tells the tokens.")
    ] = None
    n: Annotated[int, Meta(ge=1, le=1, description="There is one answer: 1.")] | None = None
    max_tokens: Annotated[int, Meta(ge=1, description=_MAX_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1, description=_MAX_TOKENS)] | None = None
    stop: (
        Annotated[
            str | Annotated[list[str], Meta(max_length=16)],
            Meta(description="The reply ends before the first of these texts; empty ones are not used."),
        ]
        | None
    ) = None
    temperature: Unused = UNSET
    top_p: Unused = UNSET
    seed: Unused = UNSET
    presence_penalty: Unused = UNSET
    frequency_penalty: Unused = UNSET
    logit_bias: Unused = UNSET
    logprobs: Unused = UNSET
    top_logprobs: Unused = UNSET
    response_format: Unused = UNSET
    tools: Unused = UNSET
    tool_choice: Unused = UNSET
    parallel_tool_calls: Unused = UNSET
    reasoning_effort: Unused = UNSET
    modalities: Unused = UNSET
    user: Unused = UNSET

    def question(self) -> tuple[str, int]:
        """Return the last user message, stripped, and its place. Raises: InvalidParam."""
        for place in reversed(range(len(self.messages))):
            message = self.messages[place]
            if message.role == "user":
                param = f"messages[{place}].content"
                if (kind := message.unreadable()) is not None:
                    raise InvalidParam(f"The question holds {_named(kind)}.", param, hint=_TEXT_ONLY)
                if found := asked_within(message.text()):
                    return found, place
                raise InvalidParam("The last user message holds no text.", param)
        raise InvalidParam("There is no user message.", "messages")

    def wishes(self) -> str:
        """Return what the caller's program says as the system."""
        said = [one.text().strip() for one in self.messages if one.role in ("system", "developer")]
        return "\n\n".join(one for one in said if one)

    def limit(self) -> ReplyLimit:
        """Return how much of a reply the caller allows."""
        given = [one for one in (self.max_tokens, self.max_completion_tokens) if one is not None]
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return ReplyLimit(min(given, default=None), [one for one in stop if one])

    def history(self, end: int) -> tuple[tuple[str, str], ...]:
        """Return the latest questions before the message at `end` with their answers, "" without one."""
        found: list[tuple[str, str]] = []
        for message in self.messages[max(0, end - _MAX_HISTORY) : end]:
            if message.role == "user":
                found.append((asked_within(message.text()), ""))
            elif message.role == "assistant" and found:
                question, before = found[-1]
                found[-1] = (question, f"{before}\n\n{said(message.text())}".strip())
        return tuple(found)

    def has_usage(self) -> bool:
        """Return whether a stream of this chat reports its tokens."""
        return bool(self.stream_options and self.stream_options.include_usage)


def _named(kind: str) -> str:
    """Return a kind of part by a name that people know."""
    known = {"image": "an image", "audio": "sound", "video": "a video", "file": "a file"}
    return next((name for sign, name in known.items() if sign in kind), f"a part of type {kind!r}")


class ChatUsage(msgspec.Struct, frozen=True):
    """Tokens as the model's server counted them, else an estimate from the length of the texts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Provenance(msgspec.Struct, frozen=True):
    """Who gave the answer, how good it is and what it rests on.

    `answer` is its checked text, which a stream may not have sent word for word; `uncited` are its sentences
    without a citation, `claims` those of a model, each held to what it cites, and `rejected` a model's
    words when nothing supports them.
    """

    answer_id: str
    served_by: ServedBy
    degraded: bool
    reasons: tuple[Reason, ...]
    age_s: float
    answer: str
    citations: tuple[CitationBody, ...]
    uncited: tuple[str, ...]
    trace_id: str
    usage_is_estimated: bool
    claims: tuple[Claim, ...] = ()
    rejected: str | None = None


class ReplyMessage(msgspec.Struct, frozen=True):
    """The answer with its footnotes."""

    content: str
    role: Literal["assistant"] = "assistant"
    refusal: str | None = None


class ReplyChoice(msgspec.Struct, frozen=True):
    """The only choice there is."""

    message: ReplyMessage
    finish_reason: FinishReason
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True):
    """A whole answer; `created` is in Unix seconds."""

    id: str
    created: int
    model: str
    choices: list[ReplyChoice]
    usage: ChatUsage
    kotaemon: Provenance
    object: Literal["chat.completion"] = "chat.completion"


class ChunkDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk adds to the message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET


class ChunkChoice(msgspec.Struct, frozen=True):
    """A piece of the only choice."""

    delta: ChunkDelta
    finish_reason: FinishReason | None = None
    index: int = 0
    logprobs: None = None


class CompletionChunk(msgspec.Struct, frozen=True):
    """A piece of a streamed answer; `usage` is null in all but the last when it was asked for."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: ChatUsage | UnsetType | None = UNSET
    kotaemon: Provenance | UnsetType = UNSET
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"


def error_envelope(problem: Problem, param: str | None = None) -> ErrorEnvelope:
    """Return the failure with its hint in the message, as most chat programs show nothing else."""
    message = f"{problem.detail} {problem.hint}".strip()
    return ErrorEnvelope(ErrorBody(message, _error_type(problem.status), param, problem.code))


def model_of(collection: Collection) -> Model:
    """Return the model that looks in one collection."""
    return Model(f"{MODEL}/{collection.name}", int(collection.since_s))


def finish_reason(answer: Answer) -> FinishReason:
    """Return `length` when the model that answered stopped at its limit: its answer is incomplete."""
    is_cut = any(reason.code == "answer_cut" for reason in answer.reasons)
    return "length" if is_cut and answer.served_by in ("primary", "local") else "stop"


def usage_of(chat: ChatRequest, answer: Answer, content: str) -> ChatUsage:
    """Return the tokens of the answer, as far as they are known; `content` is what of it was sent."""
    if answer.usage is not None:
        prompt, completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
    else:
        prompt = sum(estimated_tokens(message.text()) for message in chat.messages)
        completion = estimated_tokens(content)
    return ChatUsage(prompt, completion, prompt + completion)


def provenance_of(answer: Answer) -> Provenance:
    """Return what else there is to say about the answer."""
    usage_is_estimated = answer.usage is None
    body = answer_body(Turn.alone(answer, 0.0))
    return body_of(Provenance, body, answer_id=answer.id, usage_is_estimated=usage_is_estimated)


def completion_of(chat: ChatRequest, answer: Answer, completion_id: str, created_s: float) -> ChatCompletion:
    """Return the answer to a chat that is not streamed."""
    limit = chat.limit()
    content = limit.feed(answer.answer) + limit.rest() + allowed_footnotes(limit, answer)
    return ChatCompletion(
        id=completion_id,
        created=int(created_s),
        model=chat.model,
        choices=[ReplyChoice(ReplyMessage(content), limit.ended or finish_reason(answer))],
        usage=usage_of(chat, answer, content),
        kotaemon=provenance_of(answer),
    )


def allowed_footnotes(limit: ReplyLimit, answer: Answer) -> str:
    """Return the footnotes of the answer, as many of them as the caller allows."""
    return "".join(map(limit.whole, footnotes(answer.citations, answer.question)))


def _error_type(status: int) -> str:
    """Return OpenAI's type of error; it has none of its own for 404 and 405."""
    known = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    return known.get(status, "invalid_request_error" if status < 500 else "server_error")
