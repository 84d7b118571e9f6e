"""Reports how documents became ready."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loguru import logger

from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.vector_log import LogEntry
from kotaemon_async.telemetry.traces import caused_by, continue_from, past_span, span

#: Documents whose way through the index is remembered; of the others only the end is reported.
_MOST_ON_THE_WAY: Final = 1000


@dataclass(frozen=True, slots=True)
class _Way:
    """Since when a document's entries were applied to the index, and how many."""

    began_s: float
    entries: int


class ReadyNews:
    """Reports, under the trace that began with its upload, how a document went through the index."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self._ways: dict[str, _Way] = {}

    def applied(self, entries: Sequence[LogEntry], began_s: float) -> None:
        """Note whose entries are in the index now."""
        for entry in entries:
            way = self._ways.setdefault(entry.document_id, _Way(began_s, 0))
            self._ways[entry.document_id] = replace(way, entries=way.entries + 1)
        while len(self._ways) > _MOST_ON_THE_WAY:
            del self._ways[next(iter(self._ways))]

    async def ready(self, document_ids: list[str]) -> None:
        """Write one span and one log line for each document; one that was deleted meanwhile has none."""
        ways = {document_id: self._ways.pop(document_id, None) for document_id in document_ids}
        for document in await self._ledger.documents.several(document_ids):
            document_id, way = document.id, ways[document.id]
            ready_s = document.ready_at_s or self._clock()
            with continue_from(document.traceparent), caused_by(document.user_id):
                if way is not None:
                    past_span("index", way.began_s, ready_s, doc_id=document_id, entries=way.entries)
                with span("ready", doc_id=document_id):
                    waited_s = round(ready_s - document.created_at_s, 3)
                    logger.bind(doc_id=document_id, duration_s=waited_s).info("document_ready")
