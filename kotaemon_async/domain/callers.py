"""Who asks, what he may do, and what collections are called for him."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

KeyScope = Literal["ask", "write", "admin"]
ALL_SCOPES: Final[frozenset[KeyScope]] = frozenset(get_args(KeyScope))

#: The file of the data folder with the key of whoever may read that folder.
LOCAL_KEY: Final = "local-key"

#: The place of documents that name no collection; each user has one of his own.
DEFAULT: Final = "default"
_OWN_DEFAULT: Final = DEFAULT + "@"
_USER: Final = re.compile(r"\w[\w .@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Caller:
    """One who asks. `id` stands for him in logs, `user` owns what he makes: "" is nobody."""

    id: str
    user: str = ""
    groups: frozenset[str] = frozenset()
    scopes: frozenset[KeyScope] = ALL_SCOPES

    @property
    def is_admin(self) -> bool:
        """Return whether he may look after the service and sees every document."""
        return "admin" in self.scopes

    @property
    def logged_as(self) -> str:
        """Return what lines and spans call him; nothing where everybody is the same."""
        return "" if self == EVERYBODY else self.id

    @property
    def reads_of(self) -> tuple[str, ...]:
        """Return whose conversations and answers he reads: his own, and as an admin those of nobody.

        >>> Caller("key_1", "alice").reads_of, Caller("key_2", "bob", scopes=frozenset({"ask"})).reads_of
        (('alice', ''), ('bob',))
        """
        own = (self.user,) if self.user else ()
        return (*own, "") if self.is_admin else own

    def may(self, *scopes: KeyScope) -> bool:
        """Return whether he may do what needs one of the scopes."""
        return self.is_admin or not self.scopes.isdisjoint(scopes)


#: Whose the things are that commands on the service's own machine make; an admin's name alone.
OPERATOR_USER: Final = "operator"
#: Whoever reaches a service that asks for no key.
EVERYBODY: Final = Caller("open")
#: The service, for what it does by itself.
SERVICE: Final = Caller("service")


def is_user(name: str) -> bool:
    """Return whether a user or a group may be called so."""
    return _USER.fullmatch(name) is not None


def own_default(caller: Caller) -> str:
    """Return what the caller's own `default` is kept as.

    >>> own_default(Caller("key_1", "alice")), own_default(EVERYBODY)
    ('default@alice', 'default')
    """
    return f"{_OWN_DEFAULT}{caller.user}" if caller.user else DEFAULT


def default_owner(name: str) -> str | None:
    """Return whose `default` the kept name is, None for any other collection.

    >>> default_owner("default@alice@example.org"), default_owner("default")
    ('alice@example.org', None)
    """
    return name.removeprefix(_OWN_DEFAULT) if name.startswith(_OWN_DEFAULT) else None


def shown_collection(name: str, caller: Caller) -> str:
    """Return what the caller calls the collection that is kept under the name.

    >>> shown_collection("default@alice", Caller("key_1", "alice"))
    'default'
    """
    return DEFAULT if caller.user and name == own_default(caller) else name
