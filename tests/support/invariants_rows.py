"""The rows of a stopped service's ledger, read from a copy of its files."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from kotaemon_async.domain.model import FINAL_STATUSES

Row = dict[str, Any]


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
