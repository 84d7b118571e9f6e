"""A disk that fills up, a ledger that cannot be written: said, waited for, nothing lost, nothing frozen."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.invariants import Expected, violations
from tests.support.service import SLOW, Start, book, eventually, logged, ready

MB = 1_000_000
FLOOR_BYTES = 24 * MB
ENV = {
    **SLOW,
    "KOTAEMON_INGEST__CONCURRENCY": "2",
    "KOTAEMON_DISK__FLOOR_BYTES": str(FLOOR_BYTES),
    "KOTAEMON_DISK__FLOOR_RATIO": "0.9",
}
#: From some upload on the ledger finds no room for twenty changes.
LEDGER_BROKEN = ",".join(f"sqlite.before_commit:{n}:enospc" for n in range(30, 50))
#: A loop that waited for the disk would be silent for as long as the disk is full, some seconds each time.
FROZEN_S = 3
READY = Expected(frozenset({"ready"}))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 96 MB; requested before the service, so that it outlives it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Filler:
    """A file that takes the room on a disk."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "filler"

    def leave(self, free_bytes: int) -> None:
        """At most so much is free now, whatever the service writes meanwhile."""
        with self._path.open("ab") as file:
            step = MB
            while (more := shutil.disk_usage(self._path.parent).free - free_bytes) > 0:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), min(step, more))
                except OSError:
                    step = max(4096, step // 2)

    def remove(self) -> None:
        self._path.unlink()


class Visitor:
    """Asks the service for what must work all the time, and remembers what it said and how long it took."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self.statuses: dict[str, set[int]] = {}
        self.slowest_livez_s = 0.0

    def visit(self) -> None:
        question = {"question": "Who wound the clock?", "collection": "read"}
        asked = [
            ("search", self._http.post("/api/v1/search", json={"query": "clock", "collection": "read"})),
            ("answers", self._http.post("/api/v1/answers", json=question)),
            ("list", self._http.get("/api/v1/documents")),
        ]
        for name, reply in asked:
            self.statuses.setdefault(name, set()).add(reply.status_code)
        began_s = time.monotonic()
        self.statuses.setdefault("livez", set()).add(self._http.get("/livez").status_code)
        self.slowest_livez_s = max(self.slowest_livez_s, time.monotonic() - began_s)

    @contextmanager
    def visiting(self) -> Iterator["Visitor"]:
        """Visits again and again during the block."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(0.05):
                self.visit()

        thread = threading.Thread(target=run, name="visitor")
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()
            self._http.close()


def upload(url: str, path: Path) -> httpx.Response:
    with path.open("rb") as file:
        return httpx.post(f"{url}/api/v1/documents", files={"file": file}, trust_env=False, timeout=60)


class Reader:
    """Documents that are being read, as the API shows them."""

    def __init__(self, client: Client, document_ids: list[str]) -> None:
        self._client, self._ids = client, document_ids

    def documents(self) -> list[Json]:
        return [self._client.document(one) for one in self._ids]

    def pages_done(self) -> int:
        return sum(one["progress"]["pages_done"] for one in self.documents())

    def waits(self) -> list[object]:
        """What those wait for that are not read to their end."""
        return [
            one["waiting_for"]
            for one in self.documents()
            if one["status"] != "ready" and one["stage"] != "indexing"
        ]

    def is_given_back(self) -> bool:
        """No worker holds any of them."""
        return all(
            one["status"] in {"queued", "ready"} or one["stage"] == "indexing" for one in self.documents()
        )


class Scene:
    """A service on a small disk that reads three documents and has read one."""

    def __init__(self, service: Throwaway, client: Client, disk: Path, folder: Path) -> None:
        self.service, self.client, self.filler, self._folder = service, client, Filler(disk), folder
        self.read = client.upload(write(folder, "read.pdf", english_pdf()), "read")["id"]
        ready(client, self.read)
        self.running = [client.upload(book(folder, f"book {n}", 30), "default")["id"] for n in range(3)]
        self.reader = Reader(client, self.running)

    def check_that_pages_are_read(self) -> None:
        before = self.reader.pages_done()
        eventually(lambda: self.reader.pages_done() > before + 2)

    def check_that_an_upload_is_refused(self) -> None:
        reply = upload(self.service.url, write(self._folder, "late.pdf", english_pdf(2)))
        assert (reply.status_code, reply.json()["code"]) == (507, "disk_full")
        assert int(reply.headers["retry-after"]) > 0
        assert self.client.health()[1]["components"]["disk"]["code"] == "disk_full"

    def check_that_all_wait(self) -> None:
        """For three seconds nothing moves, and everything says why."""
        before = self.reader.pages_done()
        for _ in range(3):
            waits = self.reader.waits()
            assert waits == [{"kind": "disk"}] * len(waits) and waits
            time.sleep(1)
        assert self.reader.pages_done() == before

    def check_that_nothing_is_lost(self, disk: Path) -> None:
        attempts = [ready(self.client, one)["attempts"] for one in self.running]
        assert attempts == [{"crash": 0, "error": 0, "shutdown": 0, "lost": 0}] * 3
        self.service.stop()
        assert violations(disk / "data", dict.fromkeys([self.read, *self.running], READY)) == []


@pytest.fixture
def scene(small_disk: Path, start: Start, tmp_path: Path) -> Iterator[Scene]:
    service = start({**ENV, "KOTAEMON_DATA_DIR": str(small_disk / "data")})
    with closing(Client(service.url)) as client:
        yield Scene(service, client, small_disk, tmp_path)


def test_a_full_disk_refuses_uploads_holds_work_and_loses_nothing(scene: Scene, small_disk: Path) -> None:
    with Visitor(scene.service.url).visiting() as visitor:
        scene.check_that_pages_are_read()
        scene.filler.leave(FLOOR_BYTES - MB)  # too little for an upload, enough for what is running
        scene.check_that_an_upload_is_refused()
        scene.check_that_pages_are_read()

        scene.filler.leave(2 * MB)  # the ledger can still take down that they wait
        eventually(scene.reader.is_given_back)
        scene.check_that_all_wait()
        scene.filler.remove()
        scene.check_that_pages_are_read()

        scene.filler.leave(0)  # now it cannot
        eventually(lambda: logged(scene.service, "outcome_not_recorded"))
        scene.check_that_all_wait()
        scene.filler.remove()
        eventually(lambda: not scene.reader.waits())
    assert visitor.statuses == {name: {200} for name in ("search", "answers", "list", "livez")}
    assert visitor.slowest_livez_s < FROZEN_S
    scene.check_that_nothing_is_lost(small_disk)


def test_a_ledger_that_cannot_be_written_is_said_and_the_same_upload_works_later(
    start: Start, tmp_path: Path
) -> None:
    service = start({"KOTAEMON_FAULTS": LEDGER_BROKEN})
    accepted, refused = list[str](), list[tuple[int, str]]()
    for number in range(100):
        path = write(tmp_path, f"{number}.txt", f"Note {number} of many.".encode())
        while (reply := upload(service.url, path)).status_code != 202:
            refused.append((reply.status_code, reply.json()["code"]))
        accepted.append(reply.json()["id"])
        if refused:
            break
    assert set(refused) == {(503, "ledger_unavailable")}
    with closing(Client(service.url)) as client:
        attempts = [ready(client, one)["attempts"]["error"] for one in accepted]
    assert set(attempts) == {0}
    service.stop()
    assert violations(service.data_dir, dict.fromkeys(accepted, READY)) == []
