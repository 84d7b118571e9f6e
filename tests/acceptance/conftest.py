"""The real process on a free port: one for a test, or one that tests share which only read."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.service import Start, kill, made, serving


@pytest.fixture
def start(tmp_path: Path, model_folder: Path) -> Iterator[Start]:
    """Starts a service with settings of its own; what is left of it is killed afterwards."""
    started: list[Throwaway] = []

    def begin(env: Mapping[str, str]) -> Throwaway:
        folder = tmp_path / f"service-{len(started)}"
        folder.mkdir()
        started.append(made(folder, model_folder, env))
        started[-1].start()
        return started[-1]

    yield begin
    for service in started:
        kill(service)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    """A ready service with default settings for tests that add documents of their own and break nothing."""
    with serving(tmp_path_factory.mktemp("shared"), model_folder) as service:
        yield service


@pytest.fixture
def service(shared: Throwaway) -> Throwaway:
    """The service that a module's tests talk to."""
    return shared


@pytest.fixture
def client(service: Throwaway) -> Iterator[Client]:
    """Talks to it."""
    with closing(Client(service.url)) as talking:
        yield talking
