"""Backups over a library that a test fills by hand."""

from collections.abc import Callable
from pathlib import Path

import apsw

from kotaemon_async.operations.backup.create import Backups, Source
from kotaemon_async.operations.backup.reading import open_backup
from kotaemon_async.operations.backup.restore import Restored, Restoring
from kotaemon_async.stores.ledger import SCHEMA
from tests.support.ledger import run_sql
from tests.support.library import LibraryFixture

NOW_S = 1_795_632_000.25
PLENTY_BYTES = 10**9


def backups_of(
    lib: LibraryFixture,
    *,
    beside: dict[str, Path] | None = None,
    go_on: Callable[[], None] = lambda: None,
    free_bytes: int = PLENTY_BYTES,
    now_s: float = NOW_S,
) -> Backups:
    """Return the backups of the library's folder, made at a fixed time."""
    source = Source(lib.folder.parent / "ledger.db", lib.blobs.path, beside or {}, "0.1.0")
    return Backups(source, clock=lambda: now_s, free_bytes=lambda _: free_bytes, checkpoint=go_on)


def restore(file: Path, folder: Path, *, replace: bool = False, known: int = SCHEMA.version) -> Restored:
    """What came of restoring the file into the folder, whose `backups` stay."""
    restoring = Restoring(folder, schema_version=known, kept=frozenset({"backups"}), clock=lambda: NOW_S)
    with open_backup(file) as backup:
        return restoring.restore(backup, replace=replace)


def documents_in(folder: Path) -> dict[str, str]:
    """The status of each document in a restored folder, by the hash of its file, all of which are there."""
    rows = run_sql(folder / "ledger.db", "SELECT sha256, status FROM documents")
    found = {str(sha256): str(status) for sha256, status in rows}
    assert [sha256 for sha256 in found if not (folder / "blobs" / sha256[:2] / sha256).is_file()] == []
    return found


def as_of_schema_2(ledger: Path) -> None:
    """The ledger of a stopped service loses what the schemas after the second have brought."""
    second = apsw.Connection(":memory:")
    second.execute((Path(__file__).parents[1] / "data" / "schema_2.sql").read_text("utf8"))
    before = _shape(second)
    after = _shape(apsw.Connection(str(ledger)))
    for kind, name in after.keys() - before.keys():
        if kind == "index":
            run_sql(ledger, f"DROP INDEX {name}")
    for kind, name in after.keys() - before.keys():
        if kind == "table":
            run_sql(ledger, f"DROP TABLE {name}")
    for known, columns in before.items():
        for column in after[known] - columns:
            run_sql(ledger, f"ALTER TABLE {known[1]} DROP COLUMN {column}")
    run_sql(ledger, "PRAGMA user_version = 2")


def _shape(connection: apsw.Connection) -> dict[tuple[str, str], set[str]]:
    """The columns of every table and index that has a name of its own."""
    rows = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    ).fetchall()
    columns = "SELECT name FROM pragma_table_info(?)"
    found: dict[tuple[str, str], set[str]] = {}
    for kind, name in rows:
        found[str(kind), str(name)] = {str(row[0]) for row in connection.execute(columns, (name,))}
    return found
