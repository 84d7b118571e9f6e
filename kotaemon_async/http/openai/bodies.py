"""OpenAI's shapes of models, chats and errors, and how our nouns become them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Citation, Claim, Reason, ServedBy
from kotaemon_async.http.bodies import Problem, answer_body, body_of
from kotaemon_async.http.openai.text import estimated_tokens, footnotes, said
from kotaemon_async.stores.documents import Collection

#: The model that looks everywhere; `kotaemon/NAME` looks in one collection.
MODEL = "kotaemon"

#: Messages that a question may lean on.
_MAX_HISTORY = 24

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
    """A piece of a message; only those of type `text` are read."""

    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """Who said what; what neither user nor assistant said is accepted and not used."""

    role: Role
    content: str | list[ContentPart] | None = None

    def text(self) -> str:
        """Return the words in the message."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text" and part.text)
        return self.content or ""


class StreamOptions(msgspec.Struct, frozen=True):
    """Whether the stream tells its tokens before it ends."""

    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True):
    """A chat whose last user message is the question; all other parameters are accepted and not used."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1)] | None = None

    def question(self) -> tuple[str, int]:
        """Return the last user message, stripped, and its place. Raises: InvalidParam."""
        for place in reversed(range(len(self.messages))):
            if self.messages[place].role == "user":
                if found := self.messages[place].text().strip():
                    return found, place
                raise InvalidParam("The last user message holds no text.", f"messages[{place}].content")
        raise InvalidParam("There is no user message.", "messages")

    def history(self, end: int) -> tuple[tuple[str, str], ...]:
        """Return the latest questions before the message at `end` with their answers, "" without one."""
        found: list[tuple[str, str]] = []
        for message in self.messages[max(0, end - _MAX_HISTORY) : end]:
            if message.role == "user":
                found.append((message.text().strip(), ""))
            elif message.role == "assistant" and found:
                question, before = found[-1]
                found[-1] = (question, f"{before}\n\n{said(message.text())}".strip())
        return tuple(found)

    def has_usage(self) -> bool:
        """Return whether a stream of this chat reports its tokens."""
        return bool(self.stream_options and self.stream_options.include_usage)


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
    citations: tuple[Citation, ...]
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


def usage_of(chat: ChatRequest, answer: Answer) -> ChatUsage:
    """Return the tokens of the answer, as far as they are known."""
    if answer.usage is not None:
        prompt, completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
    else:
        prompt = estimated_tokens([message.text() for message in chat.messages])
        completion = estimated_tokens([answer.answer])
    return ChatUsage(prompt, completion, prompt + completion)


def provenance_of(answer: Answer) -> Provenance:
    """Return what else there is to say about the answer."""
    usage_is_estimated = answer.usage is None
    return body_of(
        Provenance, answer_body(answer), answer_id=answer.id, usage_is_estimated=usage_is_estimated
    )


def completion_of(chat: ChatRequest, answer: Answer, completion_id: str, created_s: float) -> ChatCompletion:
    """Return the answer to a chat that is not streamed."""
    message = ReplyMessage(answer.answer + footnotes(answer.citations))
    return ChatCompletion(
        id=completion_id,
        created=int(created_s),
        model=chat.model,
        choices=[ReplyChoice(message, finish_reason(answer))],
        usage=usage_of(chat, answer),
        kotaemon=provenance_of(answer),
    )


def _error_type(status: int) -> str:
    """Return OpenAI's type of error; it has none of its own for 404 and 405."""
    known = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    return known.get(status, "invalid_request_error" if status < 500 else "server_error")
