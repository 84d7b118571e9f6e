"""The JSON bodies of the API where they differ from the nouns of model.py, and how those become them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from kotaemon_async.answers.settings import AnswerLength
from kotaemon_async.domain.callers import Caller, shown_collection
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.finding import marked_terms
from kotaemon_async.domain.model import (
    AnswerStatus,
    AskedScope,
    Attempts,
    Citation,
    Claim,
    Document,
    DocumentWarning,
    Failure,
    Filters,
    Found,
    Locator,
    Mode,
    Outcome,
    Passage,
    PlaceFlag,
    PlaceKind,
    QuotePart,
    Reason,
    ServedBy,
    Stage,
    Status,
    Usage,
    Verdict,
    Vote,
    WarningCode,
)
from kotaemon_async.domain.times import iso_time
from kotaemon_async.stores.conversations import Turn

B = TypeVar("B", bound=msgspec.Struct)
Ids = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=1000)]
Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=200)]
Time = Annotated[str, Meta(min_length=4, max_length=40, description="ISO 8601")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
#: Places of these kinds have numbers of their own.
_PAGED: Final = frozenset({"page", "slide"})


class Progress(msgspec.Struct, frozen=True):
    """How far the ingest of a document has come."""

    pages_done: int
    pages_total: int | None
    chunks_done: int


class PlaceBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a citation calls its place; `number` is the one that `pages/{number}.png` takes.

    `label` is the name of the sheet or part or the printed number, `headings` stand above it, `rows` are the
    first and the last one, and flags say `hidden`, `scanned`, `notes` or `about`; `confidence`, from 0 to 1,
    is that of a scanned page.
    """

    kind: PlaceKind
    number: int
    label: str
    headings: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None
    flags: tuple[PlaceFlag, ...] = ()
    confidence: float | None = None


class WarningBody(msgspec.Struct, frozen=True):
    """What of a document was not or badly read; `more` places are not listed."""

    code: WarningCode
    places: tuple[PlaceBody, ...]
    message: str
    hint: str
    more: int = 0


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
    attempts: Attempts
    waiting_for: dict[str, object] | None
    error: Failure | None
    trace_id: str
    created_at: str
    updated_at: str
    ready_at: str | None
    warnings: tuple[WarningBody, ...]
    pages_without_text: tuple[int, ...]
    charset: str | None
    path: str
    parent_id: str | None


class PassageBody(msgspec.Struct, frozen=True):
    """A passage; `page` is 1 where the document has no pages, and `place` says where it is.

    Marks are characters of `text`, from and to, that are words of the query; `created_at` is when the
    document was handed in.
    """

    id: str
    document_id: str
    document_name: str
    page: int
    text: str
    score: float
    place: PlaceBody
    marks: tuple[tuple[int, int], ...]
    collection: str
    media_type: str
    created_at: str


class CitationBody(msgspec.Struct, frozen=True):
    """A quote that stands word for word at its place; `page` is 1 where the document has no pages.

    `verdict` says whether the source bears out the claims that cite it, null where nothing was checked;
    without a `matched` sentence the quote is only the beginning of the source.
    """

    id: str
    marker: int
    document_id: str
    document_name: str
    page: int
    quote: str
    score: float
    parts: tuple[QuotePart, ...]
    pages: tuple[int, ...]
    place: PlaceBody
    gone: bool = False
    verdict: Verdict | None = None
    matched: bool = True


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


class SearchFilters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which documents count: each filter leaves some out, an empty one none.

    Collections and media types are whole names, `names` parts of names of documents, of which one has to fit.
    Documents count that were handed in from `created_after` on and before `created_before`: ISO 8601, in UTC
    where no zone is given.
    """

    collections: Names = []
    media_types: Names = []
    names: Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=200)] = []
    created_after: Time | None = None
    created_before: Time | None = None

    def wanted(self) -> Filters:
        """Return them as the search takes them. Raises: Refused."""
        return Filters(
            tuple(self.collections),
            tuple(one.lower() for one in self.media_types),
            tuple(self.names),
            _seconds(self.created_after, "created_after"),
            _seconds(self.created_before, "created_before"),
        )


class SearchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to look for, and where; the last word of a query `as_typed` may be the beginning of one."""

    query: Annotated[str, Meta(min_length=1)]
    collection: Name | None = None
    document_ids: Ids = []
    top_k: Annotated[int, Meta(ge=1, le=100)] = 10
    mode: Mode = "hybrid"
    filters: SearchFilters | None = None
    as_typed: bool = False


class AnswerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, where to look, and whether to stream.

    An answer that `replaces` another is a version of the same turn; a `fresh` one is no answer given before.
    `link` names the model that is to be asked first; `length` and `language` of the answer are as the
    settings say where they are left out.
    """

    question: Annotated[str, Meta(min_length=1)]
    collection: Name | None = None
    document_ids: Ids = []
    conversation_id: Name | None = None
    stream: bool = False
    html: bool = False
    replaces: Name | None = None
    fresh: bool = False
    link: Name | None = None
    length: AnswerLength | None = None
    language: Literal["en", "zh"] | None = None


class PassageList(msgspec.Struct, frozen=True):
    """Passages, best first, and what was missing while looking."""

    passages: tuple[PassageBody, ...]
    degraded: tuple[Reason, ...]
    trace_id: str


class VersionBody(msgspec.Struct, frozen=True):
    """One version of a turn: another try, or another question in its place."""

    id: str
    question: str
    status: AnswerStatus
    created_at: str


class OpinionBody(msgspec.Struct, frozen=True):
    """What the one who asked thinks of an answer, and since when."""

    verdict: Vote
    reason: str
    comment: str
    at: str


class AnswerBody(msgspec.Struct, frozen=True):
    """An answer, who gave it, and what it rests on.

    It is one of the `versions` of its turn, the oldest of which comes first; the `current` one stands in the
    conversation. `scope` is where it was looked for, in the words of the one who asked; `link` is the link
    to a model that gave it. One that is `running` holds what there is of it, and so does one that was stopped
    or interrupted.
    """

    id: str
    question: str
    answer: str
    served_by: ServedBy
    degraded: bool
    reasons: tuple[Reason, ...]
    age_s: float
    citations: tuple[CitationBody, ...]
    trace_id: str
    timings_s: dict[str, float]
    usage: Usage | None
    uncited: tuple[str, ...]
    complete: bool = True
    outcome: Outcome = "answer"
    missing: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    rejected: str | None = None
    status: AnswerStatus = "done"
    conversation_id: str | None = None
    turn_id: str = ""
    versions: tuple[VersionBody, ...] = ()
    current: bool = True
    created_at: str = ""
    scope: AskedScope = AskedScope()
    link: str | None = None
    feedback: OpinionBody | None = None
    follow_ups: tuple[str, ...] = ()
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


def body_of(kind: type[B], model: object, **differing: object) -> B:
    """Return the model as the API shows it; fields that differ are given by name.

    The others are taken over; where `kind` has `created_at`, it is `created_at_s` of the model as ISO text.
    """

    def shown(name: str) -> object:
        if hasattr(model, name):
            return getattr(model, name)
        at_s: float | None = getattr(model, f"{name}_s")
        return None if at_s is None else iso_time(at_s)

    same = {name: shown(name) for name in kind.__struct_fields__ if name not in differing}
    return kind(**same, **differing)


def document_body(document: Document) -> DocumentBody:
    """Return the document as the API shows it."""
    return body_of(
        DocumentBody,
        document,
        progress=Progress(document.pages_done, document.pages_total, document.chunks_done),
        waiting_for=_waiting_for(document.waiting_for),
        warnings=tuple(map(warning_body, document.warnings)),
        pages_without_text=tuple(_without_text(document)),
    )


def _without_text(document: Document) -> Iterator[int]:
    """Yield the numbers of the pages of which nothing can be found, as far as they are listed."""
    for warning in document.warnings:
        if warning.code in ("page_without_text", "page_unreadable"):
            yield from (place.number for place in warning.places if place.number)


def _waiting_for(reason: dict[str, object] | None) -> dict[str, object] | None:
    """Return the reason with its time, if it has one, as all other times of the API."""
    at_s = (reason or {}).get("at")
    return {**(reason or {}), "at": iso_time(at_s)} if isinstance(at_s, float) else reason


def passage_list(
    found: Found, trace_id: str, caller: Caller, query: str, *, as_typed: bool = False
) -> PassageList:
    """Return what a search found, as the caller calls it, with the words of the query marked."""
    passages = tuple(_passage_body(one, caller, query, as_typed=as_typed) for one in found.passages)
    return PassageList(passages, found.degraded, trace_id)


def answer_body(turn: Turn) -> AnswerBody:
    """Return the answer as the API shows it, with its place among the versions of its turn."""
    answer, opinion = turn.answer, turn.feedback
    return body_of(
        AnswerBody,
        answer,
        status=turn.status,
        conversation_id=turn.conversation_id,
        turn_id=turn.turn_id,
        versions=tuple(body_of(VersionBody, one) for one in turn.versions),
        current=turn.is_current,
        created_at=iso_time(turn.at_s),
        feedback=None if opinion is None else body_of(OpinionBody, opinion),
        age_s=round(answer.age_s, 3),
        citations=tuple(map(citation_body, answer.citations)),
        timings_s={name: round(seconds, 4) for name, seconds in answer.timings_s.items()},
        html=msgspec.UNSET,
    )


def citation_body(citation: Citation) -> CitationBody:
    """Return the citation as the API shows it; one of an earlier release is of a page."""
    place = citation.place or Locator("page", citation.page)
    parts = citation.parts or (QuotePart(citation.page, citation.quote),)
    return body_of(
        CitationBody,
        citation,
        page=_page_of(place, citation.page),
        pages=tuple(dict.fromkeys(_page_of(place, part.page) for part in parts)),
        parts=parts,
        place=place_body(replace(place, number=citation.page)),
        score=round(citation.score, 4),
    )


def place_body(place: Locator) -> PlaceBody:
    """Return the place as the API shows it."""
    return body_of(PlaceBody, place)


def _seconds(time: str | None, name: str) -> float | None:
    """Return the time in Unix seconds. Raises: Refused."""
    if time is None:
        return None
    try:
        found = datetime.fromisoformat(time)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Refused(f"{name} is no time such as 2026-03-01 or 2026-03-01T09:30:00Z.") from None


def _passage_body(passage: Passage, caller: Caller, query: str, *, as_typed: bool) -> PassageBody:
    return body_of(
        PassageBody,
        passage,
        page=_page_of(passage.place, passage.page),
        place=place_body(replace(passage.place, number=passage.page)),
        score=round(passage.score, 4),
        marks=tuple(marked_terms(passage.text, query, as_typed=as_typed)),
        collection=shown_collection(passage.collection, caller),
    )


def _page_of(place: Locator, number: int) -> int:
    """Return the number of the page or slide; a document that has none is one page."""
    return number if place.kind in _PAGED else 1


def warning_body(warning: DocumentWarning) -> WarningBody:
    """Return the warning as the API shows it."""
    return body_of(WarningBody, warning, places=tuple(map(place_body, warning.places)))
