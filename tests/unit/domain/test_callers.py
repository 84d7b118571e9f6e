"""Who asks, and what collections are called for him."""

import pytest

from kotaemon_async.domain.callers import (
    EVERYBODY,
    SERVICE,
    Caller,
    default_owner,
    is_user,
    own_default,
    shown_collection,
)

ALICE = Caller("key_1", "alice", scopes=frozenset({"ask"}))


def test_a_caller_may_what_one_of_his_scopes_allows() -> None:
    assert (ALICE.may("ask"), ALICE.may("ask", "write"), ALICE.may("write"), ALICE.is_admin) == (
        True, True, False, False,
    )  # fmt: skip


def test_an_admin_may_everything() -> None:
    assert Caller("key_2", "bob", scopes=frozenset({"admin"})).may("write")
    assert EVERYBODY.is_admin and SERVICE.is_admin


def test_the_own_default_is_called_default_by_its_user_alone() -> None:
    kept = own_default(ALICE)
    shown = [shown_collection(kept, one) for one in (ALICE, Caller("key_2", "bob"), EVERYBODY, SERVICE)]
    assert shown == ["default", "default@alice", "default@alice", "default@alice"]
    assert default_owner(kept) == "alice"


def test_nobody_s_default_is_the_common_one() -> None:
    assert (own_default(EVERYBODY), shown_collection("default", EVERYBODY)) == ("default", "default")
    assert shown_collection("default", ALICE) == "default"


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "Zoë", "王芳", "a" * 64])
def test_these_may_be_users(name: str) -> None:
    assert is_user(name)


@pytest.mark.parametrize("name", ["", " alice", "@staff", "a" * 65, "a/b", "a\n", "a:b"])
def test_these_may_not(name: str) -> None:
    assert not is_user(name)
