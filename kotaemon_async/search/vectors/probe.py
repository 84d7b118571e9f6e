"""Whether the folder of a stopped service's vector index can be used, found out without changing it."""

from typing import Final

import anyio

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.search.vectors.pipe import Child, Home, unavailable

START_TIMEOUT_S: Final = 120.0
CLOSE_GRACE_S: Final = 20.0


async def probe(home: Home) -> str | None:
    """In one word why the index has to begin anew, None for one that can be used.

    Raises: Unavailable when that cannot be said at the moment.
    """
    if not home.folder.exists():
        return "lost"
    child = await Child.spawn(home)
    try:
        with anyio.fail_after(START_TIMEOUT_S):
            hello = await child.read()
    except (TimeoutError, Unavailable):
        return "broken"
    finally:
        with anyio.CancelScope(shield=True):
            await child.close(CLOSE_GRACE_S)
    if hello.error is not None and not hello.reason:
        raise unavailable(f"The vector index cannot be opened: {hello.error}")
    return hello.reason or None
