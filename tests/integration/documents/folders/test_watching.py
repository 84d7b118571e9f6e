"""Folders that are followed: documents go with what people do in them, and not with what happens to disks."""

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from kotaemon_async.domain.callers import EVERYBODY, SERVICE
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Failure
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.stores.collections import Change
from kotaemon_async.stores.watched import FileState
from tests.support.callers import ALICE
from tests.support.folders import HOLD_S, Followed
from tests.support.library import LibraryFixture


@pytest.fixture
def followed(tmp_path: Path, lib: LibraryFixture) -> Followed:
    return Followed(tmp_path, lib)


MANY = {f"{n:02}.txt": f"words of file {n}" for n in range(12)}


async def test_a_new_file_is_taken_with_its_path_once_it_stood_still(followed: Followed) -> None:
    followed.write("reports/2031/a.txt", "the words")
    await followed.look(1)
    assert await followed.paths() == [] and (await followed.report())["waiting"] == 1
    await followed.look(1)
    (document,) = await followed.documents()
    assert (document.name, document.path, document.collection) == ("a.txt", "reports/2031/a.txt", "docs")
    assert (await followed.report())["files"] == 1


async def test_a_file_that_grows_is_taken_when_it_stopped(followed: Followed) -> None:
    for size in (1, 2, 3):
        followed.write("a.txt", "word " * size)
        await followed.look(1)
    assert await followed.paths() == []
    await followed.look(1)
    assert [one.size_bytes for one in await followed.documents()] == [15]


async def test_hidden_and_unfinished_files_are_left_alone(followed: Followed) -> None:
    for name in ("~$a.docx", "b.txt.part", ".git/config", "c.tmp", "d.txt"):
        followed.write(name, f"words of {name}")
    await followed.look(3)
    assert await followed.paths() == ["d.txt"]


async def test_a_file_that_did_not_change_is_not_read_again(followed: Followed) -> None:
    await followed.take({"a.txt": "the words"})
    followed.watch = followed.fresh()
    before = await followed.documents()
    (followed.root / "a.txt").write_text("new words")  # same size, and the same time:
    os.utime(followed.root / "a.txt", (1_000_001, 1_000_001))
    await followed.look(3)
    assert await followed.documents() == before


async def test_a_changed_file_replaces_its_document_when_the_new_one_is_ready(followed: Followed) -> None:
    await followed.take({"a.txt": "old words"})
    (old,) = await followed.documents()
    followed.write("a.txt", "new words")
    await followed.look(3)
    assert len(await followed.documents()) == 2
    await followed.read()
    await followed.look(1)
    (new,) = await followed.documents()
    assert (new.id != old.id, new.path, followed.lib.files()) == (True, "a.txt", [new.sha256])


async def test_the_old_document_stays_when_the_new_one_cannot_be_read(followed: Followed) -> None:
    await followed.take({"a.txt": "old words"})
    followed.write("a.txt", "new words")
    await followed.look()
    new = (await followed.documents())[1]
    await followed.lib.work(new.id, Failure("corrupt", "It is damaged.", "Mend it."))
    await followed.look()
    assert [one.status for one in await followed.documents()] == ["ready", "failed"]


async def test_a_file_that_was_only_touched_keeps_its_document(followed: Followed) -> None:
    await followed.take({"a.txt": "the words"})
    before = await followed.documents()
    followed.write("a.txt", "the words")
    await followed.look(3)
    assert await followed.documents() == before


@pytest.mark.parametrize("new", ["b.txt", "deep/er/a.txt"])
async def test_a_renamed_file_keeps_its_document_under_its_new_path(followed: Followed, new: str) -> None:
    await followed.take({"a.txt": "the words", "other.txt": "other words"})
    (old,) = [one for one in await followed.documents() if one.name == "a.txt"]
    (followed.root / new).parent.mkdir(parents=True, exist_ok=True)
    (followed.root / "a.txt").rename(followed.root / new)
    await followed.look(1)
    renamed = await followed.lib.library.get(EVERYBODY, old.id)
    assert (renamed.path, renamed.name, renamed.version) == (new, new.rpartition("/")[2], 1)
    assert len(await followed.documents()) == 2


async def test_a_renamed_folder_renames_all_that_is_in_it(followed: Followed) -> None:
    await followed.take({f"old/{name}": text for name, text in MANY.items()})
    ids = {one.id for one in await followed.documents()}
    (followed.root / "old").rename(followed.root / "new")
    await followed.look(3)
    assert {one.id for one in await followed.documents()} == ids
    assert await followed.paths() == [f"new/{name}" for name in sorted(MANY)]


async def test_a_removed_file_takes_its_document_with_it(followed: Followed) -> None:
    await followed.take({"a.txt": "the words", "b.txt": "other words"})
    (followed.root / "a.txt").unlink()
    await followed.look(1)
    assert await followed.paths() == ["a.txt", "b.txt"]
    await followed.look(1)
    assert await followed.paths() == ["b.txt"] and len(followed.lib.files()) == 1


async def test_the_same_bytes_twice_are_one_document_until_the_last_is_gone(
    followed: Followed,
) -> None:
    await followed.take({"a.txt": "the words", "b.txt": "the words", "c.txt": "others"})
    assert len(await followed.documents()) == 2
    (followed.root / "a.txt").unlink()
    await followed.look()
    assert len(await followed.documents()) == 2
    (followed.root / "b.txt").unlink()
    await followed.look()
    assert await followed.paths() == ["c.txt"]


async def test_what_somebody_deleted_is_not_taken_again_until_it_changes(followed: Followed) -> None:
    await followed.take({"a.txt": "the words"})
    await followed.lib.library.delete(EVERYBODY, (await followed.documents())[0].id)
    await followed.look(3)
    followed.watch = followed.fresh()
    await followed.look(3)
    assert await followed.paths() == []
    followed.write("a.txt", "new words")
    await followed.look()
    assert await followed.paths() == ["a.txt"]


async def test_what_came_by_upload_is_never_touched(followed: Followed) -> None:
    sent, _ = await followed.lib.hand_in(b"the words", "mine.txt", "docs")
    await followed.take({"a.txt": "the words", "b.txt": "other words"})
    (followed.root / "a.txt").rename(followed.root / "c.txt")
    await followed.look()
    (followed.root / "c.txt").unlink()
    await followed.look(3)
    kept = await followed.lib.library.get(EVERYBODY, sent.id)
    assert (kept.name, kept.path, await followed.paths()) == ("mine.txt", "", ["", "b.txt"])


async def lost(followed: Followed, why: str) -> None:
    """The files are out of sight for a reason that is not people's work."""
    if why == "folder away":
        followed.root.rename(followed.root.with_name("moved"))
    elif why == "empty mount point":
        followed.root.rename(followed.root.with_name("moved"))
        followed.root.mkdir()
    elif why == "another disk":
        followed.root.rename(followed.root.with_name("moved"))
        followed.write("else.txt", "what lies on another disk")
    elif why == "emptied":
        for path in followed.root.iterdir():
            path.unlink()
    else:
        for path in sorted(followed.root.iterdir())[:7]:
            path.unlink()


REASONS = ["folder away", "empty mount point", "another disk", "emptied", "more than half"]


@pytest.mark.parametrize("why", REASONS)
async def test_documents_of_files_that_vanish_at_once_stay_and_it_is_said(
    followed: Followed, why: str
) -> None:
    await followed.take(MANY)
    await lost(followed, why)
    await followed.look(5)
    followed.watch = followed.fresh()
    await followed.look(5)
    assert set(await followed.paths()) >= set(MANY)
    code = "folder_unavailable" if why == "folder away" else "files_vanished"
    assert (await followed.watch.check())["code"] == code


@pytest.mark.parametrize("why", ["folder away", "empty mount point", "another disk"])
async def test_a_disk_that_comes_back_is_followed_as_before(followed: Followed, why: str) -> None:
    await followed.take(MANY)
    ids = {one.id for one in await followed.documents()}
    await lost(followed, why)
    await followed.look(3)
    shutil.rmtree(followed.root, ignore_errors=True)
    followed.root.with_name("moved").rename(followed.root)
    await followed.look(3)
    assert {one.id for one in await followed.documents() if one.path in MANY} == ids
    assert "code" not in await followed.watch.check()


@pytest.mark.parametrize("why", ["empty mount point", "emptied", "more than half"])
async def test_what_stays_away_is_removed_after_a_long_while(followed: Followed, why: str) -> None:
    await followed.take(MANY)
    await lost(followed, why)
    await followed.look(2)
    followed.clock.now_s += HOLD_S
    await followed.look(3)
    assert len(await followed.paths()) == (5 if why == "more than half" else 0)
    assert "code" not in await followed.watch.check()


async def test_a_copy_of_the_folder_on_another_disk_is_known_by_its_files(followed: Followed) -> None:
    await followed.take(MANY)
    ids = {one.id for one in await followed.documents()}
    moved = followed.root.with_name("moved")
    shutil.copytree(followed.root, moved)  # keeps the times
    shutil.rmtree(followed.root)
    moved.rename(followed.root)
    await followed.look(3)
    assert {one.id for one in await followed.documents()} == ids
    (followed.root / "03.txt").unlink()
    await followed.look()
    assert len(await followed.documents()) == 11


async def test_files_below_a_mount_point_that_is_empty_now_are_not_gone(followed: Followed) -> None:
    await followed.take({"disk/a.txt": "on a disk of its own", "b.txt": "other words", "c.txt": "more words"})
    key = str(followed.root)
    known = (await followed.lib.ledger.watched.files(key))[b"disk/a.txt"]
    other = replace(known, state=FileState(*known.state.content, known.state.inode, known.state.device + 1))
    await followed.lib.ledger.watched.keep(key, other)
    (followed.root / "disk/a.txt").unlink()
    await followed.look(4)
    assert len(await followed.paths()) == 3


async def test_a_folder_that_cannot_be_read_keeps_its_documents(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await followed.take({"closed/a.txt": "the words", "b.txt": "other words"})
    real = os.scandir

    def scandir(path: bytes) -> object:
        if path.endswith(b"closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    await followed.look(3)
    assert len(await followed.paths()) == 2
    assert (await followed.report())["unreadable"] == {"count": 1, "files": {"closed": "unreadable"}}


async def test_links_are_not_followed(followed: Followed, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a secret")
    (followed.root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (followed.root / "round").symlink_to(followed.root)
    await followed.take({"a.txt": "the words"})
    assert await followed.paths() == ["a.txt"]


async def test_what_cannot_be_a_document_is_listed_and_not_tried_again(followed: Followed) -> None:
    followed.write("a.exe", "MZ\x90\0")
    followed.write("empty.txt", "")
    followed.write("large.txt", "word " * 500)
    await followed.look()
    taken = followed.admission._upload_s
    await followed.look(5)
    assert followed.admission._upload_s == taken
    reasons = {"a.exe": "unsupported_format", "empty.txt": "empty", "large.txt": "too_large"}
    assert (await followed.report())["refused"] == {"count": 3, "files": reasons}
    followed.write("empty.txt", "words by now")
    await followed.look()
    assert await followed.paths() == ["empty.txt"]


async def test_refused_files_are_tried_again_when_more_can_be_taken(followed: Followed) -> None:
    followed.write("large.txt", "word " * 190)
    followed.watch = followed.fresh(max_bytes=900)
    await followed.look(3)
    assert await followed.paths() == []
    followed.watch = followed.fresh()
    await followed.look(3)
    assert await followed.paths() == ["large.txt"]


async def test_a_file_that_became_unreadable_keeps_its_former_document(followed: Followed) -> None:
    await followed.take({"a.txt": "the words"})
    followed.write("a.txt", "")
    await followed.look(3)
    assert await followed.paths() == ["a.txt"]
    followed.write("b.txt", "other words")
    (followed.root / "a.txt").unlink()
    await followed.look()
    assert await followed.paths() == ["b.txt"]


async def test_a_full_service_is_waited_for(tmp_path: Path, lib: LibraryFixture) -> None:
    room = [False]
    followed = Followed(tmp_path, lib, Admission(4, may_start=lambda: room[0]))
    followed.write("a.txt", "the words")
    await followed.look(4)
    assert (await followed.report())["waits_for"] == "memory_high"
    room[0] = True
    await followed.look(1)
    assert await followed.paths() == ["a.txt"] and "waits_for" not in await followed.report()


async def test_a_stop_in_the_middle_loses_and_doubles_nothing(followed: Followed) -> None:
    for name, text in MANY.items():
        followed.write(name, text)
    for point in ("library.before_accept", "blobs.after_rename", "library.after_accept"):
        faults.arm(f"{point}:3:raise")
        with pytest.raises(faults.InjectedError):
            await followed.look()
        faults.arm("")
        followed.watch = followed.fresh()
    await followed.look(3)
    assert await followed.paths() == sorted(MANY)
    for path in sorted(followed.root.iterdir())[:4]:
        path.unlink()
    await followed.look()
    assert await followed.paths() == sorted(MANY)[4:]


async def test_the_data_folder_is_no_part_of_a_followed_folder(tmp_path: Path, lib: LibraryFixture) -> None:
    followed = Followed(tmp_path, lib)
    (followed.data / "blob").write_text("what the service keeps")
    followed.watch = followed.fresh(tmp_path)
    followed.write("a.txt", "the words")
    await followed.look(3)
    assert await followed.paths() == ["docs/a.txt"]


async def test_names_that_are_not_utf8_are_read_as_they_were_meant(followed: Followed) -> None:
    (followed.root / os.fsdecode("报告.txt".encode("gb18030"))).write_bytes(b"the words")
    await followed.look()
    assert [(one.name, one.path) for one in await followed.documents()] == [("报告.txt", "报告.txt")]


async def test_two_files_that_change_places_keep_their_documents(followed: Followed) -> None:
    await followed.take({"a.txt": "the first words", "b.txt": "the other words, more"})
    ids = {one.path: one.id for one in await followed.documents()}
    (followed.root / "a.txt").rename(followed.root / "c.txt")
    (followed.root / "b.txt").rename(followed.root / "a.txt")
    (followed.root / "c.txt").rename(followed.root / "b.txt")
    await followed.look(3)
    assert {one.id for one in await followed.documents()} == set(ids.values())


async def test_of_several_processes_over_one_folder_one_looks(
    followed: Followed,
) -> None:
    followed.write("a.txt", "the words")
    slept = anyio.Event()

    async def sleep(_: float) -> None:
        slept.set()
        await anyio.sleep_forever()

    first, second = followed.fresh(), followed.fresh(sleep=sleep)
    async with anyio.create_task_group() as group:
        group.start_soon(first.run)
        while "elsewhere" in await first.check():
            await anyio.lowlevel.checkpoint()
        group.start_soon(second.run)
        await slept.wait()
        assert (await second.check())["elsewhere"] is True
        group.cancel_scope.cancel()
    assert "elsewhere" not in await first.check()


class Walk:
    """Random work in a folder: files are written, copied, moved, removed, and looked at in between."""

    def __init__(self, followed: Followed, seed: int) -> None:
        self.followed, self.random = followed, random.Random(seed)

    def files(self) -> list[Path]:
        return sorted(self.followed.root.rglob("*.txt"))

    def file(self) -> Path | None:
        found = [path for path in self.files() if path.name != "stays.txt"]
        return self.random.choice(found) if found else None

    def name(self) -> str:
        return f"{self.random.choice(['', 'x/', 'x/y/', 'z/'])}{self.random.choice('abcd')}.txt"

    async def step(self) -> None:
        do, file = (
            self.random.choice(["write", "write", "copy", "move", "remove", "look", "read"]),
            self.file(),
        )
        if do == "write" or file is None:
            self.followed.write(self.name(), f"words {self.random.randrange(6)}")
        elif do == "copy":
            self.followed.write(self.name(), file.read_text())
        elif do == "move":
            target = self.followed.root / self.name()
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
        elif do == "remove":
            file.unlink()
        else:
            await (self.followed.look(1) if do == "look" else self.followed.read())


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_people_do_documents_are_what_the_folder_holds(followed: Followed, seed: int) -> None:
    walk = Walk(followed, seed)
    followed.write("stays.txt", "words that stay")
    for _ in range(25):
        await walk.step()
        if walk.random.random() < 0.1:
            followed.watch = followed.fresh()
    for _ in range(4):
        await followed.look()
        await followed.read()
    texts = {path.relative_to(followed.root).as_posix(): path.read_text() for path in walk.files()}
    documents = await followed.documents()
    assert {texts.get(one.path) for one in documents} == set(texts.values())
    assert len(documents) == len(set(texts.values()))


async def test_the_name_of_a_collection_is_the_service_s_before_the_first_file_comes(
    followed: Followed,
) -> None:
    await followed.watch.look()
    collections = followed.lib.ledger.collections
    found = await collections.get(SERVICE, "docs")
    assert (found.owner, found.public, found.documents) == ("", "", 0)
    with pytest.raises(Refused, match="no collection"):
        await collections.put(ALICE, "docs", Change(), 2.0)
