"""How soon an upload is found, and how long a search takes, alone and while documents are read."""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.domain.text import is_mostly_cjk
from tests.bench.figures import timed
from tests.bench.pages import File, Source, texts, written
from tests.bench.scale_fill import Questions

UPLOADS: Final = 30
LONG_PAGES: Final = 500
#: One of these has to be found.
FIRST_PAGES: Final = 8
SEARCHES: Final = 120
SEARCH_EVERY_S: Final = 0.2
LOOK_EVERY_S: Final = 0.1
#: So long the long PDF has the service for itself, if it is not found sooner.
ALONE_S: Final = 10.0
FOUND_LIMIT_S: Final = 120.0
_WORDS: Final = 16
_LETTERS: Final = 20


class Lookout:
    """Uploads a file, and says when its first pages are found by their own words, in each way."""

    def __init__(self, client: Client, path: Path, text: str, collection: str) -> None:
        self._client, self._collection = client, collection
        self._query = own_words(text)
        self._began_s = time.monotonic()
        self.found_s: dict[str, float] = {}
        self.document_id = str(client.upload(path, collection)["id"])

    @property
    def is_over(self) -> bool:
        return len(self.found_s) == 2

    def look(self) -> None:
        """Look once in each way that has not found it yet."""
        for mode in {"keyword", "vector"} - self.found_s.keys():
            passages = self._client.search(self._query, self._collection, 10, mode)["passages"]
            if any(one["document_id"] == self.document_id and one["page"] <= FIRST_PAGES for one in passages):
                self.found_s[mode] = time.monotonic() - self._began_s

    def look_for(self, limit_s: float) -> None:
        """Look again and again until it is found in both ways, or the time since the upload is over."""
        while not self.is_over and time.monotonic() < self._began_s + limit_s:
            self.look()
            time.sleep(LOOK_EVERY_S)


class Latency:
    """A service that has read many pages, and what its callers wait for."""

    def __init__(
        self, service: Throwaway, sources: Sequence[Source], questions: Questions, folder: Path
    ) -> None:
        self._service, self._client = service, Client(service.url)
        self._folder = folder
        self._texts = texts(sources, random.Random(7))
        self._questions = questions

    def uploads_s(self, count: int = UPLOADS) -> list[float]:
        """Return for one-page documents, one after another, the time until each is found in both ways."""
        found_s: list[float] = []
        for number in range(count):
            lookout = self._upload(f"single-{number}", [next(self._texts)])
            lookout.look_for(FOUND_LIMIT_S)
            found_s.append(max(lookout.found_s.values(), default=FOUND_LIMIT_S))
        return found_s

    def searches_s(self, count: int) -> list[float]:
        """Return the times of so many different questions to everything."""
        return [timed(self._search) for _ in range(count)]

    def while_reading(
        self, more: Sequence[File], count: int = SEARCHES
    ) -> tuple[dict[str, float], list[float]]:
        """Return when a long PDF's first pages are found, and times of searches beside it and more files.

        What has not been read at the end is deleted.
        """
        long = self._upload("long", [next(self._texts) for _ in range(LONG_PAGES)])
        long.look_for(ALONE_S)
        ids = [long.document_id, *(self._client.upload(one.path, "bench")["id"] for one in more)]
        seconds: list[float] = []
        while len(seconds) < count:
            time.sleep(SEARCH_EVERY_S)
            seconds.append(timed(self._search))
            long.look()
        long.look_for(FOUND_LIMIT_S)
        self._delete(ids)
        return {mode: round(found_s, 2) for mode, found_s in long.found_s.items()}, seconds

    def _upload(self, name: str, pages: Sequence[str]) -> Lookout:
        path = written(pages, self._folder / f"{name}.pdf")
        return Lookout(self._client, path, pages[0], name.split("-", maxsplit=1)[0])

    def _search(self) -> Json:
        return self._client.search(self._questions.next(), None, 10, "hybrid")

    def _delete(self, ids: Sequence[str]) -> None:
        """Delete documents, and return when the vector index knows it."""
        with httpx.Client(base_url=self._service.url, timeout=60, trust_env=False) as http:
            for one in ids:
                http.delete(f"/api/v1/documents/{one}").raise_for_status()
        while self._client.health()[1]["components"]["vectors"].get("behind"):
            time.sleep(LOOK_EVERY_S)


def own_words(text: str) -> str:
    """Return some words that stand together near the beginning of a text, or letters of a Chinese one."""
    if is_mostly_cjk(text):
        joined = "".join(text.split())
        return joined[_LETTERS : 2 * _LETTERS] or joined
    words = text.split()
    return " ".join(words[_WORDS : 2 * _WORDS] or words)
