"""The service's HTTP surface as the commands use it; every failure is a CommandError with an exit code."""

import math
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from httpx_sse import EventSource

from kotaemon_async.cli.credentials import NO_KEY, Credentials, checked_address, is_own
from kotaemon_async.cli.errors import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, CommandError, TryAgainError

Json = dict[str, Any]

#: Replies that mean "full at the moment": too many uploads, a part is away, no disk left.
TRY_AGAIN_STATUSES: Final = frozenset({429, 503, 507})
MAX_RETRY_AFTER_S: Final = 30.0
#: Pause before a connection that broke is tried again.
AGAIN_AFTER_S: Final = 1.0
#: Documents of a list that are asked for at once.
PAGE_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event with its data as JSON."""

    name: str
    data: Json


@dataclass(frozen=True, slots=True)
class Times:
    """The clock, how to wait, and how long a full or restarting service is given."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    retry_for_s: float = 600.0
    away_s: float = 30.0


class CountedFile:
    """A file that reports to `on_bytes` how much of it was read; httpx streams it."""

    def __init__(self, file: BufferedReader, on_bytes: Callable[[int], None]) -> None:
        self._file, self._on_bytes = file, on_bytes

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._on_bytes(len(data))
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def fileno(self) -> int:
        return self._file.fileno()

    def tell(self) -> int:
        return self._file.tell()


@dataclass
class Client:
    """Calls against one running service, below the path of its address. Raises: CommandError."""

    url: str
    credentials: Credentials = NO_KEY
    times: Times = field(default_factory=Times)
    transport: httpx.BaseTransport | None = None

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            base_url=checked_address(self.url),
            headers=self.credentials.headers,
            transport=self.transport,
            timeout=httpx.Timeout(120, connect=5),
            trust_env=not is_own(self.url),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload(
        self,
        path: Path,
        collection: str,
        on_bytes: Callable[[int], None] = lambda _: None,
        *,
        place: str = "",
    ) -> Json:
        """Upload a file and return its document; send it again while the service is full or away.

        `place` is its path below the folder it came with. Every attempt has the same Idempotency-Key, so that
        the reply that was lost comes again.
        """
        key = str(uuid.uuid4())
        fields = {"collection": collection} | ({"path": place} if place else {})
        end_s, reached_s = self.times.clock() + self.times.retry_for_s, -math.inf
        while True:
            try:
                return self._upload_once(path, fields, key, on_bytes)
            except CommandError as error:
                if not isinstance(error.__cause__, httpx.ConnectError):
                    reached_s = self.times.clock()
                wait_s = error.retry_after_s if isinstance(error, TryAgainError) else AGAIN_AFTER_S
                until_s = min(end_s, reached_s + self.times.away_s + wait_s)
                if error.exit_code == EXIT_FAILED or self.times.clock() + wait_s > until_s:
                    raise
                self.times.sleep(wait_s)

    def _upload_once(
        self, path: Path, fields: dict[str, str], key: str, on_bytes: Callable[[int], None]
    ) -> Json:
        with path.open("rb") as file, _translated(self.url):
            reply = self._http.post(
                "/api/v1/documents",
                headers={"Idempotency-Key": f'"{key}"'},
                data=fields,
                files={"file": (path.name, CountedFile(file, on_bytes))},  # type: ignore[dict-item]  # duck-typed
            )
        return self._checked(reply)

    def document(self, document_id: str) -> Json:
        """Return one document; wait for a service that restarts."""
        return self._patient_get(f"/api/v1/documents/{in_path(document_id)}")

    def documents(self, **query: str | int | None) -> Json:
        """Return one page of the list: `items` and `next_cursor`."""
        return self._get("/api/v1/documents", {name: v for name, v in query.items() if v is not None})

    def members(self, archive_id: str) -> list[str]:
        """Return the ids of the documents that came out of an archive, first one first."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = self.documents(parent_id=archive_id, limit=PAGE_LIMIT, cursor=cursor)
            found += [document["id"] for document in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return found[::-1]

    def collections(self) -> Json:
        """Return the collections that the caller may read."""
        return self._get("/api/v1/collections", {})

    def collection(self, name: str) -> Json:
        """Return a collection, with its shares where they are the caller's to change."""
        return self._get(f"/api/v1/collections/{in_path(name)}", {})

    def change_collection(self, name: str, change: Json) -> Json:
        """Change owner, shares or what everybody may do, and return the collection."""
        with _translated(self.url):
            return self._checked(self._http.patch(f"/api/v1/collections/{in_path(name)}", json=change))

    def search(self, query: str, collection: str | None, top_k: int, mode: str) -> Json:
        """Return the passages, best first, and what was degraded."""
        body = {"query": query, "top_k": top_k, "mode": mode} | _scope(collection)
        return self.post("/api/v1/search", body)

    def answer(self, question: str, collection: str | None) -> Json:
        """Ask and return the whole answer at once."""
        return self.post("/api/v1/answers", {"question": question} | _scope(collection))

    def stream_answer(self, question: str, collection: str | None) -> Iterator[ServerEvent]:
        """Yield the events of one answer, the last of them `done` or `interrupted`."""
        body = {"question": question, "stream": True} | _scope(collection)
        with _translated(self.url), self._http.stream("POST", "/api/v1/answers", json=body) as reply:
            if reply.status_code >= 400:
                reply.read()
            self._check(reply)
            for event in EventSource(reply).iter_sse():
                yield ServerEvent(event.event, event.json())

    def trace(self, name: str) -> Json:
        """Return the path behind a trace id, the id of a document or an answer, or an X-Request-ID."""
        return self._get(f"/api/v1/traces/{in_path(name)}", {})

    def models(self) -> Json:
        """Return the embedding model that answers, and how far a change is."""
        return self._get("/api/v1/models", {})

    def incidents(self, status: str | None, limit: int) -> Json:
        """Return incidents, the latest first, and forecasts."""
        query: dict[str, str | int] = {"limit": limit} | ({"status": status} if status else {})
        return self._get("/api/v1/incidents", query)

    def incident(self, incident_id: str) -> Json:
        """Return one incident."""
        return self._get(f"/api/v1/incidents/{in_path(incident_id)}", {})

    def audit(self, **query: str | int | None) -> Json:
        """Return one page of who did what: `items`, the latest first, and `next_cursor`."""
        return self._get("/api/v1/audit", {name: v for name, v in query.items() if v is not None})

    def feedback(self, **query: str | int | None) -> Json:
        """Return one page of what people think of their answers: `items` and `next_cursor`."""
        return self._get("/api/v1/feedback", {name: v for name, v in query.items() if v is not None})

    def health(self) -> tuple[bool, Json]:
        """Return whether the service can take work, and its own report."""
        with _translated(self.url):
            reply = self._http.get("/healthz")
        if reply.status_code != 503:
            self._check(reply)
        return reply.status_code == 200, _json(reply)

    def _patient_get(self, path: str) -> Json:
        end_s = self.times.clock() + self.times.away_s
        while True:
            try:
                return self._get(path, {})
            except CommandError as error:
                if error.exit_code == EXIT_FAILED or self.times.clock() >= end_s:
                    raise
                self.times.sleep(getattr(error, "retry_after_s", 1.0))

    def _get(self, path: str, query: dict[str, str | int]) -> Json:
        with _translated(self.url):
            return self._checked(self._http.get(path, params=query))

    def post(self, path: str, body: Json, *, timeout_s: float | None = 120) -> Json:
        """Return the reply to a JSON body; with `timeout_s` None wait as long as it takes."""
        with _translated(self.url):
            return self._checked(
                self._http.post(path, json=body, timeout=httpx.Timeout(timeout_s, connect=5))
            )

    def _checked(self, reply: httpx.Response) -> Json:
        self._check(reply)
        return _json(reply)

    def _check(self, reply: httpx.Response) -> None:
        if reply.status_code < 400:
            return
        problem = _json(reply)
        code = str(problem.get("code", f"http_{reply.status_code}"))
        what = problem.get("detail") or problem.get("title") or f"The service replied {reply.status_code}."
        hints = (str(problem.get("hint", "")), self.credentials.hint_for(reply.status_code))
        hint = " ".join(filter(None, hints))
        if reply.status_code in TRY_AGAIN_STATUSES or code == "key_in_use":
            raise TryAgainError(code, str(what), hint, _retry_after_s(reply))
        raise CommandError(EXIT_FAILED, code, str(what), hint)


def in_path(part: str) -> str:
    """Return an id or a name as one part of a path."""
    return quote(part, safe="", errors="replace")


def _scope(collection: str | None) -> Json:
    return {"collection": collection} if collection else {}


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        hint = "Start it with `kotaemon-async serve`, or name another address with --url or KOTAEMON_URL."
        message = f"No service answers at {url} ({type(error).__name__})."
        raise CommandError(EXIT_UNREACHABLE, "unreachable", message, hint) from error
    except UnicodeError as error:
        message = "What is to be sent is no text: some of it is not UTF-8."
        raise CommandError(EXIT_USAGE, "bad_request", message) from error


def _json(reply: httpx.Response) -> Json:
    """Return the object that a reply holds; nothing of a reply that holds none."""
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after_s(reply: httpx.Response) -> float:
    try:
        asked_s = float(reply.headers.get("retry-after", "1"))
    except ValueError:  # a date is allowed too, nobody sends one to us
        asked_s = 1.0
    return min(max(asked_s, 0.1), MAX_RETRY_AFTER_S)
