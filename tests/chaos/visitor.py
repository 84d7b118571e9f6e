"""Somebody who uses a service that may die at any moment, and remembers what it was promised."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw
import httpx

from kotaemon_async.domain.model import FINAL_STATUSES
from tests.support.invariants import Expected

Json = dict[str, Any]
DOCUMENTS: Final = "/api/v1/documents"
#: Replies that mean "not now"; nothing was done.
NOT_NOW: Final = frozenset({429, 503, 507})
#: How long an Idempotency-Key may be in use by a request that died.
KEY_LIMIT_S: Final = 5.0
READY: Final = frozenset({"ready"})
FAILED: Final = frozenset({"failed"})


class GoneError(Exception):
    """Nobody answered: what was asked for may or may not have happened."""


class OddReplyError(Exception):
    """A reply that the contract does not know."""


@dataclass(frozen=True, slots=True)
class File:
    """Bytes to hand in, and the statuses that are right for them in the end."""

    name: str
    data: bytes
    ends: frozenset[str] = READY

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Upload:
    """One call, to be made again word for word."""

    file: File
    collection: str
    key: str | None = None


@dataclass
class Visitor:
    """Calls against one service; `promised` holds what has to be true of each document in the end."""

    url: str
    promised: dict[str, Expected] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    #: Uploads and documents for which a call was not answered.
    unanswered: list[Upload] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        self._keys: dict[str, str] = {}

    def move(self, url: str) -> None:
        """Go on with the service at another address."""
        self._http.base_url = url

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def upload(self, file: File, collection: str, key: str | None = None) -> str | None:
        """Upload a file; return its document's id, None if it is not taken now. Raises: GoneError."""
        return self._send(Upload(file, collection, key))

    def _send(self, upload: Upload) -> str | None:
        headers = {} if upload.key is None else {"Idempotency-Key": upload.key}
        try:
            reply = self._call(
                "POST",
                DOCUMENTS,
                headers=headers,
                data={"collection": upload.collection},
                files={"file": (upload.file.name, upload.file.data)},
            )
        except GoneError:
            if upload not in self.unanswered:
                self.unanswered.append(upload)
            raise
        if not self._is_done(reply, 200, 202):
            return None
        document_id: str = reply.json()["id"]
        self._note_upload(upload, document_id)
        return document_id

    def _note_upload(self, upload: Upload, document_id: str) -> None:
        self.uploads[document_id] = upload
        if upload.key is None or upload.key not in self._keys:
            self.promised[document_id] = Expected(upload.file.ends)
        if upload.key is not None:
            first = self._keys.setdefault(upload.key, document_id)
            if first != document_id:
                self.trouble.append(f"duplicated: {upload.key!r} gave {first} and then {document_id}")

    def delete(self, document_id: str) -> None:
        """Delete the document. Raises: GoneError."""
        reply = self._change("DELETE", document_id)
        if self._is_done(reply, 204):
            self.promised[document_id] = Expected(frozenset(), "yes")

    def cancel(self, document_id: str) -> None:
        """Cancel the document, unless it is ready. Raises: GoneError."""
        reply = self._change("POST", document_id, "/cancel")
        if self._is_done(reply, 200):
            self._note_status(document_id, reply.json()["status"])

    def retry(self, document_id: str, *, force: bool = False) -> None:
        """Have it read anew; without `force` only when it failed or was cancelled. Raises: GoneError."""
        reply = self._change("POST", document_id, "/retry", {"force": "true"} if force else {})
        if self._is_done(reply, 200):
            self.promised[document_id] = Expected(self.uploads[document_id].file.ends)

    def status(self, document_id: str) -> str:
        """Return its status, `gone` when there is no such document. Raises: GoneError."""
        reply = self._call("GET", f"{DOCUMENTS}/{document_id}")
        if reply.status_code in NOT_NOW:
            raise GoneError(f"GET {document_id}: {reply.status_code}")
        return str(reply.json()["status"]) if self._is_done(reply, 200) else "gone"

    def post(self, path: str, body: Json) -> None:
        """Make any other call, which has to succeed whatever is broken. Raises: GoneError."""
        reply = self._call("POST", path, json=body)
        if reply.status_code != 200:
            self.trouble.append(f"stuck: POST {path} was answered with {reply.status_code}: {reply.text}")

    def follow(self, document_id: str) -> None:
        """Read the events of a document to their end. Raises: GoneError."""
        try:
            with self._http.stream("GET", f"{DOCUMENTS}/{document_id}/events") as reply:
                for _ in reply.iter_raw():
                    pass
        except httpx.TransportError as error:
            raise GoneError from error

    def settle(self) -> None:
        """Send again what was not answered, or look it up if it has no key: every promise is clear then.

        Raises: GoneError.
        """
        while self.unanswered:
            upload = self.unanswered[-1]
            self._send_again(upload) if upload.key else self._look_up(upload)
            self.unanswered.pop()
        for document_id in sorted(self.unsure):
            self._note_status(document_id, self.status(document_id))
            self.unsure.discard(document_id)

    def _send_again(self, upload: Upload) -> None:
        deadline_s = time.monotonic() + KEY_LIMIT_S
        while self._send(upload) is None:
            if time.monotonic() > deadline_s:
                self.trouble.append(f"stuck: {upload.file.name} is refused after a restart")
                return
            time.sleep(0.05)

    def _look_up(self, upload: Upload) -> None:
        """A document that was accepted without an answer is no less accepted."""
        query = {"collection": upload.collection, "limit": "200"}
        for document in self._call("GET", DOCUMENTS, params=query).json()["items"]:
            if document["sha256"] == upload.file.sha256:
                self.uploads[document["id"]] = upload
                self._note_status(document["id"], document["status"])

    def _note_status(self, document_id: str, status: str) -> None:
        if status == "gone":
            self.promised[document_id] = Expected(frozenset(), "yes")
        elif status == "cancelled":
            self.promised[document_id] = Expected(frozenset({"cancelled"}))
        else:
            self.promised[document_id] = Expected(self.uploads[document_id].file.ends)

    def _change(
        self, method: str, document_id: str, tail: str = "", params: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._call(method, f"{DOCUMENTS}/{document_id}{tail}", params=params or {})
        except GoneError:
            self.unsure.add(document_id)
            raise

    def _call(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **given)
        except httpx.TransportError as error:
            raise GoneError(f"{method} {path}") from error

    def _is_done(self, reply: httpx.Response, *right: int) -> bool:
        """Whether it is one of the right replies; raises OddReplyError for one that nobody may get."""
        if reply.status_code in right:
            return True
        if reply.status_code in NOT_NOW or reply.status_code in {404, 409}:
            return False
        raise OddReplyError(f"{reply.request.method} {reply.request.url}: {reply.status_code} {reply.text}")


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger of a running service says, seen from outside."""

    data_dir: Path

    def unfinished(self) -> dict[str, int]:
        """Return the number of the last event of every document that is not final."""
        rows = self._rows("SELECT id, event, status FROM documents")
        return {name: event for name, event, status in rows if status not in FINAL_STATUSES}

    def is_followed(self) -> bool:
        """Tell whether the vector index holds all that the log wants."""
        try:
            generation = (self.data_dir / "vectors" / "generation").read_text("ascii").strip()
        except OSError:
            return False
        query = (
            "SELECT coalesce((SELECT position FROM followers WHERE generation = ?), 0)"
            " >= coalesce((SELECT max(seq) FROM vector_log), 0)"
        )
        return bool(self._rows(query, generation)[0][0])

    def wait(self, within_s: float, is_alive: Callable[[], bool]) -> list[str]:
        """Wait until every document is final and followed; return what is not when the time is over.

        Raises: GoneError when the service has died.
        """
        end_s = time.monotonic() + within_s
        while (unfinished := self.unfinished()) or not self.is_followed():
            if not is_alive():
                raise GoneError("it died while it was waited for")
            if time.monotonic() > end_s:
                return sorted(unfinished) or ["the vector index"]
            time.sleep(0.03)
        return []

    def wait_for_progress(
        self, before: Mapping[str, int], within_s: float, is_alive: Callable[[], bool]
    ) -> float:
        """Return after how many seconds one of the documents went on; all of the time, if none did.

        Raises: GoneError when the service has died.
        """
        began_s = time.monotonic()
        while before and (waited_s := time.monotonic() - began_s) < within_s:
            unfinished = self.unfinished()
            if any(unfinished.get(name) != event for name, event in before.items()):
                return waited_s
            if not is_alive():
                raise GoneError("it died before it went on")
            time.sleep(0.02)
        return within_s if before else 0.0

    def events(self) -> int:
        """Return how many events all documents have had together."""
        return int(self._rows("SELECT coalesce(sum(event), 0) FROM documents")[0][0])

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        # Not as a writer: the last one to close would fold the write-ahead log of a dead service.
        connection = apsw.Connection(str(self.data_dir / "ledger.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5000)
            return list(connection.execute(query, values))
        finally:
            connection.close()
