"""Archives in followed folders: what came out of them stays what they hold."""

from pathlib import Path

import anyio.lowlevel
import pytest

from kotaemon_async.documents.folders.watching import FolderWatch
from kotaemon_async.documents.settings import LibrarySettings, WatchSettings
from kotaemon_async.domain.callers import EVERYBODY, SERVICE
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.stores.documents import ListQuery
from tests.support.archives import zipped
from tests.support.folders import no_time
from tests.support.ingest import IngestFixture


class FollowedArchives:
    """A followed folder whose documents are really read."""

    def __init__(self, folder: Path, rig: IngestFixture) -> None:
        self.rig, self.root = rig, folder / "docs"
        self.root.mkdir()
        settings = LibrarySettings(watch=(WatchSettings(path=self.root),))
        parts = (rig.ledger, rig.library, Admission(4))
        given = {"settings": settings, "max_bytes": 10**6, "data_dir": folder, "clock": rig.clock}
        given["caller"] = lambda: SERVICE
        self.watch = FolderWatch(*parts, **given, sleep=no_time)  # type: ignore[arg-type]

    async def settle(self) -> list[str]:
        """Looks until nothing changes any more; the paths of all documents."""
        for _ in range(4):
            await self.watch.look()
            self.rig.clock.now_s += 10
            for one in await self.rig.ledger.documents.due(self.rig.clock(), 100):
                await self.rig.worker().run(one.document_id)
            end = await self.rig.ledger.vector_log.end()
            await self.rig.ledger.vector_log.advance("g", "m", end, self.rig.clock())
            await anyio.lowlevel.checkpoint()
        found, _ = await self.rig.ledger.access.page(EVERYBODY, ListQuery(limit=200))
        return sorted(one.path for one in found)


@pytest.fixture
def followed(tmp_path: Path, rig: IngestFixture) -> FollowedArchives:
    return FollowedArchives(tmp_path, rig)


async def test_a_removed_archive_takes_what_came_out_of_it_alone(followed: FollowedArchives) -> None:
    inner = zipped({"deep.txt": "Words deep in it."})
    (followed.root / "a.zip").write_bytes(
        zipped({"one.txt": "First words.", "n.zip": inner, "two.txt": "Both."})
    )
    (followed.root / "b.zip").write_bytes(zipped({"two.txt": "Both."}))
    (followed.root / "c.txt").write_text("Words beside it.")
    assert len(await followed.settle()) == 7
    (followed.root / "a.zip").unlink()
    left = await followed.settle()
    assert len(left) == 3 and {"b.zip", "c.txt"} < set(left)


async def test_a_changed_archive_keeps_what_is_still_in_it(followed: FollowedArchives) -> None:
    (followed.root / "c.txt").write_text("Words beside it.")
    (followed.root / "a.zip").write_bytes(zipped({"one.txt": "First words.", "two.txt": "Second words."}))
    assert await followed.settle() == ["a.zip", "a.zip/one.txt", "a.zip/two.txt", "c.txt"]
    (followed.root / "a.zip").write_bytes(zipped({"two.txt": "Second words.", "three.txt": "Third words."}))
    assert await followed.settle() == ["a.zip", "a.zip/three.txt", "a.zip/two.txt", "c.txt"]
