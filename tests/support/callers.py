"""Callers of a service that asks who they are."""

from kotaemon_async.domain.callers import Caller, KeyScope

_USER: frozenset[KeyScope] = frozenset({"ask", "write"})


def a_user(name: str, *groups: str) -> Caller:
    """One who may ask and write, and is no admin."""
    return Caller(f"key_{name}", name, frozenset(groups), _USER)


ALICE = a_user("alice")
BOB = a_user("bob", "staff")
ADMIN = Caller("key_root", "root")
