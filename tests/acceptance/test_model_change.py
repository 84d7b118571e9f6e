"""The real service changes from the English to the multilingual model, killed in between, under searches."""

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf
from tests.support.service import command, crash, eventually, kill, made, upload_all

ENGLISH, MULTILINGUAL = "all-MiniLM-L6-v2", "multilingual-e5-small"
FILES = {f"book-{n}.pdf": english_pdf(30 + n) for n in range(4)}


@pytest.fixture
def service(tmp_path: Path, english_folder: Path) -> Iterator[Throwaway]:
    """Stopped, over documents that the English model has embedded, and to be started with the default."""
    english = made(
        tmp_path, english_folder, {"KOTAEMON_EMBEDDING__MODEL": "english", "KOTAEMON_EMBEDDING__THREADS": "1"}
    )
    english.start()
    upload_all(english, tmp_path, FILES)
    english.stop()
    default = dataclasses.replace(english, env={**english.env, "KOTAEMON_EMBEDDING__MODEL": "multilingual"})
    yield default
    kill(default)


def degraded(client: Client) -> list[Json]:
    """What a search by vector lacks; a page is found in any case."""
    found = client.search("Where does the lighthouse stand?", None, 5, "vector")
    assert found["passages"]
    return list(found["degraded"])


def until(client: Client, wrong: list[Json], **wanted: object) -> None:
    """Search all the time until the change is as wanted; what searches lacked is kept."""

    def look() -> bool:
        wrong.extend(degraded(client))
        return wanted.items() <= client.models().items()

    eventually(look)


def test_a_killed_change_goes_on_and_no_search_lacks_its_vectors(service: Throwaway) -> None:
    wrong: list[Json] = []
    service.start()
    with closing(Client(service.url)) as client:
        eventually(lambda: not degraded(client))
        until(client, wrong, state="embedding", active=ENGLISH)
    crash(service)
    service.start()
    with closing(Client(service.url)) as client:
        eventually(lambda: not degraded(client))
        until(client, wrong, state="idle", active=MULTILINGUAL)
        assert command(service, "models", "back").returncode == 0
        until(client, wrong, state="idle", active=ENGLISH)
    assert wrong == []
    assert command(service, "doctor", "--deep").returncode == 0
