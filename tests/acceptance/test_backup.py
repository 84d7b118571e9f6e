"""Backups of a real service: beside its work, by its schedule, killed, restored, of an earlier release."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.backups import as_of_schema_2
from tests.support.documents import english_pdf, write
from tests.support.invariants import Expected, violations
from tests.support.service import Ended, Start, eventually, logged, package, ready, serving, upload_all

READY = Expected(frozenset({"ready"}))
#: A backup every two seconds, read through byte by byte.
OFTEN = {
    "KOTAEMON_BACKUPS__EVERY_S": "2",
    "KOTAEMON_BACKUPS__KEEP_FILES": "2",
    "KOTAEMON_BACKUPS__VERIFY": "bytes",
    "KOTAEMON_MAINTENANCE__EVERY_S": "1",
}


def run(data_dir: Path, *words: str | Path, **env: str) -> Ended:
    given = {"KOTAEMON_DATA_DIR": str(data_dir), "KOTAEMON_EMBEDDING__THREADS": "1", **env}
    return package(*map(str, words), "--json", **given)


def done(data_dir: Path, *words: str | Path) -> Json:
    ended = run(data_dir, *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: Json = json.loads(ended.stdout)
    return found


def filled(service: Throwaway, folder: Path) -> dict[str, str]:
    """Hand in two documents; return what they are asked for, and their ids."""
    oslo = b"# Norway\n\nThe capital of Norway is Oslo by a fjord.\n"
    ids = upload_all(service, folder, {"oslo.md": oslo, "lighthouse.pdf": english_pdf(12)})
    return dict(zip(("capital of Norway", "lighthouse keeper of Arnholm"), ids, strict=True))


def serves(start: Start, ids: dict[str, str], restored: Path) -> Throwaway:
    """A service on the restored folder, which finds every document by words and by vectors, and cites it."""
    service = start({"KOTAEMON_DATA_DIR": str(restored)})
    client = Client(service.url)
    for query, document_id in ids.items():
        for mode in ("keyword", "vector"):
            eventually(partial(finds, client, query, mode, document_id))
        cited = client.answer(f"What of the {query}?", None)["citations"]
        assert document_id in [citation["document_id"] for citation in cited]
    client.close()
    return service


def finds(client: Client, query: str, mode: str, document_id: str) -> bool:
    found = client.search(query, None, 3, mode)
    return not found["degraded"] and found["passages"][0]["document_id"] == document_id


@contextmanager
def visitors(url: str, folder: Path) -> Iterator[None]:
    """Documents come and go during the block."""
    over = threading.Event()

    def run(name: str) -> None:
        client, number, ids = Client(url), 0, [""]
        while not over.wait(0.1):
            text = f"# {name} {number}\n\nThe {name} number {number} came by ship.\n".encode()
            ids.append(client.upload(write(folder, f"{name}-{number}.md", text), "traffic")["id"])
            if number % 2:
                httpx.delete(f"{url}/api/v1/documents/{ids[-2]}", trust_env=False, timeout=30)
            number += 1
        client.close()

    threads = [threading.Thread(target=run, args=(name,), name=name) for name in ("barrel", "crate")]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_backup_beside_traffic_is_whole_and_answers_after_a_restore(start: Start, tmp_path: Path) -> None:
    service = start({"KOTAEMON_BACKUPS__EVERY_S": "0"})
    ids = filled(service, tmp_path)
    files = [tmp_path / f"{number}.tar" for number in range(3)]
    with visitors(service.url, tmp_path):
        made = [done(service.data_dir, "backup", "create", "--output", file) for file in files]
    assert [one["lacking"] for one in made] == [[], [], []]
    assert max(sum(one["documents"].values()) for one in made) > 4
    restored = tmp_path / "restored"
    done(restored, "backup", "restore", made[-1]["file"])
    again = serves(start, ids, restored)
    with closing(Client(again.url)) as client:
        for status in ("queued", "processing"):
            eventually(lambda: not client.documents(status=status)["items"])  # noqa: B023 - called at once
    again.stop()
    assert violations(restored, dict.fromkeys(ids.values(), READY)) == []


def test_the_schedule_makes_verifies_and_removes_and_says_so(start: Start, tmp_path: Path) -> None:
    service = start(OFTEN)
    filled(service, tmp_path)
    eventually(lambda: len(logged(service, "chore_done", chore="old_backups")) >= 2)
    kept = done(service.data_dir, "backup", "list")["backups"]
    assert len(kept) <= 3 and any(one["verified"] == "bytes" for one in kept)
    metrics = httpx.get(f"{service.url}/metrics", trust_env=False, timeout=60).text
    ages = [float(line.split()[1]) for line in metrics.splitlines() if line.startswith("kotaemon_backup_")]
    assert len(ages) == 2 and max(ages) < 60
    component = httpx.get(f"{service.url}/healthz", trust_env=False, timeout=60).json()["components"][
        "backups"
    ]
    assert component["kept"] <= 3
    assert service.stop() == 0


def test_the_schedule_restores_each_for_a_trial(start: Start, tmp_path: Path) -> None:
    service = start(OFTEN | {"KOTAEMON_BACKUPS__VERIFY": "restore", "KOTAEMON_BACKUPS__EVERY_S": "600"})
    filled(service, tmp_path)
    eventually(lambda: logged(service, "backup_verified"))
    kept = done(service.data_dir, "backup", "list")["backups"]
    assert [one["verified"] for one in kept] == ["restored"]


def test_a_full_disk_leaves_no_backup_and_health_says_so(start: Start, tmp_path: Path) -> None:
    full = ",".join(f"backup.after_files:{count}:enospc" for count in range(1, 200))
    folder = tmp_path / "full"
    service = start(OFTEN | {"KOTAEMON_BACKUPS__FOLDER": str(folder), "KOTAEMON_FAULTS": full})

    def component() -> Json:
        found: Json = httpx.get(f"{service.url}/healthz", trust_env=False, timeout=60).json()["components"][
            "backups"
        ]
        return found

    eventually(lambda: component().get("code") == "disk_full")
    assert component()["status"] == "degraded"
    assert list(folder.glob("*.tar")) == []


class Stocked(NamedTuple):
    """A service with two ready documents: what they are asked for, and their ids."""

    service: Throwaway
    ids: dict[str, str]

    def backups(self) -> list[str]:
        return sorted(path.name for path in (self.service.data_dir / "backups").glob("*"))


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Stocked]:
    folder = tmp_path_factory.mktemp("backup")
    with serving(folder, model_folder) as service:
        yield Stocked(service, filled(service, folder))


def test_a_backup_is_verified_by_restoring_and_asking_it(stocked: Stocked) -> None:
    file = done(stocked.service.data_dir, "backup", "create")["file"]
    report = done(stocked.service.data_dir, "backup", "verify", file)
    steps = [(step["name"], step["good"]) for step in report["steps"]]
    assert steps == [("restore", True), ("index", True), ("question", True)]
    assert "5 of 5 passages by vector" in report["steps"][2]["detail"]
    assert [name for name in stocked.backups() if name.startswith(".")] == []


def test_a_drill_on_a_copy_mends_a_lost_index_beside_the_service(stocked: Stocked) -> None:
    before = stocked.backups()
    report = done(stocked.service.data_dir, "drill")
    names = [step["name"] for step in report["steps"]]
    assert names == ["backup", "restore", "index", "question", "lost index", "key rotation"]
    assert all(step["good"] and step["duration_s"] >= 0 for step in report["steps"])
    eventually(stocked.service.is_ready)
    assert stocked.backups() == before


def test_a_kill_in_its_middle_leaves_nothing_that_passes_for_a_backup(
    start: Start, stocked: Stocked, tmp_path: Path
) -> None:
    data_dir, before = stocked.service.data_dir, stocked.backups()
    listed = done(data_dir, "backup", "list")["backups"]
    for point in ("backup.after_files", "backup.before_rename"):
        killed = run(data_dir, "backup", "create", KOTAEMON_FAULTS=f"{point}:1:kill")
        assert killed.returncode == -signal.SIGKILL
        assert done(data_dir, "backup", "list")["backups"] == listed
    file = done(data_dir, "backup", "create")["file"]
    assert stocked.backups() == sorted([*before, Path(file).name])
    done(tmp_path / "restored", "backup", "restore", file)
    serves(start, stocked.ids, tmp_path / "restored")


def test_a_service_starts_on_a_folder_that_was_replaced_and_the_old_one_is_there(
    stocked: Stocked, tmp_path: Path
) -> None:
    service = stocked.service
    file = done(service.data_dir, "backup", "create", "--output", tmp_path / "one.tar")["file"]
    with closing(Client(service.url)) as client:
        path = write(tmp_path, "later.md", b"# Later\n\nThis came after the backup.\n")
        later = ready(client, client.upload(path, "default")["id"])
        assert run(service.data_dir, "backup", "restore", file, "--replace").returncode == 2
        service.stop()
        aside = Path(done(service.data_dir, "backup", "restore", file, "--replace")["aside"])
        service.start()
        assert {one["id"] for one in client.documents()["items"]} == set(stocked.ids.values())
    assert (aside / "blobs" / later["sha256"][:2] / later["sha256"]).is_file()


def test_a_backup_by_the_release_before_is_restored_started_and_answers(
    start: Start, stocked: Stocked, tmp_path: Path
) -> None:
    stocked.service.stop()
    as_of_schema_2(stocked.service.data_dir / "ledger.db")
    made = done(stocked.service.data_dir, "backup", "create", "--output", tmp_path / "old.tar")
    restored = tmp_path / "restored"
    done(restored, "backup", "restore", made["file"])
    assert done(tmp_path / "none", "backup", "verify", made["file"])["schema_version"] == 2
    serves(start, stocked.ids, restored)
    assert (restored / "backups" / "ledger-schema-2.db").is_file()
