"""The process that Chroma lives in: `python child.py PARENT`, asked over standard input.

The first frame in is {folder, dimension, model}, model being a short tag of the embedding model; the first
frame out, number 0, says how opening the folder went. Chroma is loaded before that, while the parent may
still be starting itself. Imports nothing of the package but modules made for children (child_*.py).
"""

import contextlib
import gc
import os
import signal
import sys
import types
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from kotaemon_async.resilience import child_calls, child_jail, child_paths
from kotaemon_async.resilience.child_frames import Frames
from kotaemon_async.search.vectors import child_files as files
from kotaemon_async.search.vectors.child_matrix import Matrix

COLLECTION = "chunks"
HNSW: dict[str, Any] = {
    "space": "cosine",
    "ef_construction": 128,
    "ef_search": 200,
    "max_neighbors": 16,
    "num_threads": 1,
}
#: A full disk or a lack of file handles says nothing against the files themselves.
PASSING_TROUBLE = (
    "full",
    "no space",
    "unable to open",
    "readonly",
    "read-only",
    "permission denied",
    "locked",
    "too many open files",
    "i/o error",
)
#: Chroma fails at a filter of some ten thousands; whoever asks leaves out what is beyond.
MOST_FILTERED = 10_000
#: In a large scope Chroma is asked for this much more than the scope's share of the index needs, and at most.
WIDER, MOST_ASKED = 1.5, 4000
#: Two vectors are the same from this cosine on; what Chroma gives back differs in the seventh digit.
SAME_COSINE = 0.999


class OtherModelError(files.FolderError):
    """The folder is whole, but its vectors are of another model."""

    reason = "model"


class Index:
    """Chroma's collection in a folder, with the id of the folder's generation, and the matrix beside it.

    Chroma keeps the vectors; the matrix answers for a scope of so few rows that all of them can be read. A
    matrix that is in trouble, or is not what Chroma holds, begins anew: then Chroma answers for every scope.
    """

    def __init__(self, folder: Path, dimension: int, model: str) -> None:
        self._lock = files.take(folder)
        self._folder = folder
        self._mark, database = folder / "generation", folder / "chroma.sqlite3"
        self._dimension = dimension
        self._kind = f"-{model}-{dimension}"
        fresh = not database.exists() and not self._mark.exists()
        folder.mkdir(parents=True, exist_ok=True)
        self.generation = f"{uuid.uuid4().hex}{self._kind}" if fresh else self._kept_generation()
        is_sealed = not fresh and files.check(folder, database)
        self._chunks = open_collection(folder)
        self._exact = Matrix(folder / files.EXACT, dimension)
        #: Chroma reads every row to count them, so it is asked once after a change; None until then. Where
        #: both were sealed they are alike, and its graph is loaded once the parent knows that they are there.
        self._counted = len(self._exact) if is_sealed and self.is_exact else None
        self._is_probed = False
        if self._counted is None:
            self._probe()
        if fresh:
            self._write_mark()
        self._files = files.Files(folder)
        self._files.remember()

    def __len__(self) -> int:
        if self._counted is None:
            self._counted = int(self._chunks.count())
        return self._counted

    def _kept_generation(self) -> str:
        if not self._mark.exists():
            raise files.FolderError("the folder was never finished: it has no generation")
        generation = self._mark.read_text("ascii", "replace").strip()
        if not generation.endswith(self._kind):
            raise OtherModelError("the folder holds vectors of another model")
        return generation

    def _write_mark(self) -> None:
        """Write the mark last, so that a folder with a mark is a whole one."""
        draft = self._mark.with_suffix(".new")
        with draft.open("w", encoding="ascii") as file:
            file.write(self.generation + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._mark)

    def _probe(self) -> None:
        """Query once: damaged index files fail at the first query, better now than in front of somebody."""
        self._counted = None
        if len(self):
            self._nearest([1.0] * self._dimension, 1, None)
        self._agree()
        self._is_probed = True

    def _nearest(self, vector: Any, limit: int, where: dict[str, Any] | None) -> Any:
        return self._chunks.query(
            query_embeddings=[vector], n_results=limit, where=where, include=["distances"]
        )

    @property
    def is_exact(self) -> bool:
        return self._exact.is_complete

    def _agree(self) -> None:
        """Begin the matrix anew when it is of another size; one without rows is complete at once."""
        if not len(self) or len(self._exact) != len(self):
            self._exact.begin()
        self._exact.is_complete = len(self._exact) == len(self)

    def check_folder(self) -> None:
        """Raise FolderError when somebody else was at Chroma's files; the matrix begins anew for that."""
        if not self._is_probed:
            self._probe()
            self._files.remember()  # Chroma has written when it loaded its graph
        self._files.check()
        self._exact.check()

    def seal(self) -> None:
        """Seal the files as whole; the last act."""
        with contextlib.suppress(OSError):
            self._exact.close()
        self._files.check()
        files.seal(self._folder)

    def hello(self) -> dict[str, Any]:
        return {"generation": self.generation, "count": len(self), "is_exact": self.is_exact}

    def count(self, _request: dict[str, Any]) -> dict[str, Any]:
        if self._counted is None and self.is_exact:
            self._agree()
        places = files.places(self._folder, self._dimension, HNSW["max_neighbors"])
        return {"count": len(self), "places": places}

    def apply(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["ids"]:
            pairs = zip(request["document_ids"], request["collections"], strict=True)
            places = [{"document_id": document, "collection": collection} for document, collection in pairs]
            self._chunks.upsert(ids=request["ids"], embeddings=self._vectors_of(request), metadatas=places)
        if request["deletes"]:
            self._chunks.delete(ids=request["deletes"])
        self._files.remember()
        self._counted = None
        self._put(request)
        return {}

    def fill(self, request: dict[str, Any]) -> dict[str, Any]:
        """Bring a matrix that is not complete some rows that Chroma has, the last ones when it is `done`."""
        if not self.is_exact:
            self._put(request)
            if request["done"]:
                self._agree()
        return {}

    def _put(self, request: dict[str, Any]) -> None:
        """Write to the matrix; one that cannot be written is no fault of the index."""
        pairs = zip(request["document_ids"], request["collections"], strict=True)
        try:
            self._exact.upsert(request["ids"], pairs, self._vectors_of(request))
            self._exact.delete(request["deletes"])
        except OSError:
            self._exact.begin()

    def _vectors_of(self, request: dict[str, Any]) -> Any:
        return np.frombuffer(request["vectors"], dtype="<f4").reshape(-1, self._dimension)

    def search(self, request: dict[str, Any]) -> dict[str, Any]:
        """Search exactly where all rows of the scope can be read, else by Chroma's graph."""
        vector, limit = np.frombuffer(request["vectors"], dtype="<f4"), request["limit"]
        collections, document_ids = request["scope_collections"], request["document_ids"]
        if request["by_graph"] or not self.is_exact:
            where = where_of(collections, document_ids)
            return _found(self._by_graph(vector, limit, where), "graph")
        rows = self._exact.rows_in(collections, document_ids)
        count = len(self._exact) if rows is None else len(rows)
        if count > request["exact_rows"]:
            asked = min(MOST_ASKED, int(WIDER * limit * len(self._exact) / count))
            hits = self._exact.kept(self._by_graph(vector, max(limit, asked), None), rows)
            if len(hits) >= limit:
                return _found(hits[:limit], "graph")
        return _found(self._exact.search(vector, limit, rows), "exact")

    def _by_graph(self, vector: Any, limit: int, where: dict[str, Any] | None) -> list[tuple[str, float]]:
        found = self._nearest(vector, limit, where)
        return [
            (key, 1.0 - float(far)) for key, far in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def ids_present(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ids": self._chunks.get(ids=request["ids"], include=[])["ids"]}

    def ids(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._chunks.get(limit=request["limit"], offset=request["offset"], include=[])
        return {"ids": found["ids"]}

    def compare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the ids whose vector or place is another one than given, and those that are not there."""
        found = self._chunks.get(ids=request["ids"], include=["embeddings", "metadatas"])
        held = dict(zip(found["ids"], zip(found["embeddings"], found["metadatas"], strict=True), strict=True))
        vectors = self._vectors_of(request)
        wanted = zip(request["ids"], request["document_ids"], request["collections"], vectors, strict=True)
        pairs = zip(request["document_ids"], request["collections"], strict=True)
        if self.is_exact and self._exact.differing(request["ids"], pairs, vectors):
            self._exact.begin()
        missing, differing = [], []
        for chunk, document, collection, vector in wanted:
            if chunk not in held:
                missing.append(chunk)
            elif held[chunk][1] != {"document_id": document, "collection": collection} or not is_same(
                held[chunk][0], vector
            ):
                differing.append(chunk)
        return {"ids": missing, "differing": differing}


def where_of(collections: list[str] | None, document_ids: list[str]) -> dict[str, Any] | None:
    """Return Chroma's filter for the scope, None for everything."""
    clauses: list[dict[str, Any]] = []
    if collections is not None and len(collections) <= MOST_FILTERED:
        clauses.append({"collection": {"$in": collections}})
    if document_ids and len(document_ids) <= MOST_FILTERED:
        clauses.append({"document_id": {"$in": document_ids}})
    if len(clauses) > 1:
        return {"$and": clauses}
    return clauses[0] if clauses else None


def _found(hits: list[tuple[str, float]], by: str) -> dict[str, Any]:
    return {"ids": [key for key, _ in hits], "scores": [score for _, score in hits], "by": by}


def is_same(held: Any, wanted: Any) -> bool:
    length = float(np.linalg.norm(wanted))
    if not np.isfinite(length) or length == 0.0:
        return True  # no direction to compare
    return float(np.dot(held, wanted)) >= SAME_COSINE * length * float(np.linalg.norm(held))


class _Absent(types.ModuleType):
    """A module that is imported by Chroma and never used here: any name in it is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


def leave_out_what_is_not_needed() -> None:
    """Skip exporters, HTTP clients and schema checks of hosted models: 22 MB and a quarter of the start."""
    for name in ("opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "httpx", "jsonschema"):
        sys.modules[name] = _Absent(name)


def load_chroma() -> None:
    """Import Chroma; looking for garbage meanwhile finds none, and takes a fifth of the time."""
    leave_out_what_is_not_needed()
    gc.disable()
    import chromadb  # noqa: F401

    gc.freeze()
    gc.enable()


def open_collection(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    configuration: Any = {"hnsw": HNSW}
    return client.get_or_create_collection(COLLECTION, embedding_function=None, configuration=configuration)


def problem_of(error: BaseException) -> dict[str, Any]:
    """Return the error in words, and what is wrong with the folder, if it is the folder."""
    text = f"{type(error).__name__}: {error}"
    passing = isinstance(error, (ImportError, MemoryError, files.FolderTakenError)) or any(
        sign in text.lower() for sign in PASSING_TROUBLE
    )
    reason = error.reason if isinstance(error, files.FolderError) else "" if passing else "broken"
    return {"error": text[:500], "reason": reason}


def serve(index: Index, frames: Frames) -> None:
    """Answer until the parent closes the stream."""
    doors = {
        "count": index.count,
        "apply": index.apply,
        "fill": index.fill,
        "search": index.search,
        "ids_present": index.ids_present,
        "ids": index.ids,
        "compare": index.compare,
    }
    while (request := frames.read()) is not None:
        try:
            index.check_folder()
            reply = doors[request["op"]](request)
        except BaseException as error:  # Chroma raises anything, and Rust's panics are no Exception
            reply = problem_of(error)
        frames.write(reply | {"id": request["id"], "is_exact": index.is_exact})


def confine(folder: Path) -> None:
    """Leave this process the folder with its lock, the code and no network."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = files.lock_of(folder)
    lock.touch()
    os.environ["SQLITE_TMPDIR"] = str(folder)
    child_paths.allow_paths(child_paths.of_python(), (str(folder), str(lock), "/dev/null"))
    child_calls.deny_calls()


def main() -> int:
    child_jail.die_with(int(sys.argv[1]))
    # A Ctrl-C or a service manager signals the whole group; the parent ends us by closing stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    frames = Frames.from_standard_streams()
    with contextlib.suppress(Exception):  # what fails here fails again below, and is reported then
        load_chroma()
    if (where := frames.read()) is None:
        return 0
    try:
        folder = Path(where["folder"])
        confine(folder)
        index = Index(folder, where["dimension"], where["model"])
        hello = index.hello()
    except BaseException as error:  # the parent has to learn of it
        frames.write(problem_of(error) | {"id": 0})
        return 1
    frames.write(hello | {"id": 0})
    serve(index, frames)
    with contextlib.suppress(files.FolderError, OSError):
        index.seal()
    return 0


if __name__ == "__main__":
    sys.exit(main())
