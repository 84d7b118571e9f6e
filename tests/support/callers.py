"""Callers of a service that asks who they are."""

from dataclasses import dataclass

from kotaemon_async.domain.callers import Caller, KeyScope
from kotaemon_async.http.identity import NoKeys

_USER: frozenset[KeyScope] = frozenset({"ask", "write"})


def a_user(name: str, *groups: str) -> Caller:
    """One who may ask and write, and is no admin."""
    return Caller(f"key_{name}", name, frozenset(groups), _USER)


ALICE = a_user("alice")
BOB = a_user("bob", "staff")
ADMIN = Caller("key_root", "root")


@dataclass(frozen=True, slots=True)
class KeyOfUser:
    """A key that is known by the name of its user."""

    caller: Caller


class KeyedUsers(NoKeys):
    """Callers need a key, and each of the users has one that says his name."""

    in_use = True

    def __init__(self, *callers: Caller) -> None:
        self._callers = {caller.user: caller for caller in callers}

    def find(self, secret: str) -> KeyOfUser | None:
        caller = self._callers.get(secret)
        return None if caller is None else KeyOfUser(caller)
