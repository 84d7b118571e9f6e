"""The checks that the crash tests rest on find what they are there to find."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import apsw
import chromadb
import numpy as np
import pytest
from chromadb.config import Settings

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Chunk, Page
from kotaemon_async.stores.claims import Batch
from kotaemon_async.stores.documents import NewDocument
from kotaemon_async.stores.ledger import Ledger
from tests.support.invariants import KINDS, Expected, counts, violations

FILES = {"doc_a": b"the lighthouse", "doc_b": b"the harbour"}
HASHES = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
READY = Expected(frozenset({"ready"}))
BOTH = {"doc_a": READY, "doc_b": READY}
PAGES = [Page(number, f"Page {number} tells of oil and of clocks.") for number in (1, 2)]
CHUNKS = [Chunk(page.number, n, 5 * n, 5 * n + 5, "") for page in PAGES for n in range(2)]


async def write_ledger(path: Path) -> None:
    ledger = await Ledger.open(path)
    draw = np.random.default_rng(7)
    for name, sha256 in HASHES.items():
        await ledger.documents.accept(
            NewDocument(EVERYBODY, name, "a.txt", "text/plain", 9, sha256, "c", 6, "t", ""), 1.0
        )
        claim = await ledger.claims.claim(name, "me", 2.0, 30.0, recipe="m/1")
        assert claim is not None
        vectors = draw.standard_normal((4, 8)).astype(np.float32)
        await ledger.claims.commit_batch(claim, Batch(PAGES, CHUNKS, vectors, ["oil"] * 4, 2, "m"), 3.0)
        await ledger.claims.to_indexing(claim, 4.0)
    await ledger.vector_log.advance("g", "m", await ledger.vector_log.end(), 5.0)
    await ledger.aclose()


def open_index(folder: Path) -> Any:
    return chromadb.PersistentClient(str(folder / "vectors"), settings=Settings(anonymized_telemetry=False))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which all is well: two documents of two pages and four chunks."""
    folder = tmp_path_factory.mktemp("whole")
    anyio.run(write_ledger, folder / "ledger.db", backend_options={"use_uvloop": True})
    for name, sha256 in HASHES.items():
        (folder / "blobs" / sha256[:2]).mkdir(parents=True)
        (folder / "blobs" / sha256[:2] / sha256).write_bytes(FILES[name])
    (folder / "blobs" / "incoming").mkdir()
    connection = apsw.Connection(str(folder / "ledger.db"))
    rows = list(connection.execute("SELECT id, vector FROM chunks"))
    connection.close()
    client = open_index(folder)
    index = client.create_collection(
        "chunks", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    embeddings = [np.frombuffer(vector, np.float16).astype(np.float32) for _, vector in rows]
    index.add(ids=[name for name, _ in rows], embeddings=embeddings)
    client.close()
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


def change(folder: Path, *statements: str) -> None:
    connection = apsw.Connection(str(folder / "ledger.db"))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_a_whole_folder_has_no_violation_and_is_not_changed(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert violations(folder, BOTH, dict.fromkeys(HASHES.values(), (2, 4))) == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert counts(folder) == dict.fromkeys(HASHES.values(), (2, 4))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE documents SET status = 'processing', stage = 'parsing' WHERE id = 'doc_a'", "stuck: doc_a"),
        ("UPDATE documents SET status = 'queued' WHERE id = 'doc_a'", "stuck: doc_a"),
        (
            "UPDATE documents SET status = 'failed', error_code = 'odd', version = 2 WHERE id = 'doc_a'",
            "unknown code 'odd'",
        ),
        ("UPDATE documents SET lease_owner = 'me' WHERE id = 'doc_a'", "leased by me"),
        ("UPDATE documents SET status = 'cancelled' WHERE id = 'doc_a'", "promised was ready"),
        ("UPDATE documents SET pages_total = 3 WHERE id = 'doc_a'", "lost: doc_a has no pages [3] of 3"),
        ("UPDATE documents SET chunks_done = 5 WHERE id = 'doc_a'", "5 chunks, there are 2 and 4"),
        ("UPDATE documents SET version = 2, searchable_version = 2 WHERE id = 'doc_a'", "orphaned: 2 pages"),
        ("DELETE FROM pages WHERE document_id = 'doc_a' AND number = 1", "lost: doc_a has no pages [1] of 2"),
        (
            "INSERT INTO pages (document_id, version, number, text)"
            " SELECT document_id, 2, number, text FROM pages",
            "orphaned: 2 pages of version 2",
        ),
        ("DELETE FROM chunks WHERE id = 'doc_a.1.1.0'", "page 1 of doc_a has the chunks [1]"),
        ("DELETE FROM chunks WHERE id = 'doc_a.1.1.0'", "orphaned: the keyword row 1"),
        ("DELETE FROM chunks WHERE id = 'doc_a.1.1.0'", "orphaned: an upsert in the log for doc_a.1.1.0"),
        ("DELETE FROM chunks WHERE id = 'doc_a.1.1.0'", "orphaned: a vector for doc_a.1.1.0"),
        ("UPDATE chunks SET id = 'doc_a.1.9.9' WHERE row = 1", "duplicated: the chunk doc_a.1.9.9"),
        ("UPDATE chunks SET id = 'doc_a.1.9.9' WHERE row = 1", "lost: no vector for doc_a.1.9.9"),
        ("UPDATE chunks SET stop = 900 WHERE row = 1", "lies outside of its page"),
        ("UPDATE chunks SET version = 2 WHERE document_id = 'doc_a'", "orphaned: 4 chunks of version 2"),
        ("UPDATE chunks SET vector = zeroblob(16) WHERE row = 1", "vector of doc_a.1.1.0 is another one"),
        ("UPDATE chunks SET vector = zeroblob(16) WHERE row = 1", "doc_a.1.1.0 is not found by its own"),
        ("DELETE FROM keywords WHERE rowid = 1", "lost: no keywords for doc_a.1.1.0"),
        ("INSERT INTO keywords (rowid, terms) VALUES (99, 'oil')", "orphaned: the keyword row 99"),
        ("DELETE FROM vector_log WHERE chunk_id = 'doc_a.1.1.0'", "lost: no upsert in the log"),
        (
            "INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('upsert', 'doc_a.1.1.0', 'doc_a')",
            "duplicated: 2 upserts in the log for doc_a.1.1.0",
        ),
        ("INSERT INTO idempotency (key, created_at) VALUES ('k', 1.0)", "stuck: the Idempotency-Key 'k'"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE id = 'doc_a'", "lost: doc_a was accepted"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE id = 'doc_a'", "orphaned: 2 pages"),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE id = 'doc_a'",
            "lost: the ledger is damaged",
        ),
        ("PRAGMA foreign_keys = OFF; DELETE FROM documents WHERE id = 'doc_a'", "belongs to no document"),
    ],
)
def test_a_row_that_is_wrong_is_found(folder: Path, statement: str, found: str) -> None:
    change(folder, statement)
    seen = violations(folder, BOTH)
    assert any(found in one for one in seen), seen
    assert {one.partition(":")[0] for one in seen} <= set(KINDS)


def test_a_page_that_stands_twice_is_found_although_the_schema_forbids_it(folder: Path) -> None:
    change(
        folder,
        "CREATE TABLE copied AS SELECT * FROM pages",
        "DROP TABLE pages",
        "ALTER TABLE copied RENAME TO pages",
        "INSERT INTO pages SELECT * FROM pages WHERE document_id = 'doc_a' AND number = 2",
    )
    assert "duplicated: doc_a has the pages [2] more than once" in violations(folder, BOTH)


def test_a_torn_keyword_table_is_found(folder: Path) -> None:
    change(folder, "UPDATE keywords_data SET block = zeroblob(40) WHERE id > 100")
    assert any(one.startswith("lost: the ledger is damaged") for one in violations(folder, BOTH))


def test_more_or_less_than_an_undisturbed_ingest_is_found(folder: Path) -> None:
    more = violations(folder, BOTH, {HASHES["doc_a"]: (2, 3)})
    assert more == ["duplicated: doc_a has 2 pages and 4 chunks, undisturbed they are (2, 3)"]
    less = violations(folder, BOTH, {HASHES["doc_a"]: (3, 6)})
    assert less == ["lost: doc_a has 2 pages and 4 chunks, undisturbed they are (3, 6)"]


def test_what_was_deleted_has_to_stay_away(folder: Path) -> None:
    gone, maybe = Expected(frozenset(), "yes"), Expected(frozenset({"ready"}), "maybe")
    assert violations(folder, {"doc_a": gone}) == ["orphaned: doc_a was deleted and is there, ready"]
    assert violations(folder, {"doc_a": maybe, "doc_c": maybe, "doc_d": gone}) == []


def missing_blob(folder: Path) -> str:
    next(folder.glob(f"blobs/*/{HASHES['doc_a']}")).unlink()
    return f"lost: the file {HASHES['doc_a']} is gone"


def torn_blob(folder: Path) -> str:
    next(folder.glob(f"blobs/*/{HASHES['doc_a']}")).write_bytes(b"the light")
    return f"lost: the file {HASHES['doc_a']} has other bytes"


def stray_blob(folder: Path) -> str:
    (folder / "blobs" / HASHES["doc_a"][:2] / ("f" * 64)).write_bytes(b"x")
    return f"orphaned: the file {'f' * 64} belongs to no document"


def left_over(folder: Path) -> str:
    (folder / "blobs" / "incoming" / "half").write_bytes(b"x")
    return "orphaned: half lies in incoming"


def lost_vector(folder: Path) -> str:
    client = open_index(folder)
    client.get_collection("chunks", embedding_function=None).delete(ids=["doc_b.1.2.1"])
    client.close()
    return "lost: no vector for doc_b.1.2.1"


def stray_vector(folder: Path) -> str:
    client = open_index(folder)
    index = client.get_collection("chunks", embedding_function=None)
    index.add(ids=["doc_x.1.1.0"], embeddings=[[0.5] * 8])
    client.close()
    return "orphaned: a vector for doc_x.1.1.0"


def lost_index(folder: Path) -> str:
    shutil.rmtree(folder / "vectors")
    return "lost: there is no vector index for 8 chunks"


def empty_index(folder: Path) -> str:
    for file in (folder / "vectors").iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return "lost: the vector index cannot be read: NotFoundError: Collection [chunks] does not exist"


@pytest.mark.parametrize(
    "damage",
    [missing_blob, torn_blob, stray_blob, left_over, lost_vector, stray_vector, lost_index, empty_index],
)
def test_a_file_that_is_wrong_is_found(folder: Path, damage: Callable[[Path], str]) -> None:
    found = damage(folder)
    assert violations(folder, BOTH) == [found]
