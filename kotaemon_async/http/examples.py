"""One example for every body of the API; they are made of the bodies, so they cannot drift from them."""

from typing import Final

import msgspec

from kotaemon_async.domain.model import Attempts, QuotePart
from kotaemon_async.http import events
from kotaemon_async.http.audit import AuditBody, AuditList
from kotaemon_async.http.bodies import (
    AnswerBody,
    AnswerRequest,
    CitationBody,
    DocumentBody,
    DocumentList,
    HealthReport,
    PassageBody,
    PassageList,
    PlaceBody,
    Progress,
    Retried,
    RetryRequest,
    SearchFilters,
    SearchRequest,
    State,
    WarningBody,
)
from kotaemon_async.http.collections import (
    CollectionBody,
    CollectionChange,
    CollectionList,
    ShareBody,
    SharedBody,
)
from kotaemon_async.http.conversation_events import FEED as LIST_FEED
from kotaemon_async.http.conversation_events import ONE_FEED
from kotaemon_async.http.conversations import (
    ConversationBody,
    ConversationChange,
    ConversationHistory,
    ConversationIds,
    ConversationList,
    ConversationStart,
    DeletedConversations,
)
from kotaemon_async.http.document_pages import (
    HitBody,
    HitList,
    OutlineBody,
    OutlineItemBody,
    PageLine,
    ReadPageBody,
    ReadPassageBody,
    ReadPassages,
)
from kotaemon_async.http.documents import FEED, DocumentChange
from kotaemon_async.http.event_feed import PATH as SEVERAL
from kotaemon_async.http.feedback import FeedbackBody, FeedbackList, FeedbackRequest
from kotaemon_async.http.keys import KeyBody, KeyList, KeyRequest, MadeKeyBody, RotateRequest
from kotaemon_async.http.links import LinkBody, LinkList, TrialBody
from kotaemon_async.http.models import ChangeRequest, ModelsBody
from kotaemon_async.http.operations import DoctorRequest, Figures
from kotaemon_async.http.overviews import EXAMPLES as _OVERVIEWS
from kotaemon_async.http.page_images import PageMarks
from kotaemon_async.http.preferences import EXAMPLE as _SETTINGS
from kotaemon_async.http.preferences import AnswerChoices, SettingsChange
from kotaemon_async.http.sessions import CallerBody, SignIn
from kotaemon_async.http.traces import EXAMPLE as _TRACE_BODY
from kotaemon_async.operations.doctor.report import FindingBody, ReportBody
from kotaemon_async.operations.incidents.report import (
    ForecastBody,
    IncidentBody,
    IncidentList,
    SignalBody,
    SuspectBody,
)
from kotaemon_async.telemetry.history import EVERY_S

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_DOCUMENT_ID = "doc_019aa5c1f2b07d1e3c5a9b42"

_DOCUMENT: Final = DocumentBody(
    id=_DOCUMENT_ID,
    name="annual-report.pdf",
    media_type="application/pdf",
    size_bytes=482_113,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    collection="default",
    status="processing",
    stage="embedding",
    progress=Progress(24, 60, 96),
    attempt=1,
    max_attempts=6,
    attempts=Attempts(0, 0, 0, 0),
    waiting_for=None,
    error=None,
    trace_id=_TRACE,
    created_at="2026-03-01T09:30:00.000Z",
    updated_at="2026-03-01T09:30:02.250Z",
    ready_at=None,
    warnings=(
        WarningBody(
            "page_without_text",
            (PlaceBody("page", 7, "vii"),),
            "The page holds pictures but no text.",
            "Read it with text recognition, or hand in a version that has text.",
        ),
    ),
    pages_without_text=(7,),
    charset=None,
    path="reports/2025/harbour.pdf",
    parent_id=None,
)
_PLACE: Final = PlaceBody("page", 12, "")
_PASSAGE: Final = PassageBody(
    id=f"{_DOCUMENT_ID}.1.12.0",
    document_id=_DOCUMENT_ID,
    document_name="annual-report.pdf",
    page=12,
    text="Revenue rose by 8 percent to 4.2 million.",
    score=0.91,
    place=_PLACE,
    marks=((0, 7),),
    collection="default",
    media_type="application/pdf",
    created_at="2026-03-01T09:30:00.000Z",
)
_FILTERS: Final = SearchFilters(media_types=["application/pdf"], created_after="2026-01-01")
_QUOTE: Final = "Revenue rose by 8 percent"
_PASSAGES: Final = PassageList((_PASSAGE,), (), _TRACE)
_ANSWER: Final = AnswerBody(
    id="ans_019aa5c1f9d4be6102c7f3a8",
    question="How much did revenue rise?",
    answer="Revenue rose by 8 percent to 4.2 million. [1]",
    served_by="extractive",
    degraded=False,
    reasons=(),
    age_s=0.0,
    citations=(
        CitationBody(
            id="cit_1",
            marker=1,
            document_id=_DOCUMENT_ID,
            document_name="annual-report.pdf",
            page=12,
            quote=_QUOTE,
            score=0.91,
            parts=(QuotePart(12, _QUOTE),),
            pages=(12,),
            place=_PLACE,
        ),
    ),
    trace_id=_TRACE,
    timings_s={"retrieval": 0.021, "answer": 0.004, "total": 0.026},
    usage=None,
    uncited=(),
)
_REPORT: Final = ReportBody(
    verdict="mended",
    repair=True,
    deep=False,
    duration_s=0.84,
    findings=[
        FindingBody(
            kind="keywords_missing",
            weight="mendable",
            sentence="passages without keywords",
            remedy="the index is emptied and filled from the page texts",
            count=12,
            mended=12,
            left=0,
            examples=[f"{_DOCUMENT_ID}.1.12.0"],
        )
    ],
)
_HEALTH: Final = HealthReport("ok", {"ledger": {"status": "ok", "last_success_age_s": 0.0, "core": True}})
_COLLECTION: Final = CollectionBody(
    "default", 88, 86, 1, "2026-03-01T09:30:00.000Z", "alice", "shared", "own"
)
_SHARED: Final = SharedBody(
    **msgspec.structs.asdict(_COLLECTION), public=None, shares=(ShareBody("read", group="staff"),)
)
_CONVERSATION: Final = ConversationBody(
    "conv_019aa5c1f2b07d1e3c5a9b42",
    "How much did revenue rise?",
    "2026-03-01T09:30:00.000Z",
    "2026-03-01T09:31:10.500Z",
    2,
)
_OPINION: Final = FeedbackBody(
    answer_id=_ANSWER.id,
    verdict="down",
    reason="wrong",
    comment="That was the year before.",
    at="2026-03-01T09:32:00.000Z",
    user="alice",
    conversation_id=_CONVERSATION.id,
    question=_ANSWER.question,
    answer=_ANSWER.answer,
    outcome="answer",
    served_by="extractive",
    link=None,
    degraded=False,
    trace_id=_TRACE,
)
_KEY: Final = MadeKeyBody(
    id="key_3f9ad21c",
    name="front desk",
    user="alice",
    groups=["staff"],
    scopes=["ask", "write"],
    created_at="2026-03-01T09:30:00Z",
    expires_at="2026-05-30T09:30:00Z",
    revoked_at=None,
    last_used_at=None,
    key="kot_…",
)
_LISTED_KEY: Final = KeyBody(**{name: getattr(_KEY, name) for name in KeyBody.__struct_fields__})
_CALLER: Final = CallerBody("alice", "key_3f9ad21c", ["staff"], ["ask", "write"], "keys", "session", "5f2c…")
_FIGURES: Final = Figures(
    EVERY_S,
    [1_767_225_600.0, 1_767_225_605.0],
    {"queue_depth": [3.0, 2.0], "search_s": [None, 0.012]},
)
_FORECAST: Final = ForecastBody("disk", 86_400.0, "2026-03-02T09:30:00Z", 1_200_000_000, 28_800_000_000)
_INCIDENT: Final = IncidentBody(
    id="inc_019aa5c1f2b07d1e3c5a9b42",
    status="open",
    cause="llm_down",
    message="The model link primary fails.",
    hint="Check that its server runs and can be reached; see /healthz.",
    since="2026-03-01T09:30:00Z",
    opened_at="2026-03-01T09:30:25Z",
    closed_at=None,
    causes=[
        SuspectBody("llm_down", "primary", 0.94, "2026-03-01T09:30:00Z", ["primary.failed_share"], 1.0),
        SuspectBody("llm_slow", "primary", 0.34, "2026-03-01T09:30:10Z", ["primary.breaker"], 0.0),
    ],
    signals=[SignalBody("primary.failed_share", "ratio", "2026-03-01T09:30:00Z", 0.92, 0.0, 2.3)],
    trace_ids=["4bf92f3577b34da6a3ce929d0e0e4736"],
    forecasts=[],
)

_ACT: Final = AuditBody(
    seq=42,
    at="2026-03-01T09:30:00.120Z",
    caller="key_1f0c9a3e",
    user="alice",
    action="documents.delete",
    object=_DOCUMENT_ID,
    address="192.0.2.7",
    result="ok",
    trace_id=_TRACE,
)

#: By the name of the schema component.
EXAMPLES: Final[dict[str, object]] = {
    type(body).__name__: msgspec.to_builtins(body)
    for body in (
        _DOCUMENT,
        DocumentList([_DOCUMENT], None),
        RetryRequest(force=True),
        Retried(3),
        SearchRequest("revenue growth", top_k=5, filters=_FILTERS),
        _FILTERS,
        _PASSAGES,
        AnswerRequest("How much did revenue rise?", collection="default"),
        _ANSWER,
        State("ok"),
        DoctorRequest(repair=True),
        _REPORT,
        _HEALTH,
        _TRACE_BODY,
        AuditList([_ACT], None),
        ReadPageBody(
            document_id=_DOCUMENT_ID,
            number=12,
            total=60,
            place=_PLACE,
            width=595.0,
            height=842.0,
            has_picture=True,
            text=_PASSAGE.text,
            lines=[PageLine(_PASSAGE.text, (0.11, 0.342, 0.87, 0.361))],
            html=None,
            warnings=[],
            marks=[(0.11, 0.342, 0.2, 0.361)],
            orders=[0],
        ),
        OutlineBody([OutlineItemBody("Revenue", 1, 12, _PLACE)]),
        ReadPassages([ReadPassageBody(_PASSAGE.id, 12, _PLACE, _PASSAGE.text)], None),
        HitList(1, is_cut=False, offset=0, hits=[HitBody(12, _PLACE, _PASSAGE.text, [(0, 7)], 0, 12)]),
        PageMarks(4, 1200, 1697, [(0.11, 0.342, 0.87, 0.361)]),
        _COLLECTION,
        CollectionList([_COLLECTION]),
        _SHARED,
        CollectionChange(public=None, shares=[ShareBody("read", group="staff")]),
        DocumentChange("contracts"),
        _CONVERSATION,
        ConversationList([_CONVERSATION], None),
        ConversationHistory(_CONVERSATION, []),
        ConversationStart("Revenue"),
        ConversationChange(pinned=True),
        ConversationIds([_CONVERSATION.id]),
        DeletedConversations([_CONVERSATION.id]),
        FeedbackRequest("down", "wrong", "That was the year before."),
        _OPINION,
        FeedbackList([_OPINION], None),
        _KEY,
        _LISTED_KEY,
        KeyList([_LISTED_KEY]),
        KeyRequest("front desk", "alice", ["staff"]),
        RotateRequest(1.0),
        _CALLER,
        SignIn("kot_…"),
        _FIGURES,
        ModelsBody("all-MiniLM-L6-v2", "embedding", "multilingual-e5-small", 640, 2053),
        ChangeRequest("stop"),
        LinkList([LinkBody("main", "qwen3:8b", "primary", "closed", None, None, 0.0, 12.5)]),
        TrialBody(True, 0.84, "I am here and ready to help.", None),
        _SETTINGS,
        SettingsChange(AnswerChoices(length="short")),
        _INCIDENT,
        IncidentList([_INCIDENT], None, [_FORECAST]),
        *_OVERVIEWS,
    )
}

#: By path: what a stream looks like on the wire.
EVENT_EXAMPLES: Final[dict[str, str]] = {
    FEED: (events.frame("open", {}) + events.frame("document", _DOCUMENT)).decode(),
    "/api/v1/documents/{document_id}/events": events.frame("document", _DOCUMENT, 7).decode(),
    ONE_FEED.replace(":str", ""): b"".join(
        (
            events.frame("turn", _ANSWER),
            events.frame("delta", {"answer_id": _ANSWER.id, "start": 45, "text": " It fell in 2024."}),
            events.frame("html", {"answer_id": _ANSWER.id, "html": "<p>Revenue rose by 8 percent</p>"}),
            events.frame("deleted", {"answer_id": _ANSWER.id}),
        )
    ).decode(),
    LIST_FEED: (
        events.frame("conversation", _CONVERSATION) + events.frame("gone", {"id": _CONVERSATION.id})
    ).decode(),
    SEVERAL: (
        events.frame("documents document", _DOCUMENT)
        + events.frame("conversations conversation", _CONVERSATION)
    ).decode(),
    "/api/v1/answers": b"".join(
        (
            events.frame("passages", _PASSAGES),
            events.frame("delta", {"text": "Revenue rose by 8 percent to 4.2 million. [1]"}),
            events.frame("done", _ANSWER),
        )
    ).decode(),
}

#: By path: bodies that are no JSON.
TEXT_EXAMPLES: Final[dict[str, str]] = {
    "/api/v1/documents/{document_id}/pages/{name}": "PNG…",
    "/metrics": "# TYPE kotaemon_queue_depth gauge\nkotaemon_queue_depth 0.0\n",
    "/api/v1/documents/{document_id}/content": "%PDF-1.7 …",
    "/api/v1/conversations/{conversation_id}/export": (
        "# Revenue\n\n## How much did revenue rise?\n\nBy 8 percent. [1]\n"
    ),
}
