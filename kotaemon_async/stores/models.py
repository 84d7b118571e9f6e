"""Embedding models in the ledger: which one answers, which is being changed to, and the vectors it lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.domain.sentences import chunk_text
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("models.sql")

Role = Literal["active", "target", "previous", "declined"]
_FLOAT16_BYTES: Final = 2
#: Vectors that are moved in one transaction, of about 30 ms.
MOVED_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A model's name, as chunks carry it, and the length of its vectors."""

    name: str
    dimension: int

    @property
    def vector_bytes(self) -> int:
        """Return the size of one of its vectors in the ledger."""
        return _FLOAT16_BYTES * self.dimension


@dataclass(frozen=True, slots=True)
class Roles:
    """The models by what they do.

    `active` answers; `target` is being changed to, unless that `is_stopped`; `previous` answered before;
    `declined` was taken back, so that nothing changes to it by itself.
    """

    active: EmbeddingModel | None = None
    target: EmbeddingModel | None = None
    previous: EmbeddingModel | None = None
    declined: EmbeddingModel | None = None
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Unmade:
    """A chunk that has no vector of a model yet."""

    row: int
    id: str
    text: str


class Models(Store):
    """Roles of models, and vectors that are made beside those that answer."""

    @reads
    def roles(self, conn: apsw.Connection) -> Roles:
        """Return who does what."""
        return _roles(conn)

    @reads
    def has_vectors(self, conn: apsw.Connection, name: str) -> bool:
        """Return whether the model has made a vector that is kept."""
        return bool(conn.execute(SQL["has_vectors"], {"name": name}).get)

    @writes
    def activate(self, conn: apsw.Connection, model: EmbeddingModel) -> None:
        """Have the model answer at once, whatever vectors it has yet; a change that goes on is given up."""
        _move(conn)
        former = _roles(conn).active
        if former is not None and former.name != model.name:
            _hand_on(conn, "previous", "active")
        _assign(conn, "active", model)
        _dismiss(conn, "target")

    @writes
    def begin(self, conn: apsw.Connection, target: EmbeddingModel) -> None:
        """Begin a change to the model, or go on with it; a change to another one is given up."""
        present = _roles(conn).target
        if present is None or present != target:
            _move(conn)
            _dismiss(conn, "target")
            _assign(conn, "target", target)

    @writes
    def give_up(self, conn: apsw.Connection, *, declined: bool) -> None:
        """End the change with nothing changed; a `declined` model is not changed to by itself again."""
        if declined:
            _hand_on(conn, "declined", "target")
        _dismiss(conn, "target")

    @writes
    def turn_back(self, conn: apsw.Connection) -> None:
        """Begin a change from the active model, declined from now on, to the one that answered before."""
        _move(conn)
        _hand_on(conn, "declined", "active")
        _hand_on(conn, "target", "previous")

    @writes
    def allow(self, conn: apsw.Connection) -> None:
        """Forget which model was declined."""
        _dismiss(conn, "declined")

    @writes
    def set_stopped(self, conn: apsw.Connection, is_stopped: bool) -> bool:
        """Stop the change or let it go on; return whether that is news."""
        conn.execute(SQL["set_stopped"], {"is_stopped": int(is_stopped)})
        return conn.changes() > 0

    @reads
    def lacking(self, conn: apsw.Connection, model: EmbeddingModel, after: int, limit: int) -> list[Unmade]:
        """Return chunks after row `after` that the model has not embedded, in the order of rows.

        What is about to be replaced, as its document is read anew, is left out.
        """
        values = {"after": after, "limit": limit, "name": model.name, "vector_bytes": model.vector_bytes}
        return [
            Unmade(row, chunk_id, chunk_text(head, text, over))
            for row, chunk_id, head, text, over in conn.execute(SQL["lacking"], values)
        ]

    @reads
    def has_all(self, conn: apsw.Connection, model: EmbeddingModel) -> bool:
        """Return whether the model has embedded every chunk."""
        return _has_all(conn, model)

    @reads
    def progress(self, conn: apsw.Connection, name: str) -> tuple[int, int]:
        """Return how many chunks the model has embedded, and how many there are."""
        total, made = conn.execute(SQL["made"], {"name": name}).get
        return min(made, total), total

    @writes
    def add(
        self,
        conn: apsw.Connection,
        model: EmbeddingModel,
        chunks: Sequence[Unmade],
        vectors: NDArray[np.float32],
    ) -> None:
        """Keep the vectors, a row for each chunk, beside those that answer, or at once for the active model.

        A chunk that is gone is left out, and everything when the model has neither role any more.
        """
        roles = _roles(conn)
        for chunk, vector in zip(chunks, vectors.astype(np.float16), strict=True):
            values = {"row": chunk.row, "id": chunk.id, "name": model.name, "vector": vector.tobytes()}
            if roles.target == model:
                conn.execute(SQL["add_new_vector"], values)
            elif roles.active == model:
                _replace(conn, values)

    async def move_some(self, limit: int = MOVED_AT_ONCE) -> bool:
        """Put vectors of the active model in place of former ones, after a switch; return False without any.

        Readers find them in both places, so it is done in small parts: all at once would hold writers up.
        """
        return await self._is_moving() and await self._move(limit)

    @reads
    def _is_moving(self, conn: apsw.Connection) -> bool:
        return bool(conn.execute(SQL["is_moving"]).get)

    @writes
    def _move(self, conn: apsw.Connection, limit: int) -> bool:
        return _move(conn, limit) > 0

    @writes
    def switch(self, conn: apsw.Connection, generation: str) -> bool:
        """Make the target the active model; its vectors answer from now on, wherever they lie.

        Nothing is changed, and False returned, unless every chunk has one and the index of that generation
        has followed the log to its end.
        """
        roles = _roles(conn)
        model = roles.target
        if model is None or roles.is_stopped or not _has_all(conn, model):
            return False
        if not conn.execute(SQL["has_followed"], {"generation": generation, "name": model.name}).get:
            return False
        _hand_on(conn, "previous", "active")
        _hand_on(conn, "active", "target")
        conn.execute(SQL["dismiss"], {"role": "target"})
        conn.execute(SQL["forget_followers"])
        return True


def is_outdated(conn: apsw.Connection, name: str) -> bool:
    """Return whether another model than this one answers."""
    active = _roles(conn).active
    return active is not None and active.name != name


def is_target(conn: apsw.Connection, name: str) -> bool:
    """Return whether the model is being changed to."""
    return bool(conn.execute(SQL["is_role"], {"role": "target", "name": name}).get)


def _roles(conn: apsw.Connection) -> Roles:
    found: dict[str, EmbeddingModel] = {}
    is_stopped = False
    for role, name, dimension, stopped in conn.execute(SQL["roles"]):
        found[role] = EmbeddingModel(name, dimension)
        is_stopped = is_stopped or bool(stopped)
    return Roles(**found, is_stopped=is_stopped)


def _assign(conn: apsw.Connection, role: Role, model: EmbeddingModel) -> None:
    conn.execute(SQL["assign"], {"role": role, "name": model.name, "dimension": model.dimension})


def _hand_on(conn: apsw.Connection, role: Role, from_role: Role) -> None:
    conn.execute(SQL["hand_on"], {"role": role, "from_role": from_role})


def _dismiss(conn: apsw.Connection, role: Role) -> None:
    """Take the role away; with the target go its vectors and how far its index got."""
    if role == "target":
        conn.execute(SQL["forget_new_vectors"])
    conn.execute(SQL["dismiss"], {"role": role})
    if role == "target":
        conn.execute(SQL["forget_followers"])


def _move(conn: apsw.Connection, limit: int = -1) -> int:
    """Put vectors of the active model in place of former ones and return how many; all without a limit."""
    if not conn.execute(SQL["is_moving"]).get:
        return 0
    conn.execute(SQL["move_vectors"], {"limit": limit})
    conn.execute(SQL["forget_moved"], {"limit": limit})
    return int(conn.changes())


def _has_all(conn: apsw.Connection, model: EmbeddingModel) -> bool:
    return bool(conn.execute(SQL["has_all"], {"name": model.name, "vector_bytes": model.vector_bytes}).get)


def _replace(conn: apsw.Connection, values: dict[str, object]) -> None:
    """Give a chunk its vector and have the index follow; a document that is not ready yet waits for that."""
    document_id = conn.execute(SQL["replace_vector"], values).get
    if document_id is None:
        return
    conn.execute(SQL["forget_upsert"], {"id": values["id"]})
    seq = conn.execute(SQL["log_upsert"], {"id": values["id"], "document_id": document_id}).get
    conn.execute(SQL["wait_for"], {"document_id": document_id, "seq": seq})
