"""Near its memory limit the service takes nothing new, still answers, says so, and goes on when it may."""

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.service import Start, eventually, logged, ready

#: A text that its parser has to hold whole; the test decides how long, as it is never read to its end.
LINE = b"Line %07d of a long text about pumps, seals and turning wheels.\n"
LINES = 1_300_000
#: The part of the limit that the idle service uses; the text takes it over nine tenths.
IDLE_SHARE = 0.66
ENV = {
    "KOTAEMON_INGEST__BATCH_PAGES": "1",
    "KOTAEMON_INGEST__CONCURRENCY": "2",
    "KOTAEMON_INGEST__MAX_PAGES": "100000",
    "KOTAEMON_EMBEDDING__THREADS": "1",
}


class Scene:
    """A service whose memory limit is a little above what it needs."""

    def __init__(self, service: Throwaway, folder: Path) -> None:
        self.service, self._folder = service, folder
        self._http = httpx.Client(base_url=service.url, trust_env=False, timeout=60)
        self.client = Client(service.url)

    def close(self) -> None:
        self._http.close()
        self.client.close()

    def health(self) -> httpx.Response:
        return self._http.get("/healthz")

    def memory(self) -> Json:
        found: Json = self.health().json()["components"]["memory"]
        return found

    def upload(self, name: str, data: bytes) -> httpx.Response:
        with write(self._folder, name, data).open("rb") as file:
            return self._http.post("/api/v1/documents", files={"file": file})

    def post(self, path: str, body: Json | None = None) -> httpx.Response:
        return self._http.post(f"/api/v1/{path}", json=body)

    def metric(self, name: str) -> float:
        lines = self._http.get("/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).rpartition(" ")[2])


@pytest.fixture
def idle_bytes(start: Start) -> int:
    """What the service uses here when it has nothing to do."""
    service = start(ENV)
    with closing(Client(service.url)) as client:
        used: int = client.health()[1]["components"]["memory"]["used_bytes"]
    service.stop()
    return used


def test_over_the_limit_uploads_and_new_work_wait_questions_do_not_and_all_goes_on_by_itself(
    start: Start, idle_bytes: int, tmp_path: Path
) -> None:
    limit = {"KOTAEMON_MEMORY__LIMIT_BYTES": str(int(idle_bytes / IDLE_SHARE))}
    with closing(Scene(start({**ENV, **limit}), tmp_path)) as scene:
        small = scene.upload("small.pdf", english_pdf(2)).json()["id"]
        ready(scene.client, small)
        assert scene.health().status_code == 200

        large = scene.upload("large.txt", b"".join(LINE % number for number in range(LINES))).json()["id"]
        eventually(lambda: scene.health().status_code == 503)
        check_that_nothing_new_is_taken(scene, small)
        check_that_questions_are_answered(scene)
        eventually(lambda: logged(scene.service, "memory_given_back"))

        assert scene.post(f"documents/{large}/cancel").status_code == 200
        eventually(lambda: scene.health().json()["status"] == "ok", seen=scene.memory())
        ready(scene.client, small)
        ready(scene.client, scene.upload("late.pdf", english_pdf(1)).json()["id"])
        check_that_it_was_told(scene.service)


def check_that_nothing_new_is_taken(scene: Scene, document_id: str) -> None:
    assert scene.memory()["code"] == "memory_high"
    assert scene.metric("kotaemon_memory_pressure") == 2
    ready_reply, refused = scene._http.get("/readyz"), scene.upload("late.pdf", english_pdf(1))
    assert [(one.status_code, one.json()["code"]) for one in (ready_reply, refused)] == [
        (503, "memory_high")
    ] * 2
    assert int(refused.headers["retry-after"]) > 0
    assert scene.post(f"documents/{document_id}/retry?force=true").status_code == 200
    waits = [scene.client.document(document_id) for _ in range(20)]
    assert {(one["status"], one["waiting_for"]["kind"]) for one in waits} == {("queued", "memory")}


def check_that_questions_are_answered(scene: Scene) -> None:
    found = scene.post("search", {"query": "Who wound the clock?"}).json()
    assert found["passages"] != []
    answer = scene.post("answers", {"question": "Who wound the clock?"})
    assert (answer.status_code, answer.json()["answer"] != "") == (200, True)
    assert scene._http.get("/livez").status_code == 200


def check_that_it_was_told(service: Throwaway) -> None:
    eventually(lambda: logged(service, "memory_pressure", pressure=2))
    eventually(lambda: logged(service, "memory_pressure_over"))
