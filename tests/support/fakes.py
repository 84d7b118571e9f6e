"""Small stand-ins that behave, a real server on a real socket around them, and how to talk to it."""

import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import uvicorn

from kotaemon_async.answers.conversation_changes import ConversationChanges
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.draft import AnswerRecords, Question
from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, PassagesFound
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.llm.base import Deadline, Delta
from kotaemon_async.answers.plain import PlainPrompt, PlainReply
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.documents.changes import DocumentChanges
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.page_images import PageImages
from kotaemon_async.documents.quota import Quota
from kotaemon_async.documents.sharing import Sharing
from kotaemon_async.domain.callers import ALL_SCOPES
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Found, Mode, Passage, Scope
from kotaemon_async.http.connection import connection_class
from kotaemon_async.http.connection_places import ConnectionPlaces
from kotaemon_async.http.dependencies import Dependencies, HttpLimits
from kotaemon_async.http.identity import Keys, KnownKey, NoKeys
from kotaemon_async.http.server import make_app
from kotaemon_async.operations.audit import AuditTrail
from kotaemon_async.operations.doctor.doctor import Doctor
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.stores.api_keys import ApiKey
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.health import Health

PASSAGE = Passage("doc_1.1.2.0", "doc_1", "report.pdf", 2, "Revenue rose by 8 percent.", 0.91234)
ANSWER = Answer("ans_1", "How much?", "By 8 percent. [1]", "extractive", False, (), (), "a" * 32)

FORM_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
FORM_KIND = {"content-type": "multipart/form-data; boundary=x"}


class FixedRetrieval:
    """Finds one passage in every scope but the collection `empty`, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Scope, int, Mode]] = []
        self.as_typed = False

    async def search(
        self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid", as_typed: bool = False
    ) -> Found:
        self.asked.append((query, scope, top_k, mode))
        self.as_typed = as_typed
        return Found(() if scope.collections == ("empty",) else (PASSAGE,))


class ScriptedAnswering:
    """Plays a list of events; an exception is raised, an anyio.Event is set then nothing more comes."""

    def __init__(self) -> None:
        self.script: list[Event | Exception | anyio.Event] = [
            PassagesFound((PASSAGE,), ()),
            Delta("By 8 "),
            Delta("percent. [1]"),
            Done(ANSWER),
        ]
        self.asked: list[Ask] = []
        self.closed = anyio.Event()
        self.refusal: Refused | None = None
        self.plain_reply: PlainReply | None = None
        self.plain_prompts: list[PlainPrompt] = []

    async def plain(self, prompt: PlainPrompt, deadline_s: float | None = None) -> PlainReply | None:
        self.plain_prompts.append(prompt)
        return self.plain_reply

    async def question(self, ask: Ask, records: AnswerRecords | None = None) -> Question:
        if self.refusal is not None:
            raise self.refusal
        now_s = time.monotonic()
        return Question(ask, ask.question, ask.answer_id or "", Deadline.within(60.0), now_s, records)

    async def stream_of(self, question: Question) -> AsyncGenerator[Event]:
        ask, records = question.ask, question.records
        async with aclosing(self.stream(ask)) as events:
            async for event in events:
                if isinstance(event, Done | Interrupted) and records is not None:
                    answer = replace(event.answer, id=question.answer_id, question=ask.question)
                    await records.save(answer, ask.conversation_id, ask.caller, time.time())
                    yield replace(event, answer=answer)
                else:
                    yield event

    async def answer(self, ask: Ask) -> Answer:
        return [event async for event in self.stream(ask)][-1].answer  # type: ignore[union-attr]

    async def stream(self, ask: Ask) -> AsyncGenerator[Event, None]:
        self.asked.append(ask)
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, anyio.Event):
                    step.set()
                    await anyio.sleep_forever()
                else:
                    yield step
        finally:
            self.closed.set()


class OneKey(NoKeys):
    """Callers need a key, and there is one."""

    in_use = True

    def find(self, secret: str) -> KnownKey | None:
        return (
            ApiKey("key_1", "alice", "alice", frozenset(), ALL_SCOPES, 0.0)
            if secret == "open-sesame"
            else None
        )


def _is_set() -> anyio.Event:
    event = anyio.Event()
    event.set()
    return event


@dataclass
class Fakes:
    """The services: a real ledger, library and admission; scripted answers."""

    ledger: Ledger
    library: Library
    retrieval: FixedRetrieval = field(default_factory=FixedRetrieval)
    answering: ScriptedAnswering = field(default_factory=ScriptedAnswering)
    admission: Admission = field(default_factory=lambda: Admission(4))
    page_images: PageImages | None = None
    reading: Any = None
    health: Health = field(default_factory=Health)
    tracing: Tracing | None = None
    started: anyio.Event = field(default_factory=_is_set)
    stopping: anyio.Event = field(default_factory=anyio.Event)
    doctor: Doctor | None = None
    model_change: Any = None
    incidents: Any = None
    keys: Any = None
    links: Any = None
    preferences: Any = None
    folders: Any = None
    backups: Any = None

    def __post_init__(self) -> None:
        self.changes = DocumentChanges(self.ledger.access)
        self.access = self.ledger.access
        self.overviews = DocumentOverviews(self.ledger.documents, self.ledger.overviews, self.ledger.access)
        self.sharing = Sharing(self.ledger.collections, clock=lambda: 1_700_000_000.5)
        self.audit = AuditTrail(self.ledger.audit)
        ledger, changes = self.ledger, ConversationChanges()
        self.turns = RunningTurns(self.answering, ledger.turns, ledger.answers, changes)
        self.answer_history = AnswerHistory(
            ledger.turns, ledger.conversations, ledger.feedback, ledger.access, self.turns
        )


@asynccontextmanager
async def fake_services(
    folder: Path, *, max_upload_bytes: int = 10_000, quota: Quota | None = None
) -> AsyncIterator[Fakes]:
    """Dependencies over a folder."""
    ledger = await Ledger.open(folder / "ledger.db")
    library = Library(
        ledger,
        Blobs(folder / "blobs", max_upload_bytes),
        enqueue=lambda: None,
        clock=lambda: 1_700_000_000.5,
        max_attempts=6,
        quota=quota,
    )
    try:
        yield Fakes(ledger, library)
    finally:
        await ledger.aclose()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def serving(
    services: Fakes | Dependencies, limits: HttpLimits, *, keys: Keys | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a uvicorn that runs in this loop, on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        make_app(cast("Dependencies", services), limits, keys=keys),
        http=connection_class(ConnectionPlaces(500)),
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    port: int = listener.getsockname()[1]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_serve, server, listener)
        await server.up.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
        server.should_exit = True


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    await server._serve([listener])  # without uvicorn's signal handlers


async def sse(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """The events of a stream as their fields; a comment has the field `""`."""
    event: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif event:
            yield event
            event = {}


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, method: str, path: str, **given: Any
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """The events of a stream that is read while the block runs."""
    async with client.stream(method, path, **given) as reply:
        yield sse(reply.aiter_lines())


async def hand_in(
    client: httpx.AsyncClient,
    text: str = "Hello there.",
    collection: str = "en",
    *,
    name: str = "a.txt",
    key: str | None = None,
    path: str | None = None,
) -> httpx.Response:
    """The reply to an upload."""
    headers = {} if key is None else {"Idempotency-Key": key}
    files, data = {"file": (name, text.encode())}, {"collection": collection}
    data |= {} if path is None else {"path": path}
    return await client.post("/api/v1/documents", files=files, data=data, headers=headers)


async def form(piece: bytes, times: int) -> AsyncIterator[bytes]:
    """The body of an upload in pieces, without a length; its kind is FORM_KIND."""
    yield FORM_HEAD
    for _ in range(times):
        yield piece
    yield b"\r\n--x--\r\n"


def problem_of(reply: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return reply.status_code, reply.json()["code"]


def files_in(folder: Path) -> list[Path]:
    """All files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]
