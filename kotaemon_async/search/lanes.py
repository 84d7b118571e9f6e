"""The two lanes of a search, vectors and keywords: each has its own deadline and reports why it was lost."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Reason, Scope
from kotaemon_async.resilience.breaker import Breaker
from kotaemon_async.telemetry import traces

Hits = list[tuple[str, float]]

#: How much more is asked for where languages share a space, so that the farther one gets its part.
_WIDER: Final = 4
_LEAST_SHARE: Final = 0.2
#: How much more is asked for when too many hits were not searchable, and at most.
_ASK_MORE: Final = 4
#: From so many collections on they may hold most of the index.
_MANY_COLLECTIONS: Final = 8
#: So may so many documents.
_MANY_DOCUMENTS: Final = 200
_MOST_ASKED: Final = 16
#: The part of its time that a lane gives to the embedder, so that a slow one is not the index's fault.
_EMBEDDER_SHARE: Final = 0.75


class KeywordSearch(Protocol):
    """Finds by words."""

    async def search(self, query: str, scope: Scope, limit: int, *, as_typed: bool = False) -> Hits: ...


class VectorSearch(Protocol):
    """Finds by vector, in any scope at the same cost while `is_exact`."""

    @property
    def is_exact(self) -> bool: ...
    async def search(self, vector: Any, *, limit: int, scope: Scope) -> Hits: ...


class VectorStatus(Protocol):
    """What is known of the vector index without asking it."""

    @property
    def outage(self) -> str | None: ...
    @property
    def era(self) -> object: ...
    @property
    def is_partial(self) -> bool: ...


class QueryEmbedder(Protocol):
    """Turns a question into a vector; `calibrated` says that weights are made for its similarities."""

    @property
    def calibrated(self) -> bool: ...
    async def embed_query(self, text: str) -> Any: ...


class SearchedSpace(Protocol):
    """A model, the index of its vectors, and what is known of that without asking it."""

    @property
    def embedder(self) -> QueryEmbedder: ...
    @property
    def vectors(self) -> VectorSearch: ...
    @property
    def status(self) -> VectorStatus: ...


class SearchableChunks(Protocol):
    """The part of the ledger that knows which chunks may be found."""

    async def searchable(self, chunk_ids: Sequence[str], scope: Scope) -> Mapping[str, bool]:
        """Return those that may be found in the scope, and whether each is written in CJK."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """What one lane found in one search, or why nothing; `calibrated` as the model that found it is."""

    hits: Hits
    lost: Reason | None = None
    calibrated: bool = False


class _LostError(Exception):
    """The lane ends here."""

    def __init__(self, component: str, code: str) -> None:
        self.lane = Lane([], Reason(component, code))


class KeywordLane:
    """Finds by words."""

    def __init__(self, keywords: KeywordSearch, *, timeout_s: float) -> None:
        self._keywords = keywords
        self._timeout_s = timeout_s

    async def find(self, query: str, scope: Scope, limit: int, *, as_typed: bool = False) -> Lane:
        """Return the hits, best first, or why there are none."""
        try:
            with _lost_by("keywords"), traces.child_span("keywords"), anyio.fail_after(self._timeout_s):
                return Lane(await self._keywords.search(query, scope, limit, as_typed=as_typed))
        except _LostError as error:
            return error.lane


class VectorLane:
    """Finds by vector; embedder and index have a breaker each, and neither is blamed for the other.

    `space` is asked once for each search, so that its question is embedded by the index's own model.
    """

    def __init__(
        self,
        *,
        space: Callable[[], SearchedSpace],
        documents: SearchableChunks,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._space = space
        self._documents = documents
        self._timeout_s = timeout_s
        self._era = space().status.era
        self.embedder_breaker = Breaker("embedder", clock=clock)
        self.vectors_breaker = Breaker("vectors", clock=clock)

    async def find(self, query: str, scope: Scope, limit: int) -> Lane:
        """Return the hits, best first, or why there are none."""
        space = self._space()
        status, era = space.status, self._present_era(space.status)
        ends_at_s = anyio.current_time() + self._timeout_s
        try:
            self._check_index(status)
            vector = await self._embedded(space, query)
            hits = await self._searchable(space, vector, scope, limit, ends_at_s)
            lane = Lane(hits, calibrated=space.embedder.calibrated)
        except _LostError as error:
            lane = error.lane
        if status.outage == "vectors_rebuilding" or status.era != era:
            # Another index may have answered, that does not hold everything yet.
            return Lane([], lane.lost or Reason("vectors", "vectors_rebuilding"))
        return lane

    def _present_era(self, status: VectorStatus) -> object:
        if (era := status.era) != self._era:
            self._era = era
            self.vectors_breaker.reset()
        return era

    def _check_index(self, status: VectorStatus) -> None:
        """Raise _LostError before anything is embedded for an index that is away."""
        code = status.outage
        if code is not None or self.vectors_breaker.state == "open":
            raise _LostError("vectors", code or "vectors_unavailable")

    async def _embedded(self, space: SearchedSpace, query: str) -> Any:
        if not self.embedder_breaker.allow():
            raise _LostError("embedder", "embedder_unavailable")
        with (
            _lost_by("embedder"),
            traces.child_span("embed query"),
            self.embedder_breaker.watching(),
            anyio.fail_after(self._timeout_s * _EMBEDDER_SHARE),
        ):
            return await space.embedder.embed_query(query)

    async def _searchable(
        self, space: SearchedSpace, vector: Any, scope: Scope, limit: int, ends_at_s: float
    ) -> Hits:
        """Return the nearest `limit` hits that may be found, and more if they leave a language out.

        The index also holds what is not searchable yet, while a document is read anew, or no more, and for
        a while where a document stood before it was moved.
        """
        asked = limit * (_WIDER if space.embedder.calibrated else 1)
        is_wide = (
            len(scope.collections or ()) > _MANY_COLLECTIONS or len(scope.document_ids) > _MANY_DOCUMENTS
        )
        if is_wide and not space.vectors.is_exact:
            # Where most of what is near lies in the scope, not to filter takes a tenth of the time.
            wider = asked * _ASK_MORE
            hits = await self._nearest(space, vector, Scope(), wider, ends_at_s)
            kept, known = await self._kept(hits, scope, ends_at_s)
            if len(kept) >= asked or len(hits) < wider:
                return shared(kept[:asked], known, limit)
        while True:
            hits = await self._nearest(space, vector, scope, asked, ends_at_s)
            kept, known = await self._kept(hits, scope, ends_at_s)
            if len(kept) >= limit or len(hits) < asked or asked >= _MOST_ASKED * limit:
                return shared(kept, known, limit)
            asked *= _ASK_MORE

    async def _kept(self, hits: Hits, scope: Scope, ends_at_s: float) -> tuple[Hits, Mapping[str, bool]]:
        """Return the hits that may be found in the scope, and whether each is written in CJK."""
        try:
            with _until(ends_at_s):
                known = await self._documents.searchable([key for key, _ in hits], scope)
        except (Unavailable, TimeoutError):
            # Reading the passages will fail as well, and that is no fault of this lane.
            known = {key: False for key, _ in hits}
        return [hit for hit in hits if hit[0] in known], known

    async def _nearest(
        self, space: SearchedSpace, vector: Any, scope: Scope, limit: int, ends_at_s: float
    ) -> Hits:
        status, era = space.status, space.status.era
        if not self.vectors_breaker.allow():
            raise _LostError("vectors", "vectors_unavailable")
        # What is known to be away will be known when it is back, too.
        excused = self.vectors_breaker.watching(lambda: status.outage is not None or status.era != era)
        with _lost_by("vectors"), excused, _until(ends_at_s):
            return await space.vectors.search(vector, limit=limit, scope=scope)


def shared(hits: Hits, is_cjk: Mapping[str, bool], limit: int) -> Hits:
    """Return the first hits, and further ones in whichever language has less than a fifth of them.

    In a large collection the passages of one language, nearer to a question in it for that alone, would
    otherwise be all that is looked at.
    """
    first, rest = hits[:limit], hits[limit:]
    for kind in (True, False):
        missing = int(limit * _LEAST_SHARE) - sum(is_cjk[key] is kind for key, _ in first)
        first = [*first, *[hit for hit in rest if is_cjk[hit[0]] is kind][: max(0, missing)]]
    return first


@contextmanager
def _lost_by(component: str) -> Iterator[None]:
    """Raise _LostError for what fails in the block."""
    try:
        yield
    except (Unavailable, TimeoutError) as error:
        code = error.code if isinstance(error, Unavailable) else "timeout"
        logger.bind(component=component, code=code).warning("search_lane_lost")
        raise _LostError(component, code) from error


@contextmanager
def _until(at_s: float) -> Iterator[None]:
    """Raise TimeoutError when the block has not ended by then."""
    with anyio.fail_after(max(0.0, at_s - anyio.current_time())):
        yield
