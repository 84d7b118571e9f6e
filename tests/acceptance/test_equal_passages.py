"""One long text of equal passages: all other documents are still found by their vectors, in every scope."""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import numpy as np
import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.documents.ingest import RECIPE
from kotaemon_async.domain.index_terms import segment
from kotaemon_async.domain.model import Chunk, Page
from kotaemon_async.stores.claims import Batch
from kotaemon_async.stores.ledger import FILE, Ledger
from tests.support.ledger import new_document, run_sql
from tests.support.service import eventually, serving, upload_all

WORDS = ("river", "mountain", "engine", "bakery", "violin", "treaty", "glacier", "harbour")
#: So many equal vectors are each other's only neighbours in Chroma's graph: from them no way leads elsewhere.
EQUAL, A_PAGE = 2600, 50
LINE = "The maintenance log of station seven lists every check. "


def sentence(number: int) -> str:
    first, second, third, last = random.Random(number).sample(WORDS, 4)
    return f"The {first} of the {second} was described in {1800 + number}, with a {third} and its {last}."


async def add_equal_passages(folder: Path) -> None:
    """Put a long document into the ledger of a stopped service, as reading it would have."""
    [(vector, model)] = run_sql(
        folder / FILE,
        "SELECT c.vector, c.model FROM chunks AS c JOIN documents AS d ON d.id = c.document_id"
        " WHERE d.collection = 'log'",
    )
    assert isinstance(vector, bytes)
    ledger = await Ledger.open(folder / FILE)
    await ledger.documents.accept(new_document("doc_log", collection="log"), time.time())
    claim = await ledger.claims.claim("doc_log", "me", time.time(), 600.0, recipe=RECIPE)
    assert claim is not None
    size, places = len(LINE), [divmod(n, A_PAGE) for n in range(EQUAL)]
    pages = [Page(1 + number, LINE * A_PAGE) for number in range(EQUAL // A_PAGE)]
    chunks = [Chunk(1 + page, at, size * at, size * (at + 1), LINE) for page, at in places]
    vectors = np.tile(np.frombuffer(vector, np.float16).astype(np.float32), (EQUAL, 1))
    batch = Batch(pages, chunks, vectors, [segment(LINE)] * EQUAL, len(pages), str(model))
    await ledger.claims.commit_batch(claim, batch, time.time())
    await ledger.claims.to_indexing(claim, time.time())
    await ledger.aclose()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Client]:
    """Ten documents of a line each in their own collections, and the long one."""
    folder = tmp_path_factory.mktemp("equal")
    with serving(folder, model_folder) as service:
        upload_all(service, folder, {"seed.txt": LINE.encode()}, "log")
        for number in range(10):
            upload_all(service, folder, {f"{number}.txt": sentence(number).encode()}, f"small{number}")
        service.stop()
        anyio.run(add_equal_passages, service.data_dir)
        service.start()
        with closing(Client(service.url)) as opened:
            eventually(lambda: vectors_of(opened).get("count") == EQUAL + 11, within_s=120)
            yield opened


def vectors_of(client: Client) -> dict[str, object]:
    found: dict[str, object] = client.health()[1]["components"]["vectors"]
    return found


@pytest.mark.parametrize("is_own", [True, False], ids=["in its collection", "among everything"])
def test_each_document_is_the_first_for_its_own_words(client: Client, is_own: bool) -> None:
    for number in range(10):
        found = client.search(sentence(number), f"small{number}" if is_own else None, 3, "vector")
        assert (found["degraded"], found["passages"][0]["text"].strip()) == ([], sentence(number))


def test_health_says_what_the_graph_alone_would_find(client: Client) -> None:
    eventually(lambda: vectors_of(client)["graph_recall"] is not None)
    found = vectors_of(client)
    assert (found["exact"], 0 <= float(str(found["graph_recall"])) <= 1) == (True, True)
