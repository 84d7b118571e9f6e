"""Keys, sessions and what is known of them, over a real ledger."""

import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from kotaemon_async.domain.errors import Misconfigured, Refused, Unavailable
from kotaemon_async.stores.api_keys import ApiKey, ApiKeys, MadeKey, checked_grant
from kotaemon_async.stores.former_keys import ASIDE, FILE, LOST, TakenOver, are_in_use, take_over
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.local_key import LocalKey
from kotaemon_async.stores.sessions import LASTS_S, MOST_OF_A_KEY
from tests.support.clock import Clock

ALICE = checked_grant("alice", groups=["staff"], scopes=["ask"])
DAY_S = 24 * 3600.0


def contents_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.aclose()


@pytest.fixture
def keys(ledger: Ledger) -> ApiKeys:
    return ledger.api_keys


@pytest.fixture
def known(ledger: Ledger, clock: Clock, tmp_path: Path) -> KnownKeys:
    return KnownKeys(ledger.api_keys, ledger.sessions, LocalKey(tmp_path), clock=clock)


async def test_a_key_is_listed_without_its_secret(keys: ApiKeys, tmp_path: Path) -> None:
    made = await keys.create(ALICE, 5.0)
    assert await keys.listed() == [made.key] == [await keys.one(made.key.id)]
    assert (made.key.user, sorted(made.key.groups), sorted(made.key.scopes)) == ("alice", ["staff"], ["ask"])
    assert made.secret.encode() not in contents_of(tmp_path)


async def test_a_rotated_key_may_do_the_same_for_as_long(keys: ApiKeys) -> None:
    old = await keys.create(checked_grant("a", scopes=["admin"], expires_at_s=2 * DAY_S), DAY_S)
    new = await keys.rotate(old.key.id, 60.0, DAY_S + 10)
    assert (sorted(new.key.scopes), new.key.expires_at_s) == (["admin"], 2 * DAY_S + 10)
    former = await keys.one(old.key.id)
    assert [former.state(DAY_S + at) for at in (69, 70)] == ["valid", "expired"]


async def test_a_longer_grace_does_not_bring_an_ended_key_back(keys: ApiKeys) -> None:
    made = await keys.create(ALICE, 0.0)
    await keys.revoke(made.key.id, 5.0)
    with pytest.raises(Refused, match="has ended") as refused:
        await keys.rotate(made.key.id, 60.0, 6.0)
    assert (refused.value.code, len(await keys.listed())) == ("conflict", 1)


async def test_a_revoked_key_stays_listed_as_first_revoked(keys: ApiKeys) -> None:
    made = await keys.create(ALICE, 0.0)
    await keys.revoke(made.key.id, 5.0)
    await keys.revoke(made.key.id, 9.0)
    assert [(key.state(10.0), key.revoked_at_s) for key in await keys.listed()] == [("revoked", 5.0)]


async def test_an_unknown_key_is_not_found(keys: ApiKeys) -> None:
    for attempt in (keys.one("key_1"), keys.rotate("key_1", 0.0, 0.0), keys.revoke("key_1", 0.0)):
        with pytest.raises(Refused, match="no key 'key_1'"):
            await attempt
    assert await keys.listed() == []


@pytest.mark.parametrize("name", ["", " ", "a" * 201, "a\nb"])
def test_a_key_has_a_name(name: str) -> None:
    with pytest.raises(Refused, match="name of a key"):
        checked_grant(name, "alice")


@pytest.mark.parametrize(
    "given",
    [
        {"name": "<script>"},
        {"name": "a", "user": ""},
        {"name": "a", "user": "../x"},
        {"name": "a", "groups": ["a/b"]},
        {"name": "a", "scopes": ["root"]},
        {"name": "a", "scopes": []},
        {"name": "operator"},
        {"name": "a", "groups": [f"g{number}" for number in range(51)]},
    ],
    ids=str,
)
def test_a_key_without_a_proper_user_group_or_scope_is_refused(given: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(Refused):
        checked_grant(**given)


async def test_a_key_is_found_by_its_secret_and_by_nothing_else(known: KnownKeys) -> None:
    assert not known.in_use
    made = await known.create(ALICE)
    assert (known.in_use, known.find(made.secret)) == (True, made.key)
    assert [known.find(other) for other in ("", made.secret[:-1], made.key.id)] == [None] * 3


async def test_what_another_process_changes_is_taken_over(known: KnownKeys, tmp_path: Path) -> None:
    other = await Ledger.open(tmp_path / "ledger.db")
    made = await other.api_keys.create(ALICE, 0.0)
    await known.refresh()
    assert known.find(made.secret) == made.key
    await other.api_keys.revoke(made.key.id, 1.0)
    await other.aclose()
    await known.refresh()
    assert (known.find(made.secret), known.in_use) == (None, True)


async def test_an_older_look_at_the_ledger_does_not_bring_a_revoked_key_back(known: KnownKeys) -> None:
    made = await known.create(ALICE)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(known.refresh)
        await known.revoke(made.key.id)
        assert known.find(made.secret) is None
    assert known.find(made.secret) is None


async def test_a_key_ends_by_the_clock_alone(known: KnownKeys, clock: Clock) -> None:
    made = await known.create(checked_grant("a", expires_at_s=clock.now_s + 60))
    clock.now_s += 59
    assert known.find(made.secret) is not None
    clock.now_s += 1
    assert known.find(made.secret) is None


async def test_a_ledger_that_is_away_leaves_the_keys_as_they_were(known: KnownKeys, ledger: Ledger) -> None:
    made = await known.create(ALICE)
    for reader in ledger.database._readers:
        await reader.async_run(reader.execute, "PRAGMA query_only = OFF; CREATE TEMP TABLE api_keys (x)")
    with pytest.raises(Unavailable):
        await known.refresh()
    assert (known.find(made.secret), known.in_use) == (made.key, True)


async def test_the_last_use_is_written_once_a_minute(known: KnownKeys, keys: ApiKeys, clock: Clock) -> None:
    made, seen = await known.create(ALICE), []
    for now_s in (1000.0, 1030.0, 1060.0):
        clock.now_s = now_s
        known.find(made.secret)
        await known._write_used()
        seen.append((await keys.one(made.key.id)).last_used_at_s)
    assert seen == [1000.0, 1000.0, 1060.0]


async def test_a_session_stands_for_its_key_until_the_sign_out(known: KnownKeys) -> None:
    made = await known.create(ALICE)
    token = await known.sign_in(made.key)
    assert (known.session(token), known.session(token + "x")) == (made.key, None)
    await known.sign_out(token)
    assert known.session(token) is None


async def test_a_session_ends_with_its_key_and_by_itself(known: KnownKeys, clock: Clock) -> None:
    made, other = await known.create(ALICE), await known.create(ALICE)
    token, later = await known.sign_in(made.key), await known.sign_in(other.key)
    await known.revoke(made.key.id)
    assert (known.session(token), known.session(later)) == (None, other.key)
    clock.now_s += LASTS_S
    assert known.session(later) is None


async def test_of_one_key_so_many_sessions_go_on(known: KnownKeys, clock: Clock) -> None:
    made, tokens = await known.create(ALICE), []
    for _ in range(MOST_OF_A_KEY + 1):
        clock.now_s += 1
        tokens.append(await known.sign_in(made.key))
    assert [known.session(token) is None for token in tokens] == [True] + [False] * MOST_OF_A_KEY


async def test_whoever_waits_for_a_change_hears_of_an_end(known: KnownKeys) -> None:
    made = await known.create(ALICE)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(known.changed)
            await anyio.wait_all_tasks_blocked()
            await known.revoke(made.key.id)


OLD = {"id": "key_0011aabb", "name": "front desk", "digest": "d" * 64, "created_at": 5.0, "expires_at": None}


def former(folder: Path, text: str | bytes) -> Path:
    (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


async def test_keys_of_an_earlier_release_get_all_scopes(keys: ApiKeys, tmp_path: Path) -> None:
    odd = OLD | {"id": "key_2", "name": "Büro / <1>", "digest": "e" * 64, "expires_at": 7.0}
    former(tmp_path, json.dumps({"keys": [OLD, odd]}))
    assert are_in_use(tmp_path)
    assert await take_over(tmp_path, keys, 9.0) == TakenOver(2, is_readable=True)
    found = await keys.listed()
    assert [(key.user, key.state(9.0)) for key in found] == [("front desk", "valid"), ("key_2", "expired")]
    assert found[0].scopes == {"ask", "write", "admin"}
    assert stat.S_IMODE((tmp_path / ASIDE).stat().st_mode) == 0o600
    assert (await take_over(tmp_path, keys, 9.0), are_in_use(tmp_path)) == (None, True)


async def test_a_file_that_comes_back_revives_no_key(keys: ApiKeys, tmp_path: Path) -> None:
    text = json.dumps({"keys": [OLD]})
    await take_over(former(tmp_path, text), keys, 9.0)
    await keys.revoke(OLD["id"], 10.0)  # type: ignore[arg-type]
    assert await take_over(former(tmp_path, text), keys, 11.0) == TakenOver(0, is_readable=True)
    assert [key.state(12.0) for key in await keys.listed()] == ["revoked"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"keys": []}', '{"keys": [{}]}', '{"keys": 1}', "[" * 100_000, b"\xff\x00"]
)
async def test_a_file_without_keys_makes_the_service_ask_all_the_same(
    text: str | bytes, known: KnownKeys, tmp_path: Path
) -> None:
    former(tmp_path, text)
    assert are_in_use(tmp_path)
    await take_over(tmp_path, known.ledger, 9.0)
    await known.refresh()
    assert known.in_use
    assert [(key.id, key.state(9.0)) for key in await known.ledger.listed()] == [(LOST, "revoked")]


async def test_a_damaged_file_adds_nothing_to_keys_that_are_there(keys: ApiKeys, tmp_path: Path) -> None:
    made = await keys.create(ALICE, 1.0)
    await take_over(former(tmp_path, '{"keys": []}'), keys, 9.0)
    assert await keys.listed() == [made.key]


async def test_a_file_that_cannot_be_read_is_a_wrong_setting(keys: ApiKeys, tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(Misconfigured, match=FILE):
        await take_over(tmp_path, keys, 9.0)


async def test_a_folder_tells_whether_keys_were_in_use(keys: ApiKeys, tmp_path: Path) -> None:
    assert not are_in_use(tmp_path / "missing") and not are_in_use(tmp_path)
    made: MadeKey = await keys.create(ALICE, 1.0)
    ended: ApiKey = await keys.revoke(made.key.id, 2.0)
    assert (ended.is_valid(3.0), are_in_use(tmp_path)) == (False, True)
