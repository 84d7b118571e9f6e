"""Documents compared with their contents, and read anew where those are not whole."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, cast

from anyio import to_thread

from kotaemon_async.documents.chunking import CHUNKING_VERSION, Chunker
from kotaemon_async.domain.model import Chunk, Page, Place
from kotaemon_async.operations.doctor.examination import Cut, DocumentState, Examination
from kotaemon_async.operations.doctor.report import Difference

#: Nobody waits or works this long without a sign: such a time comes from a clock that was wrong.
LONGEST_WAIT_S: Final = 86_400.0

#: Has the document of an id read anew; False when its file cannot be read.
ReadAnew = Callable[[str], Awaitable[bool]]


class DocumentArea:
    """Versions, pages, chunks, counters and leases."""

    def __init__(
        self, examination: Examination, read_anew: ReadAnew, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._examination = examination
        self._read_anew = read_anew
        self._clock = clock

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:
        """Return what differs; `deep` compares every chunk with its page."""
        async for strays in self._examination.strays():
            yield [
                Difference("stray_contents", f"{document_id}.{version}", (document_id, version))
                for document_id, version in strays
            ]
        async for states in self._examination.states():
            kinds = [(state, await self._kind(state, deep=deep)) for state in states]
            yield [Difference(kind, state.id, state) for state, kind in kinds if kind is not None]

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:
        """Mend them and return how many are mended."""
        return sum([await self._mend_one(kind, one.about) for one in found])

    async def _mend_one(self, kind: str, about: object) -> bool:
        if kind == "stray_contents":
            return await self._examination.remove_stray(*cast("tuple[str, int]", about))
        state = cast("DocumentState", about)
        if kind == "document_stuck":
            return await self._examination.release(state, self._clock())
        if kind == "counters_differ":
            return await self._examination.correct_counters(state, self._clock())
        return await self._examination.is_unchanged(state) and await self._read_anew(state.id)

    async def _kind(self, state: DocumentState, *, deep: bool) -> str | None:
        kind = fault_of(state, self._clock())
        if kind == "counters_differ" and state.chunks_done != state.chunks_found:
            # Who is right, the counter or the rows? The pages know.
            are_missing = state.chunks_done > state.chunks_found
            as_cut = await self._is_as_cut(state, otherwise=not are_missing)
            return kind if as_cut else "document_incomplete"
        if kind is None and deep and state.is_complete and not await self._is_as_cut(state, otherwise=True):
            return "document_incomplete"
        return kind

    async def _is_as_cut(self, state: DocumentState, *, otherwise: bool) -> bool:
        """Tell whether the pages give these chunks; `otherwise` when another release cut them."""
        if state.recipe != str(CHUNKING_VERSION):
            return otherwise
        chunker, unmatched = Chunker(), list[Cut]()
        async for pages, cuts in self._examination.pages(state):
            unmatched += cuts
            wanted = await to_thread.run_sync(_cuts, chunker, pages)
            if unmatched[: len(wanted)] != wanted:
                return False
            del unmatched[: len(wanted)]
        return unmatched == _as_rows(chunker.finish())


def fault_of(state: DocumentState, now_s: float) -> str | None:
    """Return the first kind of difference of a document, as far as its row and counts tell."""
    if _is_stuck(state, now_s + LONGEST_WAIT_S):
        return "document_stuck"
    if state.status in ("failed", "cancelled"):
        return "counters_differ" if state.pages_done or state.chunks_done else None
    in_order = state.pages_wanted == state.pages_found == state.pages_in_order
    if not in_order or (state.is_complete and not state.chunks_found):
        return "document_incomplete"
    if state.pages_done != state.pages_found or state.chunks_done != state.chunks_found:
        return "counters_differ"
    if state.status == "processing" and (state.lease_until or now_s) < now_s:
        return "lease_over"
    return None


def _is_stuck(state: DocumentState, latest_s: float) -> bool:
    if state.status == "queued":
        return (state.waiting_until or 0) > latest_s
    if state.is_complete:
        return bool(state.waits_for_nothing)
    if state.status != "processing":
        return False
    return state.stage is None or state.lease_until is None or state.lease_until > latest_s


def _cuts(chunker: Chunker, pages: Sequence[Page]) -> list[Cut]:
    return _as_rows([chunk for page in pages for chunk in chunker.feed(page)])


def _as_rows(chunks: Sequence[Chunk]) -> list[Cut]:
    return [(one.page, one.ordinal, one.start, one.end, *_further(one.over)) for one in chunks]


def _further(over: Place | None) -> tuple[int | None, int | None]:
    return (None, None) if over is None else (over.start, over.stop)
