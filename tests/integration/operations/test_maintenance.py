"""What a round of maintenance clears away, and what it leaves alone."""

import os
from dataclasses import replace
from pathlib import Path

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Answer
from kotaemon_async.operations.maintenance import remove_old, remove_unused_files
from kotaemon_async.stores.answers import CacheBounds
from kotaemon_async.stores.idempotency import KEEP_S
from tests.support.library import LibraryFixture

ANSWER = Answer("ans_1", "How much?", "Eight. [1]", "primary", False, (), (), "a" * 32)


async def test_files_of_no_document_go_and_uploads_on_their_way_stay(lib: LibraryFixture) -> None:
    document, _ = await lib.hand_in(b"words that are used")
    stray = lib.blobs.path("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    async with lib.library.incoming() as incoming:
        await incoming.write(b"half of an upload")
        assert await remove_unused_files(lib.ledger, lib.blobs, lib.folder) == 1
        assert sorted(lib.files()) == sorted([document.sha256, incoming.path.name])


async def test_old_files_and_folders_go_and_newer_ones_stay(tmp_path: Path) -> None:
    for name, at_s in (("vectors.broken-1/x", 100), ("vectors.broken-2/x", 300), ("ledger-schema-2.db", 100)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        for changed in {path, tmp_path / name.partition("/")[0]}:
            os.utime(changed, (at_s, at_s))
    assert await remove_old(entries(tmp_path), before_s=200) == 2
    assert entries(tmp_path) == [tmp_path / "vectors.broken-2"]


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_replies_that_are_not_given_again_are_forgotten(lib: LibraryFixture) -> None:
    for number in range(250):
        await lib.hand_in(b"the same words", key=f"old-{number}")
    lib.now_s += KEEP_S + 1
    await lib.hand_in(b"the same words", key="new")
    forgotten = await lib.ledger.idempotency.forget_old(lib.now_s)
    assert (forgotten, await lib.rows("idempotency")) == (150, 1)  # a hundred went with the new one


async def test_answers_that_are_too_old_to_stand_in_are_forgotten(lib: LibraryFixture) -> None:
    bounds = CacheBounds(rows=10, size_bytes=10**6, age_s=1000.0)
    for number, now_s in enumerate((10.0, 20.0, 30.0)):
        answer = replace(ANSWER, id=f"ans_{number}")
        await lib.ledger.answers.cache(str(number), "s", answer, link="l", now_s=now_s, bounds=bounds)
    assert await lib.ledger.answers.forget_expired(25.0) == 2
    assert await lib.rows("cached_answers") == 1


async def test_old_answers_go_but_those_of_a_conversation_and_the_newer_ones_stay(
    lib: LibraryFixture,
) -> None:
    for number in range(450):
        await lib.ledger.answers.save(replace(ANSWER, id=f"old_{number}"), None, EVERYBODY, 10.0)
    await lib.ledger.answers.save(replace(ANSWER, id="talked"), "conv_1", EVERYBODY, 10.0)
    await lib.ledger.answers.save(replace(ANSWER, id="new"), None, EVERYBODY, 30.0)
    assert await lib.ledger.answers.forget_old(20.0) == 450
    assert [(await lib.ledger.answers.get(one, EVERYBODY)).id for one in ("talked", "new")] == [
        "talked",
        "new",
    ]
    assert await lib.rows("answers") == 2
