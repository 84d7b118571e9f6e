"""What the HTTP surface needs of the rest: the services it calls and the limits it keeps."""

from dataclasses import dataclass
from typing import Annotated, Final, Protocol

import anyio
from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.links import Links
from kotaemon_async.answers.settings import AnswerSettings
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.documents.changes import DocumentChanges
from kotaemon_async.documents.folders.watching import FolderWatch
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.page_images import PageImages
from kotaemon_async.documents.reading import Reading
from kotaemon_async.documents.sharing import Sharing
from kotaemon_async.domain.callers import Caller
from kotaemon_async.http.settings import HttpSettings, LimitSettings
from kotaemon_async.http.uploads import UploadLimits
from kotaemon_async.operations.audit import AuditTrail
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.operations.doctor.doctor import Doctor
from kotaemon_async.operations.incidents.watch import IncidentWatch
from kotaemon_async.operations.preferences import Preferences
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.search.model_change import ModelChange
from kotaemon_async.search.retrieval import Retrieval
from kotaemon_async.stores.access import Access
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.paging import CURSOR
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.history import History

MB = 1024**2


class IncidentsWatched(Protocol):
    """What notices incidents, and knows those of the past."""

    @property
    def watch(self) -> IncidentWatch: ...


class Dependencies(Protocol):
    """What requests reach of the services."""

    @property
    def library(self) -> Library: ...
    @property
    def retrieval(self) -> Retrieval: ...
    @property
    def answering(self) -> Answering: ...
    @property
    def links(self) -> Links: ...
    @property
    def overviews(self) -> DocumentOverviews: ...
    @property
    def preferences(self) -> Preferences: ...
    @property
    def folders(self) -> FolderWatch: ...
    @property
    def backups(self) -> BackupSchedule: ...
    @property
    def turns(self) -> RunningTurns: ...
    @property
    def answer_history(self) -> AnswerHistory: ...
    @property
    def health(self) -> Health: ...
    @property
    def admission(self) -> Admission: ...
    @property
    def doctor(self) -> Doctor: ...
    @property
    def model_change(self) -> ModelChange: ...
    @property
    def started(self) -> anyio.Event: ...
    @property
    def tracing(self) -> Tracing: ...
    @property
    def incidents(self) -> IncidentsWatched: ...
    @property
    def sharing(self) -> Sharing: ...
    @property
    def access(self) -> Access: ...
    @property
    def changes(self) -> DocumentChanges: ...
    @property
    def history(self) -> History: ...
    @property
    def keys(self) -> KnownKeys: ...
    @property
    def page_images(self) -> PageImages: ...
    @property
    def reading(self) -> Reading: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def stopping(self) -> anyio.Event: ...


_HTTP: Final = HttpSettings()
_ANSWERS: Final = AnswerSettings()
_LIMITS: Final = LimitSettings()
_UPLOAD: Final = UploadLimits()


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one request may take; sizes in bytes, times in seconds, lengths in characters."""

    settings: HttpSettings = _HTTP
    max_deadline_s: float = _ANSWERS.max_deadline_s
    max_json_bytes: int = 1 * MB
    max_question_length: int = 4_000
    callers: LimitSettings = _LIMITS
    max_streams: int = 10_000
    json_body_s: float = 30.0
    upload: UploadLimits = _UPLOAD
    heartbeat_s: float = 10.0
    linger_s: float = 30.0


AnyRequest = Request[object, object, State]

#: Where the next page of a list begins, as the page before said.
Cursor = Annotated[
    str | None,
    QueryParameter(pattern=CURSOR, max_length=400, description="`next_cursor` of the page before."),
]
#: A part of a name or title that is looked for.
NamePart = Annotated[str | None, QueryParameter(max_length=200, description="A part of the name.")]

# Injected by name; validation would refuse the stand-ins that tests hand in.
GivenServices = NamedDependency[SkipValidation[Dependencies]]
GivenLimits = NamedDependency[SkipValidation[HttpLimits]]
#: Who calls; None only where a handler needs no scope.
GivenCaller = NamedDependency[SkipValidation[Caller]]
PossibleCaller = NamedDependency[SkipValidation[Caller | None]]
