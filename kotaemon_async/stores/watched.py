"""The ledger's memory of followed folders: which file was taken as which document, and as it was then."""

from dataclasses import dataclass
from typing import Literal

import apsw

from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("watched.sql")

#: The file is a document · it cannot be one · somebody deleted its document: it is none until it changes.
WatchedStatus = Literal["taken", "refused", "deleted"]


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells the contents of a file, and the file itself, from others; time in nanoseconds."""

    size_bytes: int
    mtime_ns: int
    inode: int
    device: int

    @property
    def content(self) -> tuple[int, int]:
        """Return what changes when the file is written."""
        return self.size_bytes, self.mtime_ns


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file by its path below its folder; `replaces` is the document of its former contents.

    That one goes once `document_id` is ready. `code` says why a file was refused.
    """

    path: bytes
    state: FileState
    status: WatchedStatus = "taken"
    document_id: str | None = None
    replaces: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder as it was found; `held_since_s` is when too many of its files were missing at once.

    `takes` names what could be a document when the others were refused.
    """

    device: int
    inode: int
    held_since_s: float | None = None
    takes: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file on its way to be a document: both are written together."""

    folder: str
    path: bytes
    state: FileState


class Watched(Store):
    """Rows of followed folders; a folder that is not followed any more keeps its own, and its documents."""

    @reads
    def folder(self, conn: apsw.Connection, folder: str) -> WatchedFolder | None:
        """Return the folder, or None when it was never read."""
        row = conn.execute(SQL["folder"], {"folder": folder}).fetchone()
        return WatchedFolder(*row) if row else None

    @writes
    def keep_folder(self, conn: apsw.Connection, folder: str, found: WatchedFolder) -> None:
        """Keep the folder as it is now."""
        values = {"folder": folder, "device": found.device, "inode": found.inode}
        conn.execute(SQL["keep_folder"], values | {"held_since": found.held_since_s, "takes": found.takes})

    @reads
    def files(self, conn: apsw.Connection, folder: str) -> dict[bytes, WatchedFile]:
        """Return all known files of the folder, by path."""
        rows = conn.execute(SQL["files"], {"folder": folder})
        return {row[0]: WatchedFile(row[0], FileState(*row[1:5]), *row[5:]) for row in rows}

    @writes
    def keep(self, conn: apsw.Connection, folder: str, file: WatchedFile) -> None:
        """Keep what is known of a file."""
        keep_file(conn, folder, file)

    @writes
    def rename(
        self, conn: apsw.Connection, folder: str, old: bytes, file: WatchedFile, name: str, path: str
    ) -> None:
        """Keep a known file under its new path; its document is called so, unless it came by upload."""
        conn.execute(SQL["forget"], {"folder": folder, "path": old})
        keep_file(conn, folder, file)
        for document_id in {file.document_id, file.replaces} - {None}:
            conn.execute(SQL["call_document"], {"id": document_id, "name": name, "path": path})

    @writes
    def call(self, conn: apsw.Connection, document_id: str, name: str, path: str) -> None:
        """Give a document the name and path of its file, unless it came by upload."""
        conn.execute(SQL["call_document"], {"id": document_id, "name": name, "path": path})

    @writes
    def forget(self, conn: apsw.Connection, folder: str, path: bytes) -> None:
        """Forget a file that is gone; its document may be unused from now on."""
        conn.execute(SQL["forget"], {"folder": folder, "path": path})

    @writes
    def forget_refused(self, conn: apsw.Connection, folder: str) -> None:
        """Forget files that could not be documents, so that they are tried again."""
        conn.execute(SQL["forget_refused"], {"folder": folder})

    @writes
    def move_device(self, conn: apsw.Connection, folder: str, old: int, new: int) -> None:
        """Note that a disk is known by another number since it was mounted again."""
        conn.execute(SQL["move_device"], {"folder": folder, "old": old, "new": new})

    @writes
    def settle(self, conn: apsw.Connection, folder: str) -> int:
        """Let former contents go whose successors are ready, and return how many."""
        conn.execute(SQL["settle"], {"folder": folder})
        return conn.changes()

    @reads
    def unused(self, conn: apsw.Connection, limit: int) -> list[str]:
        """Return documents that came from followed folders only, and of which no file is left."""
        return [row[0] for row in conn.execute(SQL["unused"], {"limit": limit})]

    @reads
    def own_members(self, conn: apsw.Connection, archive_id: str) -> list[str]:
        """Return the documents that came from this archive and from nowhere else."""
        return [row[0] for row in conn.execute(SQL["own_members"], {"id": archive_id})]


def keep_file(conn: apsw.Connection, folder: str, file: WatchedFile) -> None:
    """Write what is known of a file."""
    state = file.state
    values = {"size_bytes": state.size_bytes, "mtime_ns": state.mtime_ns, "inode": state.inode}
    values |= {"device": state.device}
    given = {"path": file.path, "status": file.status, "document_id": file.document_id}
    conn.execute(
        SQL["keep_file"], {"folder": folder, **values, **given, "replaces": file.replaces, "code": file.code}
    )


def note_deleted(conn: apsw.Connection, document_id: str) -> None:
    """Note that a document is deleted: its file is not taken again until it changes."""
    conn.execute(SQL["document_deleted"], {"id": document_id})


def keep_taken(conn: apsw.Connection, taken: Taken, document_id: str) -> None:
    """Write that the file is that document now; what it was before goes when that is ready."""
    state = taken.state
    values = {"size_bytes": state.size_bytes, "mtime_ns": state.mtime_ns, "inode": state.inode}
    values |= {"device": state.device}
    conn.execute(
        SQL["keep_taken"], {"folder": taken.folder, "path": taken.path, "document_id": document_id, **values}
    )
