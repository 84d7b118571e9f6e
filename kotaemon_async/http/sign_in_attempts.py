"""Slows down whoever tries one wrong key after the other; nobody else waits for it."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Refused

#: Wrong keys of one address that are told at once, and how often another one is.
AT_ONCE: Final = 10
ANOTHER_EVERY_S: Final = 6.0
#: Replies to further ones wait so long; of one address so many may wait.
PAUSE_S: Final = 1.0
MOST_WAITING: Final = 8
#: Addresses that are remembered; the one that was quiet for longest is forgotten.
MOST_ADDRESSES: Final = 4096


@dataclass(slots=True)
class _Address:
    left: float
    at_s: float
    waiting: int = 0


class SignInAttempts:
    """Wrong keys by the address they came from. A right one from the same address is not held up."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    async def refused(self, address: str) -> None:
        """Note a wrong key, write a line about it, and wait when there were many.

        Raises: Refused `rate_limited` when as many wait already.
        """
        one = self._seen(address)
        if one.left >= 1:
            one.left -= 1
            logger.bind(component="keys", address=address).warning("sign_in_refused")
            return
        if one.waiting >= MOST_WAITING:
            raise Refused(
                "Too many wrong keys came from this address.", code="rate_limited", retry_after_s=PAUSE_S
            )
        one.waiting += 1
        try:
            await self._sleep(PAUSE_S)
        finally:
            one.waiting -= 1

    def _seen(self, address: str) -> _Address:
        now_s = self._clock()
        one = self._addresses.setdefault(address, _Address(AT_ONCE, now_s))
        one.left = min(AT_ONCE, one.left + (now_s - one.at_s) / ANOTHER_EVERY_S)
        one.at_s = now_s
        self._addresses.move_to_end(address)
        if len(self._addresses) > MOST_ADDRESSES:
            self._addresses.popitem(last=False)
        return one
