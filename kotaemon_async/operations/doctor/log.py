"""The vector log compared with the chunks: who follows it from the start must end with a copy of them."""

from collections.abc import AsyncIterator, Sequence
from typing import cast

from kotaemon_async.operations.doctor.derived import Derived
from kotaemon_async.operations.doctor.documents import ReadAnew
from kotaemon_async.operations.doctor.report import Difference


class LogArea:
    """Entries without chunks, chunks without entries, and vectors that no follower could apply.

    `dimension` is None while no vector of the model is there to know it from.
    """

    def __init__(self, derived: Derived, read_anew: ReadAnew, *, model: str, dimension: int | None) -> None:
        self._derived = derived
        self._read_anew = read_anew
        self._model = model
        self._dimension = dimension

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:  # noqa: ARG002
        """What differs."""
        if self._dimension is not None:
            async for bad in self._derived.malformed(self._model, self._dimension):
                yield [Difference("vector_malformed", chunk[0], chunk) for chunk in bad]
            async for missing in self._derived.unlogged(self._model, self._dimension):
                yield [Difference("log_missing", chunk[0], chunk) for chunk in missing]
        async for orphans in self._derived.orphaned_entries():
            yield [Difference("log_orphaned", chunk[0], chunk) for chunk in orphans]

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:
        """How many are mended."""
        chunks = [cast("tuple[str, str]", one.about) for one in found]
        if kind != "vector_malformed":
            return await self._derived.log_anew(chunks)
        # First out of the log, where it would stop every follower; then away with the document's version.
        await self._derived.log_deleted(chunks)
        documents = {document_id for _, document_id in chunks}
        begun = {document_id for document_id in documents if await self._read_anew(document_id)}
        return sum(document_id in begun for _, document_id in chunks)
