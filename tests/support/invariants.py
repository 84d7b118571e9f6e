"""What must hold in the data folder of a stopped service, whatever happened to it before.

Everything is read from copies, so that looking changes nothing.
"""

import hashlib
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.domain.errors import CODES
from kotaemon_async.domain.model import FINAL_STATUSES, chunk_id

#: A violation begins with one of these and a colon.
KINDS: Final = ("lost", "duplicated", "stuck", "orphaned")
LEAST_COSINE: Final = 0.98
#: Chunks of each document that are looked for in the index by their own vectors.
CANARIES: Final = 3

Row = dict[str, Any]
#: Pages and chunks that an undisturbed service makes of a file, by the file's SHA-256.
Counts = Mapping[str, tuple[int, int]]
# Chroma keeps one system for a process.
_chroma_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Book:
    """Every row of a ledger that the checks need."""

    documents: dict[str, Row]
    pages: list[Row]
    chunks: list[Row]
    keyword_rows: set[int]
    upserts: list[str]
    open_keys: list[str]
    damage: list[str]

    @classmethod
    def read(cls, path: Path) -> "Book":
        """The rows of the file, which may be changed by reading."""
        connection = apsw.Connection(str(path))
        try:
            return cls._of(connection)
        finally:
            connection.close()

    @classmethod
    def _of(cls, connection: apsw.Connection) -> "Book":
        def rows(query: str) -> list[Row]:
            cursor = connection.execute(query)
            return [dict(zip((c[0] for c in cursor.get_description()), row, strict=True)) for row in cursor]

        return cls(
            documents={row["id"]: row for row in rows("SELECT * FROM documents")},
            pages=rows("SELECT document_id, version, number, length(text) AS length FROM pages"),
            chunks=rows("SELECT * FROM chunks ORDER BY document_id, version, page, ordinal"),
            keyword_rows={row["id"] for row in rows("SELECT id FROM keywords_docsize")},
            upserts=[row["chunk_id"] for row in rows("SELECT chunk_id FROM vector_log WHERE op = 'upsert'")],
            open_keys=[row["key"] for row in rows("SELECT key FROM idempotency WHERE record IS NULL")],
            damage=_damage(connection),
        )

    def holds(self, document_id: str) -> int | None:
        """The one version that the document may have contents of, None when it may have none."""
        document = self.documents.get(document_id)
        if document is None:
            return None
        # A new version that failed leaves the one before it searchable.
        kept = document["status"] == "ready" or document["searchable_version"] != document["version"]
        return int(document["searchable_version"]) if kept else None


def copied_book(data_dir: Path, scratch: Path) -> Book:
    """The ledger of the data folder, by way of the empty folder `scratch`."""
    for file in data_dir.glob("ledger.db*"):
        shutil.copy(file, scratch)
    return Book.read(scratch / "ledger.db")


def _damage(connection: apsw.Connection) -> list[str]:
    """What SQLite itself finds wrong."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    found += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
    try:
        connection.execute("INSERT INTO keywords (keywords) VALUES ('integrity-check')")
    except apsw.Error as error:
        found.append(f"keywords: {error}")
    return found


def copied_unfinished(data_dir: Path) -> dict[str, int]:
    """The number of the last event of every document that is not final, in the ledger of a dead service."""
    if not (data_dir / "ledger.db").exists():
        return {}
    with tempfile.TemporaryDirectory(prefix="invariants-") as scratch:
        for file in data_dir.glob("ledger.db*"):
            shutil.copy(file, scratch)
        connection = apsw.Connection(str(Path(scratch, "ledger.db")))
        rows = list(connection.execute("SELECT name FROM sqlite_schema WHERE name = 'documents'"))
        query = "SELECT id, event, status FROM documents"
        found = {
            name: event
            for name, event, status in (connection.execute(query) if rows else ())
            if status not in FINAL_STATUSES
        }
        connection.close()
    return found


@dataclass(frozen=True, slots=True)
class Expected:
    """What was promised for a document: with which statuses it may end, and whether it was deleted."""

    statuses: frozenset[str]
    deleted: Literal["no", "maybe", "yes"] = "no"


@dataclass(frozen=True)
class Scene:
    """A data folder, and what is to be found in it."""

    data_dir: Path
    book: Book
    expected: Mapping[str, Expected]
    undisturbed: Counts = field(default_factory=dict)

    @cached_property
    def chunks_of(self) -> dict[str, list[Row]]:
        grouped = defaultdict(list)
        for chunk in self.book.chunks:
            grouped[chunk["document_id"]].append(chunk)
        return dict(grouped)

    @cached_property
    def pages_of(self) -> dict[str, list[int]]:
        grouped = defaultdict(list)
        for page in self.book.pages:
            grouped[page["document_id"]].append(int(page["number"]))
        return dict(grouped)


def violations(
    data_dir: Path, expected: Mapping[str, Expected], undisturbed: Counts | None = None
) -> list[str]:
    """Return a sentence for everything that does not hold, each beginning with its kind."""
    with tempfile.TemporaryDirectory(prefix="invariants-") as scratch:
        book = copied_book(data_dir, Path(scratch))
        scene = Scene(data_dir, book, expected, undisturbed or {})
        return [*ledger_violations(scene), *blob_violations(scene), *vector_violations(scene, Path(scratch))]


def counts(data_dir: Path) -> dict[str, tuple[int, int]]:
    """Return pages and chunks of every ready document, by SHA-256."""
    with tempfile.TemporaryDirectory(prefix="invariants-") as scratch:
        scene = Scene(data_dir, copied_book(data_dir, Path(scratch)), {})
    return {
        one["sha256"]: (len(scene.pages_of.get(one["id"], ())), len(scene.chunks_of.get(one["id"], ())))
        for one in scene.book.documents.values()
        if one["status"] == "ready"
    }


def ledger_violations(scene: Scene) -> Iterator[str]:
    """Yield what is wrong inside of the ledger."""
    yield from (f"lost: the ledger is damaged: {text}" for text in scene.book.damage)
    yield from _promises(scene)
    for document in scene.book.documents.values():
        yield from _end(document)
        yield from _completeness(scene, document)
    yield from _ownership(scene.book)
    yield from _chunk_ids(scene)
    yield from _derived(scene.book)
    yield from (f"stuck: the Idempotency-Key {key!r} is still in use" for key in scene.book.open_keys)


def _promises(scene: Scene) -> Iterator[str]:
    for document_id, promised in scene.expected.items():
        document = scene.book.documents.get(document_id)
        if document is None and promised.deleted == "no":
            yield f"lost: {document_id} was accepted and is gone"
        elif document is not None and promised.deleted == "yes":
            yield f"orphaned: {document_id} was deleted and is there, {document['status']}"
        elif document is not None and document["status"] in FINAL_STATUSES - promised.statuses:
            code = f" ({document['error_code']})" if document["error_code"] else ""
            allowed = " or ".join(sorted(promised.statuses))
            yield f"lost: {document_id} is {document['status']}{code}, promised was {allowed}"


def _end(document: Row) -> Iterator[str]:
    name = document["id"]
    if document["status"] not in FINAL_STATUSES:
        yield f"stuck: {name} is {document['status']}, stage {document['stage']}"
    if document["status"] == "failed" and document["error_code"] not in CODES:
        yield f"stuck: {name} failed with the unknown code {document['error_code']!r}"
    if document["lease_owner"] is not None and document["status"] in FINAL_STATUSES:
        yield f"stuck: {name} is {document['status']} and leased by {document['lease_owner']}"


def _completeness(scene: Scene, document: Row) -> Iterator[str]:
    """Pages 1 to the last once each, as many chunks as the document says, as many as undisturbed."""
    name, pages = document["id"], sorted(scene.pages_of.get(document["id"], ()))
    chunks = len(scene.chunks_of.get(name, ()))
    if scene.book.holds(name) is None:
        return
    total = document["pages_total"] if document["status"] == "ready" else (pages or [1])[-1]
    missing = sorted(set(range(1, (total or 1) + 1)) - set(pages))
    if missing:
        yield f"lost: {name} has no pages {missing} of {total}"
    twice = [number for number, times in Counter(pages).items() if times > 1]
    if twice:
        yield f"duplicated: {name} has the pages {twice} more than once"
    if document["status"] != "ready":
        return
    if document["chunks_done"] != chunks or document["pages_done"] != document["pages_total"]:
        yield (
            f"lost: {name} says {document['pages_done']} of {document['pages_total']} pages and"
            f" {document['chunks_done']} chunks, there are {len(pages)} and {chunks}"
        )
    right = scene.undisturbed.get(document["sha256"])
    if right is not None and right != (len(pages), chunks):
        kind = "duplicated" if (len(pages), chunks) > right else "lost"
        yield f"{kind}: {name} has {len(pages)} pages and {chunks} chunks, undisturbed they are {right}"


def _ownership(book: Book) -> Iterator[str]:
    """Nothing belongs to a version that cannot be found, or to a document that is not there."""
    strangers = Counter(
        (kind, row["document_id"], row["version"])
        for kind, rows in (("pages", book.pages), ("chunks", book.chunks))
        for row in rows
        if book.holds(row["document_id"]) != row["version"]
    )
    for (kind, document_id, version), number in strangers.items():
        yield f"orphaned: {number} {kind} of version {version} of {document_id}"


def _chunk_ids(scene: Scene) -> Iterator[str]:
    lengths = {(p["document_id"], p["version"], p["number"]): p["length"] for p in scene.book.pages}
    for chunk in scene.book.chunks:
        place = (chunk["document_id"], chunk["version"], chunk["page"])
        if chunk["id"] != chunk_id(*place, chunk["ordinal"]):
            yield f"duplicated: the chunk {chunk['id']} stands at {place}, ordinal {chunk['ordinal']}"
        if not 0 <= chunk["start"] < chunk["stop"] <= lengths.get(place, 0):
            yield f"orphaned: the chunk {chunk['id']} lies outside of its page"
    for document_id, chunks in scene.chunks_of.items():
        seen = Counter((chunk["version"], chunk["page"]) for chunk in chunks)
        for (version, page), number in seen.items():
            ordinals = [c["ordinal"] for c in chunks if (c["version"], c["page"]) == (version, page)]
            if ordinals != list(range(number)):
                yield f"lost: page {page} of {document_id} has the chunks {ordinals}"


def _derived(book: Book) -> Iterator[str]:
    """One keyword row and one upsert in the log for each chunk, and none without a chunk."""
    rows = {chunk["row"]: chunk["id"] for chunk in book.chunks}
    yield from (f"lost: no keywords for {rows[row]}" for row in rows.keys() - book.keyword_rows)
    yield from (f"orphaned: the keyword row {row} has no chunk" for row in book.keyword_rows - rows.keys())
    logged, ids = Counter(book.upserts), set(rows.values())
    yield from (f"lost: no upsert in the log for {one}" for one in ids - logged.keys())
    yield from (f"orphaned: an upsert in the log for {one}" for one in logged.keys() - ids)
    yield from (f"duplicated: {n} upserts in the log for {one}" for one, n in logged.items() if n > 1)


def blob_violations(scene: Scene) -> Iterator[str]:
    """What is wrong with the files."""
    folder = scene.data_dir / "blobs"
    wanted = {document["sha256"] for document in scene.book.documents.values()}
    there = {path.name: path for path in folder.glob("??/*")}
    yield from (f"lost: the file {one} is gone" for one in wanted - there.keys())
    yield from (f"orphaned: the file {one} belongs to no document" for one in there.keys() - wanted)
    for name in wanted & there.keys():
        if hashlib.sha256(there[name].read_bytes()).hexdigest() != name:
            yield f"lost: the file {name} has other bytes"
    yield from (f"orphaned: {path.name} lies in incoming" for path in folder.glob("incoming/*"))


def vector_violations(scene: Scene, scratch: Path) -> Iterator[str]:
    """How the vector index differs from the ledger's chunks."""
    vectors = {
        chunk["id"]: np.frombuffer(chunk["vector"], np.float16).astype(np.float32)
        for chunk in scene.book.chunks
    }
    if not (scene.data_dir / "vectors").is_dir():
        yield from (f"lost: there is no vector index for {len(vectors)} chunks" for _ in [0] if vectors)
        return
    shutil.copytree(scene.data_dir / "vectors", scratch / "vectors")
    try:
        ids, rows, misses = _index(scratch / "vectors", scene, vectors)
    except Exception as error:  # Chroma raises anything
        yield f"lost: the vector index cannot be read: {type(error).__name__}: {error}"
        return
    held = Counter(ids)
    yield from (f"lost: no vector for {one}" for one in vectors.keys() - held.keys())
    yield from (f"orphaned: a vector for {one}" for one in held.keys() - vectors.keys())
    yield from (f"duplicated: {number} vectors for {one}" for one, number in held.items() if number > 1)
    for one, row in zip(ids, rows, strict=True):
        if one in vectors and cosine(row, vectors[one]) < LEAST_COSINE:
            yield f"lost: the vector of {one} is another one"
    yield from (f"lost: {one} is not found by its own vector" for one in misses)


def _index(
    folder: Path, scene: Scene, vectors: Mapping[str, NDArray[np.float32]]
) -> tuple[list[str], list[Any], list[str]]:
    """All ids with their vectors, and the canaries that a search does not find."""
    import chromadb
    from chromadb.config import Settings

    with _chroma_turn:
        client: Any = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        try:
            chunks: Any = client.get_collection("chunks", embedding_function=None)
            got = chunks.get(include=["embeddings"])
            canaries = [c["id"] for own in scene.chunks_of.values() for c in own[:CANARIES]]
            misses = [one for one in canaries if not _is_found(chunks, one, vectors[one])]
            return list(got["ids"]), list(got["embeddings"]), misses
        finally:
            client.close()


def _is_found(chunks: Any, name: str, vector: NDArray[np.float32]) -> bool:
    """Whether the chunk, or another one with the same text, comes first for the chunk's own vector."""
    found = chunks.query(query_embeddings=[vector], n_results=3, include=["distances"])
    best = [1.0 - far for far in found["distances"][0]]
    return bool(best) and (name in found["ids"][0] or best[-1] >= 0.999) and best[0] >= LEAST_COSINE


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Between -1 and 1; 0 for a vector without length."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / lengths if lengths else 0.0
