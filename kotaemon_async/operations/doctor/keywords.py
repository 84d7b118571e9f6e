"""The keyword index compared with the chunks, and filled from the page texts."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, cast

from anyio import to_thread

from kotaemon_async.domain.text import segment, terms
from kotaemon_async.operations.doctor.derived import ChunkText, Derived
from kotaemon_async.operations.doctor.report import Difference

#: Chunks that are searched by their own words, without and with a deep look.
SAMPLE: Final = 32
DEEP_SAMPLE: Final = 1_000
PHRASE_TERMS: Final = 8
#: Chunks whose index terms are written in one transaction.
BATCH: Final = 200


class KeywordArea:
    """One keyword row for each chunk, with the chunk's own words in it."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:
        """What differs; the index cannot be read back, so a sample of chunks is searched for.

        Mending damage empties the index, so what is missing then is found after it.
        """
        yield [Difference("keywords_damaged", message) for message in await self._derived.keyword_damage()]
        rows = await self._derived.sample(DEEP_SAMPLE if deep else SAMPLE)
        for batch in _batches(rows):
            lost = await self._derived.not_found(await self._phrases(batch))
            yield [Difference("keywords_wrong", chunk.id) for chunk in lost]
        async for missing in self._derived.without_keywords():
            yield [Difference("keywords_missing", chunk_id, row) for row, chunk_id in missing]
        async for orphans in self._derived.keywords_without_chunk():
            yield [Difference("keywords_orphaned", str(row), row) for (row,) in orphans]

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:
        """How many are mended."""
        if kind in ("keywords_damaged", "keywords_wrong"):
            await self._derived.empty_keywords()
            return len(found)
        rows = [cast("int", one.about) for one in found]
        change = self._derived.remove_keywords if kind == "keywords_orphaned" else self._fill
        return sum([await change(batch) for batch in _batches(rows)])

    async def _fill(self, rows: Sequence[int]) -> int:
        chunks = await self._derived.texts(rows)
        filled = await to_thread.run_sync(lambda: [(chunk, segment(chunk.text)) for chunk in chunks])
        return await self._derived.add_keywords(filled)

    async def _phrases(self, rows: Sequence[int]) -> list[tuple[ChunkText, str]]:
        """The first index terms of each chunk that has any."""
        chunks = await self._derived.texts(rows)
        begun = await to_thread.run_sync(lambda: [terms(chunk.text)[:PHRASE_TERMS] for chunk in chunks])
        return [(chunk, " ".join(words)) for chunk, words in zip(chunks, begun, strict=True) if words]


def _batches(rows: Sequence[int]) -> list[Sequence[int]]:
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
