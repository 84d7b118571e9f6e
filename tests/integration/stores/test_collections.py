"""Collections: whose they are, what callers call them, and who may do what in them."""

import pytest

from kotaemon_async.domain.callers import EVERYBODY, SERVICE, Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores import collections
from kotaemon_async.stores.collections import MAX_SHARES, Change, Collection, Rights, Share
from kotaemon_async.stores.ledger import Ledger
from tests.support.callers import ADMIN, ALICE, BOB, a_user
from tests.support.ledger import new_document

READ = Change(shares=(Share("user", "bob", False),))


async def put(ledger: Ledger, name: str, caller: Caller = ALICE, change: Change | None = None) -> Collection:
    found, _ = await ledger.collections.put(caller, name, change or Change(), 1.0)
    return found


async def hand_in(ledger: Ledger, number: int, collection: str, caller: Caller, at_s: float = 1.0) -> None:
    await ledger.documents.accept(new_document(f"doc_{number}", collection=collection, caller=caller), at_s)


async def names(ledger: Ledger, caller: Caller) -> list[str]:
    return [one.name for one in await ledger.collections.page(caller, 10)]


async def code_of(change: object) -> str:
    with pytest.raises(Refused) as caught:
        await change  # type: ignore[misc]
    return caught.value.code


async def test_the_first_document_makes_a_collection_that_is_its_sender_s_alone(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "papers", ALICE, 7.0)
    assert await ledger.collections.page(ALICE, 10) == [
        Collection("papers", "alice", "", 7.0, False, Rights.OWN)
    ]
    assert (await names(ledger, BOB), await names(ledger, ADMIN)) == ([], ["papers"])


async def test_what_everybody_makes_is_everybody_s(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "en", EVERYBODY)
    (found,) = await ledger.collections.page(BOB, 10)
    assert (found.owner, found.public, found.rights) == ("", "write", Rights.WRITE)


async def test_what_the_service_makes_is_seen_by_admins(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "docs", SERVICE)
    assert (await names(ledger, ALICE), await names(ledger, ADMIN)) == ([], ["docs"])


async def test_each_user_has_a_default_of_his_own(ledger: Ledger) -> None:
    for number, caller in enumerate((ALICE, BOB)):
        await hand_in(ledger, number, "default", caller)
    assert (await names(ledger, ALICE), await names(ledger, ADMIN)) == (
        ["default@alice"],
        ["default@alice", "default@bob"],
    )


async def test_default_is_everybody_s_where_there_is_one(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "default", EVERYBODY)
    await hand_in(ledger, 2, "default", ALICE)
    assert await names(ledger, ADMIN) == ["default"]


async def test_a_default_that_is_only_to_be_read_keeps_nobody_from_having_his_own(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "default", SERVICE)
    await ledger.collections.change(ADMIN, "default", Change(public="read"))
    await hand_in(ledger, 2, "default", ALICE)
    assert await names(ledger, ALICE) == ["default", "default@alice"]
    assert (await ledger.access.scope(ALICE, "default")).collections == ("default", "default@alice")


@pytest.mark.parametrize("owner", [None, "bob"])
async def test_another_s_default_is_refused_whether_it_is_there_or_not(
    ledger: Ledger, owner: str | None
) -> None:
    if owner:
        await hand_in(ledger, 1, "default", BOB)
    assert await code_of(hand_in(ledger, 2, "default@bob", ALICE)) == "not_found"
    assert await names(ledger, ADMIN) == (["default@bob"] if owner else [])


async def test_a_foreign_collection_takes_nothing(ledger: Ledger) -> None:
    await put(ledger, "papers")
    assert await code_of(hand_in(ledger, 1, "papers", BOB)) == "not_found"
    await ledger.collections.change(ALICE, "papers", READ)
    assert await code_of(hand_in(ledger, 1, "papers", BOB)) == "forbidden"


@pytest.mark.parametrize(
    ("share", "rights"),
    [
        (Share("user", "bob", False), Rights.READ),
        (Share("user", "bob", True), Rights.WRITE),
        (Share("group", "staff", False), Rights.READ),
        (Share("group", "staff", True), Rights.WRITE),
    ],
)
async def test_a_share_gives_a_user_or_a_group_its_rights(
    ledger: Ledger, share: Share, rights: Rights
) -> None:
    await put(ledger, "papers", change=Change(shares=(share,)))
    found = await ledger.collections.get(BOB, "papers")
    assert (found.rights, found.is_shared, found.shares) == (rights, True, None)
    assert (await ledger.collections.get(ALICE, "papers")).shares == (share,)
    assert await code_of(ledger.collections.get(a_user("carol"), "papers")) == "not_found"


async def test_the_greatest_of_several_rights_holds(ledger: Ledger) -> None:
    shares = (Share("user", "bob", False), Share("group", "staff", True))
    await put(ledger, "papers", change=Change(public="read", shares=shares))
    assert (await ledger.collections.get(BOB, "papers")).rights == Rights.WRITE
    assert (await ledger.collections.get(a_user("carol"), "papers")).rights == Rights.READ


@pytest.mark.parametrize("share", [Share("group", "bob", True), Share("user", "staff", True)])
async def test_a_group_of_a_user_s_name_is_another(ledger: Ledger, share: Share) -> None:
    await put(ledger, "papers", change=Change(shares=(share,)))
    assert await code_of(ledger.collections.get(BOB, "papers")) == "not_found"


async def test_a_share_that_is_taken_away_is_gone(ledger: Ledger) -> None:
    await put(ledger, "papers", change=READ)
    await ledger.collections.change(ALICE, "papers", Change(shares=()))
    assert await code_of(ledger.collections.get(BOB, "papers")) == "not_found"


@pytest.mark.parametrize(("shares", "code"), [((), "not_found"), (READ.shares, "forbidden")])
async def test_only_owner_and_admins_change_a_collection(
    ledger: Ledger, shares: tuple[Share, ...], code: str
) -> None:
    await put(ledger, "papers", change=Change(shares=shares))
    for change in (
        ledger.collections.change(BOB, "papers", Change(public="write")),
        ledger.collections.put(BOB, "papers", Change(public="write"), 2.0),
        ledger.collections.delete(BOB, "papers"),
    ):
        assert await code_of(change) == code
    assert (await ledger.collections.change(ADMIN, "papers", Change(public="read"))).public == "read"


async def test_a_collection_that_is_given_away_is_the_other_s(ledger: Ledger) -> None:
    await put(ledger, "papers")
    given = await ledger.collections.change(ALICE, "papers", Change(owner="bob"))
    assert (given.owner, given.rights) == ("bob", Rights.READ)
    assert (await names(ledger, ALICE), await names(ledger, BOB)) == ([], ["papers"])


@pytest.mark.parametrize(
    "change",
    [
        Change(owner=""),
        Change(owner="a/b"),
        Change(shares=(Share("user", "", True),)),
        Change(shares=(Share("user", "a/b", True),)),
        Change(shares=tuple(Share("user", f"u{n}", True) for n in range(MAX_SHARES + 1))),
    ],
)
async def test_a_wrong_change_changes_nothing(ledger: Ledger, change: Change) -> None:
    await put(ledger, "papers", change=READ)
    before = await ledger.collections.get(ALICE, "papers")
    assert await code_of(ledger.collections.change(ALICE, "papers", change)) == "bad_request"
    assert await ledger.collections.get(ALICE, "papers") == before


async def test_a_default_is_not_given_away(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "default", ALICE)
    for caller, name in ((ALICE, "default"), (ADMIN, "default@alice")):
        assert await code_of(ledger.collections.change(caller, name, Change(owner="bob"))) == "bad_request"


async def test_a_collection_is_deleted_when_it_is_empty(ledger: Ledger) -> None:
    await put(ledger, "papers", change=READ)
    await hand_in(ledger, 1, "papers", ALICE)
    assert await code_of(ledger.collections.delete(ALICE, "papers")) == "conflict"
    await ledger.documents.delete("doc_1")
    assert await names(ledger, BOB) == ["papers"]
    await ledger.collections.delete(ALICE, "papers")
    assert (await names(ledger, ADMIN), await code_of(ledger.collections.delete(ALICE, "papers"))) == (
        [],
        "not_found",
    )


async def test_a_collection_of_everybody_goes_with_its_last_document(ledger: Ledger) -> None:
    await hand_in(ledger, 1, "en", EVERYBODY)
    await hand_in(ledger, 2, "zh", EVERYBODY)
    await ledger.documents.move(EVERYBODY, "doc_2", "en", 2.0)
    assert await names(ledger, EVERYBODY) == ["en"]
    for number in (1, 2):
        await ledger.documents.delete(f"doc_{number}")
    assert await names(ledger, EVERYBODY) == []


async def test_one_user_has_no_end_of_collections(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "MAX_OWNED", 2)
    for name in ("a", "b"):
        await put(ledger, name)
    assert await code_of(ledger.collections.put(ALICE, "c", Change(), 1.0)) == "quota_exceeded"
    assert await code_of(hand_in(ledger, 1, "default", ALICE)) == "quota_exceeded"
    await put(ledger, "b")
    await put(ledger, "c", BOB)


async def test_documents_are_counted(ledger: Ledger) -> None:
    for number, (name, caller) in enumerate([("zh", ALICE), ("en", ALICE), ("en", ALICE), ("x", BOB)]):
        await hand_in(ledger, number, name, caller)
    found = await ledger.collections.counted(ALICE, 10)
    assert [(one.name, one.documents, one.ready) for one in found] == [("en", 2, 0), ("zh", 1, 0)]
    assert [one.name for one in await ledger.collections.counted(ADMIN, 2)] == ["en", "x"]


@pytest.mark.parametrize(
    "name", ["", "/", "a/b", " a", "@bob", "default@", "default@a/b", "x@bob", "c" * 101]
)
async def test_such_names_are_refused(ledger: Ledger, name: str) -> None:
    for caller in (ALICE, ADMIN):
        assert await code_of(ledger.collections.put(caller, name, Change(), 1.0)) == "bad_request"
