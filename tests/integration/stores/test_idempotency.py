"""Keys, reservations and kept replies over a real ledger and real files."""

import anyio
import pytest

from kotaemon_async.documents.library import Arrival
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.stores.idempotency import KEEP_S, LOST_AFTER_S, KeptReply, Reservation
from tests.support.library import TRACE, LibraryFixture


async def keys(lib: LibraryFixture) -> list[str]:
    query = "SELECT key FROM idempotency ORDER BY key"
    return await lib.ledger.database.read(lambda conn: [row[0] for row in conn.execute(query)])


async def code_of(lib: LibraryFixture, key: str, data: bytes = b"words", name: str = "a.txt") -> str:
    with pytest.raises(Refused) as refused:
        await lib.hand_in(data, name, key=key)
    return refused.value.code


async def test_the_same_upload_gets_the_same_reply_although_the_document_went_on(lib: LibraryFixture) -> None:
    first = await lib.hand_in(b"words", key="k")
    await lib.library.cancel(EVERYBODY, first[0].id)
    lib.now_s += 60
    assert await lib.hand_in(b"words", key="k") == first
    assert first[1] and (await lib.library.get(EVERYBODY, first[0].id)).status == "cancelled"


@pytest.mark.parametrize(("data", "name"), [(b"other words", "a.txt"), (b"words", "b.txt")])
async def test_another_upload_under_the_key_is_refused(lib: LibraryFixture, data: bytes, name: str) -> None:
    await lib.hand_in(b"words", key="k")
    assert await code_of(lib, "k", data, name) == "key_reused"


async def test_a_key_is_in_use_while_its_first_request_runs(lib: LibraryFixture) -> None:
    async with lib.library.reserved(EVERYBODY, "k"):
        with pytest.raises(Refused) as refused:
            await lib.library.check_key(EVERYBODY, "k")
        assert (refused.value.code, refused.value.retry_after_s) == ("key_in_use", 1)
        assert await code_of(lib, "k") == "key_in_use"


async def test_a_failure_frees_the_key(lib: LibraryFixture) -> None:
    assert await code_of(lib, "k", b"\x7fELF\x02" + bytes(50)) == "unsupported_format"
    assert await keys(lib) == []
    assert (await lib.hand_in(b"words", key="k"))[1]


async def test_a_cancelled_request_frees_the_key(lib: LibraryFixture) -> None:
    with anyio.CancelScope() as scope:
        async with lib.library.reserved(EVERYBODY, "k"):
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert await keys(lib) == []


async def test_a_key_is_forgotten_after_a_day(lib: LibraryFixture) -> None:
    await lib.hand_in(b"words", key="k")
    lib.now_s += KEEP_S - 1
    assert await code_of(lib, "k", b"other") == "key_reused"
    lib.now_s += 1
    assert (await lib.hand_in(b"other", key="k"))[1]


async def test_old_keys_are_purged_a_hundred_at_a_time(lib: LibraryFixture) -> None:
    for number in range(150):
        async with lib.library.reserved(EVERYBODY, f"k{number:03}"):
            pass
    lib.now_s += KEEP_S
    await lib.hand_in(b"words", key="new")
    assert len(await keys(lib)) == 51
    await lib.hand_in(b"words", key="newer")
    assert await keys(lib) == ["new", "newer"]


async def test_the_key_of_a_dead_process_is_free_at_once_when_nobody_else_works(lib: LibraryFixture) -> None:
    await lib.hand_in(b"words", key="done")
    await lib.ledger.idempotency.reserve("died", lib.now_s)
    assert await lib.ledger.idempotency.release_all() == 1
    assert await keys(lib) == ["done"]


async def test_the_key_of_a_lost_request_is_taken_over_and_its_late_end_changes_nothing(
    lib: LibraryFixture,
) -> None:
    old = await lib.ledger.idempotency.reserve("k", lib.now_s)
    lib.now_s += LOST_AFTER_S
    new = await lib.ledger.idempotency.reserve("k", lib.now_s)
    assert isinstance(old, Reservation) and isinstance(new, Reservation)
    await lib.ledger.idempotency.release(old)
    assert await keys(lib) == ["k"]


async def test_the_late_upload_of_a_lost_request_is_accepted_but_is_not_the_reply(
    lib: LibraryFixture,
) -> None:
    async with lib.library.reserved(EVERYBODY, "k") as late, lib.library.incoming() as incoming:
        await incoming.write(b"late words")
        lib.now_s += LOST_AFTER_S
        kept = await lib.hand_in(b"words", key="k")
        accepted = await lib.library.accept(
            incoming, name="a", collection="c", trace=TRACE, key=late, arrival=Arrival(EVERYBODY)
        )
    assert accepted[1] and accepted[0].id != kept[0].id
    assert await lib.hand_in(b"words", key="k") == kept


async def test_acceptance_and_kept_reply_are_one_transaction(lib: LibraryFixture) -> None:
    """A ledger that fails to keep the reply does not accept the document either."""
    await lib.ledger.database.write(lambda conn: conn.execute("ALTER TABLE idempotency RENAME record TO r"))
    await lib.ledger.database.write(
        lambda conn: conn.execute("INSERT INTO idempotency (key, created_at) VALUES ('k', 1.0)")
    )
    async with lib.library.incoming() as incoming:
        await incoming.write(b"words")
        with pytest.raises(Unavailable):
            await lib.library.accept(
                incoming,
                name="a.txt",
                collection="c",
                trace=TRACE,
                key=Reservation("k", 1.0),
                arrival=Arrival(EVERYBODY),
            )
    assert (await lib.ledger.documents.counts())[0] == {}


async def test_sixteen_requests_with_one_key_at_once_are_one_upload(lib: LibraryFixture) -> None:
    ends: list[str] = []

    async def upload() -> None:
        try:
            ends.append((await lib.hand_in(b"words", key="k"))[0].id)
        except Refused as refused:
            ends.append(refused.code)

    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(upload)
    assert len(set(ends) - {"key_in_use"}) == 1
    assert isinstance(await lib.ledger.idempotency.kept_reply("k", lib.now_s), KeptReply)
