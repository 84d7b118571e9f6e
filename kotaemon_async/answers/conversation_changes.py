"""What changes in conversations, told to all who follow them; a slow reader gets several changes as one."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import anyio

from kotaemon_async.domain.callers import Caller

#: More than that waits for nobody: whoever is so far behind begins anew.
MAX_WAITING: Final = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """That a turn began, ended or changed, got more text, or that it or its conversation is another or gone.

    It says what to look at, not what is there: the same change twice is one.
    """

    kind: Literal["turn", "text", "deleted", "conversation", "gone"]
    conversation_id: str
    owner: str
    answer_id: str = ""


class Listener:
    """The changes that one reader has not looked at yet, in order."""

    def __init__(self) -> None:
        self.is_behind = False
        self._waiting: dict[Change, None] = {}
        self._woken = anyio.Event()

    def tell(self, change: Change) -> None:
        """Add the change behind the others."""
        self._waiting.pop(change, None)
        self._waiting[change] = None
        self.is_behind = self.is_behind or len(self._waiting) > MAX_WAITING
        self._woken.set()

    async def changes(self, wait_s: float | None = None) -> list[Change]:
        """Return what has changed, once something has, or nothing after so many seconds."""
        with anyio.move_on_after(wait_s):
            await self._woken.wait()
        self._woken = anyio.Event()
        found, self._waiting = list(self._waiting), {}
        return found


class ConversationChanges:
    """Tells changes to those who follow the conversation, and to those who follow the list of its owner."""

    def __init__(self) -> None:
        self._of_one: defaultdict[str, set[Listener]] = defaultdict(set)
        self._of_all: dict[Listener, Caller] = {}

    def tell(self, change: Change) -> None:
        """Tell the change to all whom it concerns."""
        for listener in self._of_one.get(change.conversation_id, ()):
            listener.tell(change)
        if change.kind in ("conversation", "gone"):
            for listener, caller in self._of_all.items():
                if change.owner in caller.reads_of:
                    listener.tell(change)

    @contextmanager
    def of_one(self, conversation_id: str) -> Iterator[Listener]:
        """Listen to one conversation during the block, which its reader may see."""
        listener = Listener()
        self._of_one[conversation_id].add(listener)
        try:
            yield listener
        finally:
            self._of_one[conversation_id].discard(listener)
            if not self._of_one[conversation_id]:
                del self._of_one[conversation_id]

    @contextmanager
    def of_all(self, caller: Caller) -> Iterator[Listener]:
        """Listen to the list of the caller's conversations during the block."""
        listener = Listener()
        self._of_all[listener] = caller
        try:
            yield listener
        finally:
            del self._of_all[listener]


async def until_behind(listener: Listener) -> AsyncIterator[Change]:
    """Yield the changes as they come; end when their reader is too far behind."""
    while not listener.is_behind:
        for change in await listener.changes():
            yield change
