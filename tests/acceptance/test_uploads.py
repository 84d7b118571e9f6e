"""Uploads under load and under kills: nothing twice, nothing lost, everybody else is served."""

import http.client
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.resilience.memory import pss_bytes
from tests.support.service import Start, ledger_rows

MB = 1024**2
#: Other programs can only add time, so the quietest of some rounds shows what the service takes.
ROUNDS = 4
#: Uploads are accepted while the broker is away, and nothing else takes the processors meanwhile.
NO_WORK = {"KOTAEMON_BROKER__URL": "redis://127.0.0.1:1"}


def upload(service: Throwaway, text: str, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return httpx.post(
        f"{service.url}/api/v1/documents",
        files={"file": ("a.txt", text.encode())},
        headers=headers,
        trust_env=False,
        timeout=60,
    )


def killed_by_an_upload(service: Throwaway, key: str) -> None:
    with pytest.raises(httpx.TransportError):
        upload(service, "the words", key)
    service.process.wait(60)


def start_again(service: Throwaway, faults: str) -> None:
    service.env = {**service.env, "KOTAEMON_FAULTS": faults}
    service.start()


def blobs(service: Throwaway) -> set[Path]:
    return {path for path in (service.data_dir / "blobs").rglob("*") if path.is_file()}


def test_sixteen_uploads_at_once_are_as_many_documents_as_files(start: Start) -> None:
    service = start(NO_WORK)
    for files in (16, 1):
        before = blobs(service)
        texts = [f"The words of file {number % files} of {files}. " * 3000 for number in range(16)]
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda text: upload(service, text), texts))
        assert sorted(one.status_code for one in replies) == [200] * (16 - files) + [202] * files
        assert len({one.json()["id"] for one in replies}) == files
        assert len(blobs(service) - before) == files


def test_a_key_works_again_after_kills_before_and_after_acceptance(start: Start, tmp_path: Path) -> None:
    service = start({**NO_WORK, "KOTAEMON_FAULTS": "library.before_accept:1:kill"})
    query = "SELECT key, record IS NULL, (SELECT count(*) FROM documents) FROM idempotency"
    killed_by_an_upload(service, "k")
    assert ledger_rows(service, tmp_path / "before", query) == [("k", 1, 0)]
    start_again(service, "library.after_accept:1:kill")
    killed_by_an_upload(service, "k")
    assert ledger_rows(service, tmp_path / "after", query) == [("k", 0, 1)]
    start_again(service, "")
    reply = upload(service, "the words", "k")
    assert (reply.status_code, reply.headers["idempotent-replayed"]) == (202, "true")
    assert (
        httpx.get(service.url + reply.headers["location"], trust_env=False, timeout=60).json() == reply.json()
    )


def flooded(service: Throwaway) -> tuple[dict[str, Any], list[float], int]:
    """What 500 uploads of 1 MB were answered, how long /livez took meanwhile, and the growth in bytes."""
    proc, waits_s = Path(f"/proc/{service.process.pid}"), []
    probe = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    before = highest = pss_bytes(proc)
    arguments = ["-m", "tests.bench.flood", str(service.port), "500", str(MB)]
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE) as flood:
        while flood.poll() is None:
            began_s = time.perf_counter()
            probe.request("GET", "/livez")
            probe.getresponse().read()
            waits_s.append(time.perf_counter() - began_s)
            highest = max(highest, pss_bytes(proc))
            time.sleep(0.01)
        assert flood.stdout is not None
        found: dict[str, Any] = json.loads(flood.stdout.read())
    probe.close()
    return found, sorted(waits_s), highest - before


@pytest.mark.alone
def test_five_hundred_uploads_at_once_leave_the_service_alive_and_small(start: Start) -> None:
    service = start(NO_WORK)
    upload(service, "what is loaded by a first upload is loaded")
    p99_s = list[float]()
    while not p99_s or (min(p99_s) >= 0.1 and len(p99_s) < ROUNDS):
        found, waits_s, grown_bytes = flooded(service)
        p99_s.append(waits_s[int(len(waits_s) * 0.99)])
        assert (found["accepted"], set(found["replies"]) - {"429"}) == (500, {"202"})
        assert grown_bytes < 60 * MB
    assert min(p99_s) < 0.1
    listed = httpx.get(f"{service.url}/metrics", trust_env=False, timeout=60).text
    assert 'kotaemon_admission_rejections_total{reason="busy"}' in listed
