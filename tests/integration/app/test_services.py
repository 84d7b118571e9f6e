"""Every part that can be opened is watched from then on, without a list of them anywhere."""

import ast
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import kotaemon_async
from kotaemon_async.answers.settings import LinkSettings, LlmSettings
from kotaemon_async.app.opening import Opening
from kotaemon_async.app.services import Services, open_services
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.settings import LibrarySettings, WatchSettings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.settings import EmbeddingSettings
from kotaemon_async.telemetry.health import Health, Watched
from tests.support.log_records import logged

PACKAGE = Path(kotaemon_async.__file__).parent


@pytest.fixture
async def services(tmp_path: Path, model_folder: Path) -> AsyncIterator[Services]:
    link = LinkSettings(name="here", base_url="http://127.0.0.1:9/v1", model="m")
    settings = Settings(
        data_dir=tmp_path / "data",
        embedding=EmbeddingSettings(folder=model_folder, threads=1),
        llm=LlmSettings(links=(link,)),
        library=LibrarySettings(watch=(WatchSettings(path=tmp_path),)),
    )
    async with open_services(settings) as opened:
        yield opened


def nodes() -> Iterator[ast.AST]:
    for path in PACKAGE.rglob("*.py"):
        yield from ast.walk(ast.parse(path.read_text("utf-8")))


def registered() -> set[str]:
    """The names under which the package registers checks; of a name with holes what stands before them."""
    calls = [node for node in nodes() if isinstance(node, ast.Call)]
    names = [call.args[0] for call in calls if ast.unparse(call.func) == "health.register"]
    return {ast.literal_eval(name.values[0] if isinstance(name, ast.JoinedStr) else name) for name in names}


async def test_whatever_registers_a_check_anywhere_is_in_the_report(services: Services) -> None:
    names = services.health.names
    assert [one for one in registered() if not any(name.startswith(one) for name in names)] == []
    assert "link.here" in names


async def test_every_part_that_knows_its_checks_was_asked_for_them(services: Services) -> None:
    alone = Health()
    for name in services.__slots__:
        if isinstance(part := getattr(services, name), Watched):
            part.register_in(alone)
    assert len(alone.names) >= 5
    assert set(alone.names) <= set(services.health.names)


async def test_a_fresh_service_reports_each_component_in_time(services: Services) -> None:
    report = await services.health.report()
    components = report["components"]
    assert isinstance(components, dict)
    assert {"status", "core", "last_success_age_s"} <= set.intersection(*map(set, components.values()))
    assert report["status"] in {"ok", "degraded"}  # nothing runs here, so the worker is reported as lost


async def test_what_is_kept_is_closed_in_reverse() -> None:
    closed: list[str] = []

    class Part:
        def __init__(self, name: str) -> None:
            self.name = name

        async def aclose(self) -> None:
            closed.append(self.name)

    async with AsyncExitStack() as stack:
        opening = Opening(stack)
        assert [opening.keep(Part(name)).name for name in "ab"] == ["a", "b"]
    assert closed == ["b", "a"]


async def test_the_data_folder_cannot_be_followed(tmp_path: Path, model_folder: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        embedding=EmbeddingSettings(folder=model_folder, threads=1),
        library=LibrarySettings(watch=(WatchSettings(path=tmp_path / "blobs"),)),
    )
    with pytest.raises(Misconfigured, match=r"library\.watch"):
        async with open_services(settings):
            pass


async def test_a_data_folder_that_others_can_enter_is_closed_to_them(
    tmp_path: Path, model_folder: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)  # whatever umask this process has
    embedding = EmbeddingSettings(folder=model_folder, threads=1)
    with logged("data_folder_closed") as records:
        async with open_services(Settings(data_dir=folder, embedding=embedding)):
            assert folder.stat().st_mode & 0o777 == 0o700
    assert [record["extra"]["detail"] for record in records] == ["755"]
