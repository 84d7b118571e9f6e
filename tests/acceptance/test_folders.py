"""Followed folders and archives over a real service, which is killed in the middle of them."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.archives import zipped
from tests.support.service import command, eventually, kill, made

FILES = 20
MEMBERS = 120


@pytest.fixture
def followed(tmp_path: Path) -> Path:
    """A folder with files and an archive."""
    root = tmp_path / "papers"
    for number in range(FILES):
        path = root / f"shelf {number % 3}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Crane number {number} lifts {number + 1} tons.")
    members = {
        f"in/{number}.txt": f"Ship number {number} is {number + 40} metres long." for number in range(MEMBERS)
    }
    (root / "ships.zip").write_bytes(zipped(members))
    return root


@pytest.fixture
def service(tmp_path: Path, model_folder: Path, followed: Path) -> Iterator[Throwaway]:
    watch = json.dumps([{"path": str(followed), "collection": "papers"}])
    env = {"KOTAEMON_LIBRARY__WATCH": watch, "KOTAEMON_LIBRARY__WATCH_EVERY_S": "0.3"}
    (tmp_path / "service").mkdir()
    found = made(tmp_path / "service", model_folder, env)
    try:
        yield found
    finally:
        kill(found)


def documents(client: Client) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while True:
        page = client.documents(collection="papers", limit=200, cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def all_ready(client: Client, count: int) -> bool:
    found = documents(client)
    return len(found) == count and all(one["status"] == "ready" for one in found)


def test_a_folder_is_followed_over_kills_and_nothing_is_lost_or_doubled(
    service: Throwaway, followed: Path
) -> None:
    whole = FILES + 1 + MEMBERS
    service.start()
    for count in (5, 60):
        with closing(Client(service.url)) as client:
            eventually(lambda: len(documents(client)) >= count)  # noqa: B023 - called at once
        kill(service)
        service.start()
    with closing(Client(service.url)) as client:
        eventually(lambda: all_ready(client, whole))
        paths = Counter(one["path"] for one in documents(client))
        assert max(paths.values()) == 1
        assert {"shelf 1/7.txt", "ships.zip", "ships.zip/in/99.txt"} <= paths.keys()
        (followed / "shelf 1" / "7.txt").rename(followed / "seven.txt")
        (followed / "shelf 2" / "8.txt").unlink()
        eventually(lambda: all_ready(client, whole - 1))
        eventually(lambda: "seven.txt" in {one["path"] for one in documents(client)})
    eventually(lambda: f"{FILES} files" in command(service, "status").stdout)
