"""Whom the service knows by a secret, kept at hand: requests ask the memory, the memory asks the ledger.

What changes in the ledger, by this process or by a command, is taken over within half a second. A ledger that
is away changes nothing: the keys stay as they were.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.api_keys import ApiKey, ApiKeys, KeyGrant, MadeKey, digest_of
from kotaemon_async.stores.local_key import LocalKey
from kotaemon_async.stores.sessions import Sessions

#: How old what is known may be.
REFRESH_EVERY_S: Final = 0.4
#: Of one key the last use is written no more often than this.
USED_EVERY_S: Final = 60.0


class KnownKeys:
    """The keys and sessions of the ledger and the local key; `in_use` once there was a key."""

    def __init__(
        self,
        keys: ApiKeys,
        sessions: Sessions,
        local: LocalKey,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = keys
        self._sessions = sessions
        self.local = local
        self._clock = clock
        self._by_digest: dict[str, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        self._by_session: dict[str, tuple[str, float]] = {}
        self._in_use = False
        self._valid: frozenset[str] = frozenset()
        self._changed = anyio.Event()
        self._refreshing = anyio.Lock()
        self._used: dict[str, float] = {}
        self._written: dict[str, float] = {}

    @property
    def now_s(self) -> float:
        """Return the time by which keys end, in Unix seconds."""
        return self._clock()

    @property
    def in_use(self) -> bool:
        """Return whether there is or was a key."""
        return self._in_use

    def find(self, secret: str) -> ApiKey | None:
        """Return the valid key that this is, if it is one; the time it takes tells nothing about secrets."""
        return self._noted(self._by_digest.get(digest_of(secret)))

    def session(self, token: str) -> ApiKey | None:
        """Return the valid key that the session was begun with, if it goes on."""
        key_id, ends_at_s = self._by_session.get(digest_of(token), ("", 0.0))
        return self._noted(self._by_id.get(key_id)) if self._clock() < ends_at_s else None

    def is_local(self, secret: str) -> bool:
        """Return whether this is the local key."""
        return self.local.is_it(secret)

    async def changed(self) -> None:
        """Wait until a key or a session begins or ends."""
        await self._changed.wait()

    async def create(self, grant: KeyGrant) -> MadeKey:
        """Make a key, which opens at once. Raises: Unavailable."""
        made = await self.ledger.create(grant, self._clock())
        await self.refresh()
        return made

    async def rotate(self, key_id: str, grace_s: float) -> MadeKey:
        """Make a key in the place of another, which ends after the grace. Raises: Refused, Unavailable."""
        made = await self.ledger.rotate(key_id, grace_s, self._clock())
        await self.refresh()
        return made

    async def revoke(self, key_id: str) -> ApiKey:
        """End the key at once. Raises: Refused, Unavailable."""
        ended = await self.ledger.revoke(key_id, self._clock())
        await self.refresh()
        return ended

    async def sign_in(self, key: ApiKey) -> str:
        """Begin a session and return its token. Raises: Unavailable."""
        token = await self._sessions.begin(key.id, self._clock())
        await self.refresh()
        return token

    async def sign_out(self, token: str) -> None:
        """End the session. Raises: Unavailable."""
        await self._sessions.end(digest_of(token))
        await self.refresh()

    async def refresh(self) -> None:
        """Take over what the ledger holds. Raises: Unavailable."""
        # One after the other: what was read before a change must not come after what was read behind it.
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        now_s = self._clock()
        by_digest, sessions = await self.ledger.by_digest(), await self._sessions.current(now_s)
        self._by_digest, self._by_session = by_digest, sessions
        self._by_id = {key.id: key for key in by_digest.values()}
        self._in_use = self._in_use or bool(by_digest)
        valid = {digest for digest, key in by_digest.items() if key.is_valid(now_s)} | sessions.keys()
        if valid != self._valid:
            self._valid, changed = frozenset(valid), self._changed
            self._changed = anyio.Event()
            changed.set()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Take changes over, and write down which keys were used, until cancelled."""
        is_away = False
        while True:
            try:
                await self.refresh()
                await self._write_used()
                is_away = False
            except Unavailable as error:
                if not is_away:
                    logger.bind(component="keys", code=error.code).error("keys_not_read")
                is_away = True
            await sleep(REFRESH_EVERY_S)

    def _noted(self, key: ApiKey | None) -> ApiKey | None:
        now_s = self._clock()
        if key is None or not key.is_valid(now_s):
            return None
        if now_s - self._written.get(key.id, key.last_used_at_s or 0.0) >= USED_EVERY_S:
            self._used[key.id] = now_s
        return key

    async def _write_used(self) -> None:
        if not self._used:
            return
        used, self._used = self._used, {}
        try:
            await self.ledger.used(used)
        except Unavailable:
            self._used = used | self._used
            raise
        self._written |= used

    async def aclose(self) -> None:
        """Remove the local key."""
        await self.local.aclose()
