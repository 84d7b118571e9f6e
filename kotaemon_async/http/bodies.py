"""The JSON bodies of the API, and how the nouns of model.py become them."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from kotaemon_async.domain.model import (
    Answer,
    Document,
    Found,
    Mode,
    Passage,
    Reason,
    Scope,
    ServedBy,
    Stage,
    Status,
)

Ids = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class Progress(msgspec.Struct, frozen=True):
    """How far the ingest of a document has come."""

    pages_done: int
    pages_total: int | None
    chunks_done: int


class FailureBody(msgspec.Struct, frozen=True):
    """Why a document failed and what to do about it."""

    code: str
    message: str
    hint: str


class AttemptsBody(msgspec.Struct, frozen=True):
    """Tries that ended, by cause; only crashes of the parser and errors count as attempts."""

    crash: int
    error: int
    shutdown: int
    lost: int


class DocumentBody(msgspec.Struct, frozen=True):
    """A document; times are ISO 8601 in UTC."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    collection: str
    status: Status
    stage: Stage | None
    progress: Progress
    attempt: int
    max_attempts: int
    attempts: AttemptsBody
    waiting_for: dict[str, object] | None
    error: FailureBody | None
    trace_id: str
    created_at: str
    updated_at: str
    ready_at: str | None


class DocumentList(msgspec.Struct, frozen=True):
    """One page of documents and the cursor of the next one."""

    items: list[DocumentBody]
    next_cursor: str | None


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to read a document anew that is neither failed nor cancelled."""

    force: bool = False


class Retried(msgspec.Struct, frozen=True):
    """How many documents were queued again."""

    retried: int


class SearchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to look for, and where."""

    query: Annotated[str, Meta(min_length=1)]
    collection: Name | None = None
    document_ids: Ids = []
    top_k: Annotated[int, Meta(ge=1, le=100)] = 10
    mode: Mode = "hybrid"


class AnswerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, where to look, and whether to stream."""

    question: Annotated[str, Meta(min_length=1)]
    collection: Name | None = None
    document_ids: Ids = []
    conversation_id: Name | None = None
    stream: bool = False
    html: bool = False


class ReasonBody(msgspec.Struct, frozen=True):
    """A component that did not do its part, and why."""

    component: str
    code: str


class PassageBody(msgspec.Struct, frozen=True):
    """A piece of a page that fits the query; `score` is between 0 and 1."""

    id: str
    document_id: str
    document_name: str
    page: int
    text: str
    score: float


class PassageList(msgspec.Struct, frozen=True):
    """Passages, best first, and what was missing while looking."""

    passages: list[PassageBody]
    degraded: list[ReasonBody]
    trace_id: str


class CitationBody(msgspec.Struct, frozen=True):
    """A quote that stands, word for word, on the page."""

    id: str
    marker: int
    document_id: str
    document_name: str
    page: int
    quote: str
    score: float


class UsageBody(msgspec.Struct, frozen=True):
    """Tokens as the model's server counted them."""

    prompt_tokens: int
    completion_tokens: int


class AnswerBody(msgspec.Struct, frozen=True):
    """An answer, who gave it, and what it rests on."""

    id: str
    question: str
    answer: str
    served_by: ServedBy
    degraded: bool
    reasons: list[ReasonBody]
    age_s: float
    citations: list[CitationBody]
    trace_id: str
    timings_s: dict[str, float]
    usage: UsageBody | None
    uncited: list[str]
    complete: bool = True
    html: str | msgspec.UnsetType = msgspec.UNSET


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, with a code of a closed list and a hint."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    trace_id: str
    retryable: bool


class State(msgspec.Struct, frozen=True):
    """Whether the process turns, or can take work."""

    status: str


class HealthReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every component with the age of its last success; `version` is there for those who see details."""

    status: str
    components: dict[str, dict[str, object]]
    version: str | None = None


def iso(at_s: float) -> str:
    """Unix seconds as ISO 8601 in UTC with milliseconds and `Z`."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def document_body(document: Document) -> DocumentBody:
    """The document as the API shows it."""
    error, tried = document.error, document.attempts
    return DocumentBody(
        id=document.id,
        name=document.name,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        collection=document.collection,
        status=document.status,
        stage=document.stage,
        progress=Progress(document.pages_done, document.pages_total, document.chunks_done),
        attempt=document.attempt,
        max_attempts=document.max_attempts,
        attempts=AttemptsBody(tried.crash, tried.error, tried.shutdown, tried.lost),
        waiting_for=_waiting_for(document.waiting_for),
        error=FailureBody(error.code, error.message, error.hint) if error else None,
        trace_id=document.trace_id,
        created_at=iso(document.created_at_s),
        updated_at=iso(document.updated_at_s),
        ready_at=None if document.ready_at_s is None else iso(document.ready_at_s),
    )


def _waiting_for(reason: dict[str, object] | None) -> dict[str, object] | None:
    """The reason with its time, if it has one, as all other times of the API."""
    at_s = (reason or {}).get("at")
    return {**(reason or {}), "at": iso(at_s)} if isinstance(at_s, float) else reason


def reason_bodies(reasons: tuple[Reason, ...]) -> list[ReasonBody]:
    """The reasons in their order."""
    return [ReasonBody(reason.component, reason.code) for reason in reasons]


def passage_body(passage: Passage) -> PassageBody:
    """The passage as the API shows it."""
    return PassageBody(
        passage.id,
        passage.document_id,
        passage.document_name,
        passage.page,
        passage.text,
        round(passage.score, 4),
    )


def passage_list(found: Found, trace_id: str) -> PassageList:
    """What a search found."""
    return PassageList([passage_body(one) for one in found.passages], reason_bodies(found.degraded), trace_id)


def answer_body(answer: Answer) -> AnswerBody:
    """The answer as the API shows it."""
    usage = answer.usage
    return AnswerBody(
        id=answer.id,
        question=answer.question,
        answer=answer.answer,
        served_by=answer.served_by,
        degraded=answer.degraded,
        reasons=reason_bodies(answer.reasons),
        age_s=round(answer.age_s, 3),
        citations=[
            CitationBody(
                one.id,
                one.marker,
                one.document_id,
                one.document_name,
                one.page,
                one.quote,
                round(one.score, 4),
            )
            for one in answer.citations
        ],
        trace_id=answer.trace_id,
        timings_s={name: round(seconds, 4) for name, seconds in answer.timings_s.items()},
        usage=UsageBody(usage.prompt_tokens, usage.completion_tokens) if usage else None,
        uncited=list(answer.uncited),
        complete=answer.complete,
    )


def scope_of(body: SearchRequest | AnswerRequest) -> Scope:
    """Where the request wants to look."""
    return Scope(body.collection, tuple(body.document_ids))
