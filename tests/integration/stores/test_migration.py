"""A ledger that an earlier release wrote is taken over as it is."""

from pathlib import Path

import pytest

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.collections import Collection, Rights
from kotaemon_async.stores.documents import ListQuery
from kotaemon_async.stores.ledger import SCHEMA, Ledger
from kotaemon_async.stores.models import EmbeddingModel
from tests.support.callers import ALICE, BOB
from tests.support.ledger import new_document, run_sql

OLD = Path(__file__).parents[2] / "data"
TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'index') ORDER BY name"


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table and index with its columns: name, type, not null, default, key."""
    names = [name for (name,) in run_sql(path, TABLES)]
    return {str(name): run_sql(path, f"SELECT * FROM pragma_table_info('{name}')") for name in names}


def old_ledger(path: Path, version: int) -> Path:
    run_sql(path, (OLD / f"schema_{version}.sql").read_text("utf8"))
    run_sql(
        path,
        "INSERT INTO documents (id, name, media_type, size_bytes, sha256, collection, status, max_attempts,"
        " attempt, trace_id, traceparent, created_at, updated_at)"
        " VALUES ('doc_1', 'a.pdf', 'application/pdf', 1, 'f', 'default', 'queued', 6, 3, '', '', 1, 1)",
    )
    return path


@pytest.mark.parametrize("version", range(1, SCHEMA.version))
async def test_a_migrated_ledger_has_the_shape_of_a_new_one(tmp_path: Path, version: int) -> None:
    old = old_ledger(tmp_path / "old.db", version)
    for path in (old, tmp_path / "new.db"):
        await (await Ledger.open(path)).aclose()
    assert shape(old) == shape(tmp_path / "new.db")


async def test_a_migrated_document_keeps_its_place_and_its_attempts(tmp_path: Path) -> None:
    ledger = await Ledger.open(old_ledger(tmp_path / "old.db", 1))
    document = await ledger.documents.get("doc_1")
    assert (document.status, document.attempts.error) == ("queued", 2)
    await ledger.aclose()


async def test_a_ledger_of_a_newer_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    await (await Ledger.open(path)).aclose()
    run_sql(path, f"PRAGMA user_version = {SCHEMA.version + 1}")
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="schema"):
        await Ledger.open(path)
    assert path.read_bytes() == before


async def test_a_ledger_of_the_release_before_knows_its_model_and_its_index(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "old.db", 3)
    run_sql(
        path,
        "INSERT INTO chunks (id, document_id, version, page, ordinal, start, stop, vector, model)"
        " VALUES ('c', 'doc_1', 1, 1, 0, 0, 4, zeroblob(768), '')",
    )
    run_sql(path, "INSERT INTO followers VALUES ('g', 7, 1.0)")
    ledger = await Ledger.open(path)
    assert (await ledger.models.roles()).active == EmbeddingModel("all-MiniLM-L6-v2", 384)
    await ledger.vector_log.advance("other", "else", 1, 2.0)
    assert await ledger.vector_log.position("g") == 7
    await ledger.aclose()


async def test_collections_of_an_earlier_release_are_everybody_s_to_read_and_to_write(tmp_path: Path) -> None:
    ledger = await Ledger.open(old_ledger(tmp_path / "old.db", 5))
    assert await ledger.collections.page(ALICE, 10) == [
        Collection("default", "", "write", 1.0, False, Rights.WRITE)
    ]
    assert (await ledger.access.document(ALICE, "doc_1", write=True)).collection == "default"
    await ledger.documents.accept(new_document("doc_2", caller=ALICE), 2.0)
    assert {one.id for one in (await ledger.access.page(BOB, ListQuery(collection="default")))[0]} == {
        "doc_1",
        "doc_2",
    }
    await ledger.aclose()


async def test_answers_of_an_earlier_release_are_turns_of_one_version(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "old.db", 6)
    for name, complete in (("a", "true"), ("b", "false")):
        record = f'{{"question": "Über {name}?", "answer": "Ja.", "complete": {complete}}}'
        run_sql(path, "INSERT INTO answers VALUES (?, 'c1', 5.0, ?, '')", name, record)
    await (await Ledger.open(path)).aclose()
    rows = run_sql(path, "SELECT id, turn_id, turn_at, status, is_current FROM answers ORDER BY id")
    assert rows == [("a", "a", 5.0, "done", 1), ("b", "b", 5.0, "interrupted", 1)]
    assert run_sql(path, "SELECT words FROM answer_words") == [("uber a?\nja.",), ("uber b?\nja.",)]
