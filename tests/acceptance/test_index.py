"""The vector index is lost in every way while questions are asked: each gets its reply, and it comes back."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf
from tests.support.service import children, eventually, ledger_rows, logged, serving, upload_all

#: Chroma writes all of its files only after a thousand vectors; a page here is one vector.
PAGES = 1050
SETTINGS = {
    "KOTAEMON_VECTORS__AUDIT_EVERY_S": "2",
    "KOTAEMON_VECTORS__CALL_TIMEOUT_S": "4",
    "KOTAEMON_INGEST__BATCH_PAGES": "64",
}
#: The needle and a question that shares no word with it, so that only the vectors can lead there.
NEEDLE, QUESTION = "The captain adored kittens.", "sailor who likes small cats"
#: Above all a bound for a machine that is busy; an audit every two seconds finds any damage.
NOTICED_WITHIN_S = 90.0


@dataclass
class Asker:
    """Asks all the time, in every mode, and keeps what came back."""

    url: str
    replies: list[tuple[float, int, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            while not self.over.wait(0.02):
                for path, body in (
                    ("/api/v1/search", {"query": QUESTION, "mode": "hybrid"}),
                    ("/api/v1/search", {"query": QUESTION, "mode": "vector"}),
                    ("/api/v1/answers", {"question": "What did the captain adore?"}),
                ):
                    reply = client.post(path, json=body)
                    self.replies.append((time.monotonic(), reply.status_code, reply.json()))

    def since(self, at_s: float) -> list[tuple[float, int, Any]]:
        return [reply for reply in list(self.replies) if reply[0] >= at_s]


@dataclass
class Scene:
    """A service with one long document."""

    service: Throwaway
    client: Client

    @property
    def folder(self) -> Path:
        return self.service.data_dir / "vectors"

    def metric(self, name: str) -> float:
        page = httpx.get(f"{self.service.url}/metrics", trust_env=False, timeout=60).text
        values = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(name)]
        return sum(map(float, values))

    def finds_by_vector(self) -> bool:
        found = self.client.search(QUESTION, None, 3, "vector")
        return not found["degraded"] and found["passages"][0]["text"].strip() == NEEDLE

    def child(self) -> int:
        return children(self.service, "vectors")[0]

    def condemned(self) -> int:
        return len(logged(self.service, "vector_index_condemned"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("index")
    texts = [f"Entry {n} of the harbour log." for n in range(1, PAGES)] + [NEEDLE]
    with serving(folder, model_folder, SETTINGS) as service, closing(Client(service.url)) as client:
        upload_all(service, folder, {"log.pdf": english_pdf(texts=texts)})
        yield Scene(service, client)


@pytest.fixture
def asked(scene: Scene) -> Iterator[Asker]:
    """Somebody asks throughout the test; at the end no reply may have been a 5xx."""
    if scene.service.process.poll() is not None:
        scene.service.start()
    eventually(scene.finds_by_vector)
    asker = Asker(scene.service.url)
    thread = threading.Thread(target=asker.run)
    thread.start()
    yield asker
    asker.over.set()
    thread.join()
    assert {status for _, status, _ in asker.replies} == {200}


def file_of(scene: Scene, name: str) -> Path:
    return next(scene.folder.rglob(name))


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(os.urandom(path.stat().st_size // 3))


def names_vectors(reply: Any) -> bool:
    reasons = reply.get("degraded") if isinstance(reply.get("degraded"), list) else reply.get("reasons")
    return any(reason["component"] == "vectors" for reason in reasons)


def lose(scene: Scene, asked: Asker, damage: Callable[[], None]) -> float:
    """How many seconds after the damage a reply first said that vectors are missing; they are back by now."""
    began_s = time.monotonic()
    damage()

    def degraded() -> list[float]:
        return [at_s for at_s, _, body in asked.since(began_s) if names_vectors(body)]

    first_s = eventually(degraded, within_s=NOTICED_WITHIN_S)[0]
    eventually(scene.finds_by_vector, every_s=0.1)
    return first_s - began_s


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("chroma.sqlite3", truncate),
        ("chroma.sqlite3", flip),
        ("data_level0.bin", Path.unlink),
        ("data_level0.bin", scribble),
        ("link_lists.bin", truncate),
        ("index_metadata.pickle", flip),
        ("header.bin", flip),
        ("length.bin", truncate),
        (".", shutil.rmtree),
    ],
)
def test_a_damaged_index_is_rebuilt_while_questions_are_answered(
    scene: Scene, asked: Asker, name: str, damage: Callable[[Path], None]
) -> None:
    embedded, rebuilt = scene.metric("kotaemon_ingest_pages_total"), scene.condemned()
    path = scene.folder if name == "." else file_of(scene, name)
    assert lose(scene, asked, lambda: damage(path)) < NOTICED_WITHIN_S
    assert scene.condemned() == rebuilt + 1
    finished = eventually(lambda: logged(scene.service, "vector_rebuild_finished"))
    assert finished[-1]["entries"] == PAGES
    assert scene.metric("kotaemon_ingest_pages_total") == embedded


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_child_that_dies_or_hangs_costs_no_rebuild(scene: Scene, asked: Asker, number: int) -> None:
    child, rebuilt = scene.child(), scene.condemned()
    assert lose(scene, asked, lambda: os.kill(child, number)) < NOTICED_WITHIN_S
    eventually(lambda: child not in children(scene.service, "vectors"))
    assert scene.condemned() == rebuilt


def test_health_and_metrics_show_a_rebuild(scene: Scene, asked: Asker) -> None:
    rebuilds = scene.metric("kotaemon_vector_rebuilds_total")
    seen: list[Any] = []

    def look() -> bool:
        report = httpx.get(f"{scene.service.url}/healthz", trust_env=False, timeout=60)
        assert report.status_code == 200
        seen.append(report.json()["components"]["vectors"])
        is_whole = (seen[-1]["status"], seen[-1].get("count"), seen[-1].get("behind")) == ("ok", PAGES, 0)
        return is_whole and scene.metric("kotaemon_vector_rebuilds_total") == rebuilds + 1

    shutil.rmtree(scene.folder)
    eventually(look, every_s=0.005)
    codes = {found.get("code") for found in seen}
    assert codes - {None} and codes <= {None, "vectors_unavailable", "vectors_rebuilding"}
    assert all(0 <= found["rebuilding"]["done"] <= PAGES for found in seen if "rebuilding" in found)
    assert scene.metric("kotaemon_vector_rebuild_ratio") == 1


@pytest.mark.parametrize(
    ("end", "name", "damage"),
    [
        (Throwaway.stop, "link_lists.bin", flip),
        (Throwaway.kill, "data_level0.bin", scribble),
        (Throwaway.kill, "chroma.sqlite3", truncate),
    ],
)
def test_an_index_damaged_while_the_service_is_down_is_rebuilt_after_its_start(
    scene: Scene,
    tmp_path: Path,
    end: Callable[[Throwaway], object],
    name: str,
    damage: Callable[[Path], None],
) -> None:
    eventually(scene.finds_by_vector)
    condemned = scene.condemned()
    end(scene.service)
    chunks = ledger_rows(scene.service, tmp_path / "before", "SELECT id, hex(vector) FROM chunks")
    damage(scene.folder if name == "." else file_of(scene, name))
    scene.service.start()
    eventually(lambda: scene.condemned() == condemned + 1, every_s=0.1)
    eventually(scene.finds_by_vector)
    assert ledger_rows(scene.service, tmp_path / "after", "SELECT id, hex(vector) FROM chunks") == chunks
