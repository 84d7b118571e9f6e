"""What part of the nearest passages a running service finds by vector, beside all vectors of its ledger."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.app.settings import load_settings
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import choose

NEAREST: Final = 5
#: Passages as near as the fifth, but for what is lost by keeping halves of numbers, are as good as it.
AS_NEAR: Final = 1e-3

Scope = dict[str, Any]
Search = Callable[[str, Scope], Sequence[str]]


async def vectors_of(questions: Sequence[str]) -> list[NDArray[np.float32]]:
    """The vectors that the service makes of the questions."""
    settings = load_settings().embedding
    model = choose(settings.model, settings.folder)
    embedder = await Embedder.open(settings.folder, model=model, threads=settings.threads)
    vectors = [np.asarray(await embedder.embed_query(one), np.float32) for one in questions]
    await embedder.aclose()
    return vectors


class Truth:
    """All searchable vectors of a ledger, which is read once."""

    def __init__(self, path: Path) -> None:
        ledger = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        rows = ledger.execute(
            "SELECT c.id, d.id, d.collection, c.vector FROM chunks AS c JOIN documents AS d"
            " ON d.id = c.document_id AND d.searchable_version = c.version"
        )
        ids, documents, collections, vectors = zip(*rows, strict=True)
        ledger.close()
        self._row_of = {chunk: row for row, chunk in enumerate(ids)}
        self._documents, self._collections = np.array(documents), np.array(collections)
        self._vectors = np.frombuffer(b"".join(vectors), np.float16).reshape(len(ids), -1)

    def found(self, vector: NDArray[np.float32], scope: Scope, ids: Sequence[str]) -> float:
        """Return the part of the nearest in the scope that is among these passages."""
        rows = np.flatnonzero(self._inside(scope))
        nearness = self._vectors[rows].astype(np.float32) @ vector
        wanted = min(NEAREST, len(rows))
        if not wanted:
            return 1.0
        farthest = float(np.sort(nearness)[-wanted]) - AS_NEAR
        near = dict(zip(rows.tolist(), nearness.tolist(), strict=True))
        held = [near.get(self._row_of.get(one, -1), -1.0) for one in ids]
        return min(1.0, float(sum(one >= farthest for one in held)) / wanted)

    def _inside(self, scope: Scope) -> NDArray[np.bool_]:
        inside = np.ones(len(self._documents), np.bool_)
        if "collection" in scope:
            inside &= self._collections == scope["collection"]
        if "document_ids" in scope:
            inside &= np.isin(self._documents, scope["document_ids"])
        return inside


def recall(
    truth: Truth,
    questions: Mapping[str, NDArray[np.float32]],
    scopes: Mapping[str, Scope],
    search: Search,
) -> dict[str, float]:
    """Return the mean over the questions, for each scope."""

    def of(scope: Scope) -> float:
        found = [truth.found(vector, scope, search(text, scope)) for text, vector in questions.items()]
        return round(float(np.mean(found)), 4)

    return {name: of(scope) for name, scope in scopes.items()}
