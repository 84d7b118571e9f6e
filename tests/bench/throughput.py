"""How much faster the embedder alone is than a service around it, in turns over the same texts.

A round of documents goes through the service, then its texts through the embedder while the service has
nothing to do: a neighbour on the machine slows both, and CPU seconds stand beside those on the clock.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import httpx

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.domain.model import FINAL_STATUSES
from tests.bench.embedder_alone import EmbedderAlone, Spent
from tests.bench.figures import Lag, cpu_s, lag_figures, lag_of
from tests.bench.memory import Watch
from tests.bench.pages import File

INGEST_LIMIT_S: Final = 900.0
#: The measuring takes its share of the same cores, so it is done sparingly.
POLL_S: Final = 0.5
MEMORY_SELDOM_S: Final = 10.0
_PASSAGES_AT_ONCE: Final = 200
#: A service that takes less of a core over so long has nothing more to do; overviews follow the documents.
IDLE_CORES: Final = 0.1
IDLE_OVER_S: Final = 2.0
IDLE_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """What the service took for so many pages and passages, and the embedder for the same texts."""

    documents: int
    ready: int
    pages: int
    chunks: int
    service: Spent
    alone: Spent


class Throughput:
    """Rounds of documents through one service, with how late its loop was and its most memory."""

    def __init__(self, service: Throwaway) -> None:
        self._service = service
        self._lags: list[tuple[Lag, Lag]] = []
        self.rounds: list[Round] = []
        self.memory = Watch(service.process.pid, MEMORY_SELDOM_S)

    def round(self, files: Sequence[File], alone: EmbedderAlone) -> None:
        """Measure one round."""
        pid = self._service.process.pid
        with closing(Client(self._service.url)) as client:
            lag, spent_s = lag_of(self._service), cpu_s(pid)
            with self.memory.running():
                documents, clock_s = ingested(client, files)
            service = Spent(clock_s, cpu_s(pid) - spent_s)
            self._lags.append((lag, lag_of(self._service)))
        texts = self._texts(documents)
        until_idle(pid)
        self.rounds.append(
            Round(
                len(files),
                sum(one["status"] == "ready" for one in documents),
                sum(one.pages for one in files),
                len(texts),
                service,
                alone.embed(texts),
            )
        )

    def lag(self) -> dict[str, float]:
        """Return quantiles of the loop's lag during all rounds."""
        bounds = self._lags[0][1]
        sums = [{bound: sum(pair[end][bound] for pair in self._lags) for bound in bounds} for end in (0, 1)]
        return lag_figures(*sums)

    def _texts(self, documents: Sequence[Json]) -> list[str]:
        """Return the texts of all passages, document by document."""
        with httpx.Client(base_url=self._service.url, timeout=60, trust_env=False) as http:
            return [text for one in documents for text in _texts_of(http, one["id"])]


def _texts_of(http: httpx.Client, document_id: str) -> list[str]:
    found: list[str] = []
    query = {"limit": str(_PASSAGES_AT_ONCE)}
    while True:
        page = http.get(f"/api/v1/documents/{document_id}/passages", params=query).raise_for_status().json()
        found += [str(one["text"]) for one in page["items"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def until_idle(pid: int) -> None:
    """Return when the processes do nothing more, or the longest time for it is over."""
    ends_at_s = time.monotonic() + IDLE_LIMIT_S
    while time.monotonic() < ends_at_s:
        before_s = cpu_s(pid)
        time.sleep(IDLE_OVER_S)
        if cpu_s(pid) - before_s < IDLE_CORES * IDLE_OVER_S:
            return


def ingested(client: Client, files: Sequence[File], collection: str = "bench") -> tuple[list[Json], float]:
    """Return the documents in their final states, and the time from the first upload to the last `ready`."""
    began_at_s, began_s = time.time(), time.monotonic()
    ids = [client.upload(one.path, collection)["id"] for one in files]
    ended: list[Json] = []
    for document_id in ids:
        document = client.document(document_id)
        while document["status"] not in FINAL_STATUSES:
            if time.monotonic() - began_s > INGEST_LIMIT_S:
                raise TimeoutError(f"{document['name']} is still {document['status']} ({document['stage']}).")
            time.sleep(POLL_S)
            document = client.document(document_id)
        ended.append(document)
    ready_at_s = [datetime.fromisoformat(one["ready_at"]).timestamp() for one in ended if one["ready_at"]]
    return ended, max(ready_at_s, default=time.time()) - began_at_s


def ratio_figures(rounds: Sequence[Round]) -> Json:
    """Return rates over all rounds, and the part of the embedder's speed, least and most of a round."""
    clock_s = sum(one.service.clock_s for one in rounds)
    alone_s = sum(one.alone.clock_s for one in rounds)
    spent_s = sum(one.service.cpu_s for one in rounds)
    each = [one.alone.clock_s / one.service.clock_s for one in rounds]
    chunks = sum(one.chunks for one in rounds)
    return {
        "pages_per_s": round(sum(one.pages for one in rounds) / clock_s, 1),
        "end_to_end_chunks_per_s": round(chunks / clock_s, 1),
        "embedder_alone_chunks_per_s": round(chunks / alone_s, 1),
        "ratio": round(alone_s / clock_s, 3),
        "ratio_least": round(min(each), 3),
        "ratio_most": round(max(each), 3),
        "ratio_noise": round((max(each) - min(each)) / 2 / len(rounds) ** 0.5 * clock_s / alone_s, 3),
        "cpu_ratio": round(sum(one.alone.cpu_s for one in rounds) / spent_s, 3),
        "cpu_ms_a_chunk": round(1000 * spent_s / chunks, 2),
    }
