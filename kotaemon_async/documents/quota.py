"""How many documents and bytes one user may have, in all collections that are his."""

from dataclasses import dataclass

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.usage import Usage
from kotaemon_async.telemetry import metrics


@dataclass(frozen=True, slots=True)
class Quota:
    """What is allowed for each user; 0 is no limit."""

    documents: int = 0
    size_bytes: int = 0

    async def check(
        self,
        usage: Usage,
        caller: Caller,
        collection: str | None,
        coming_bytes: int,
        sha256: str | None = None,
    ) -> None:
        """Check that one more document has room with whom the collection belongs to; without one, the caller.

        Raises: Refused `quota_exceeded`, or that the caller may not write there.
        """
        if not self.documents and not self.size_bytes:
            return
        used = await usage.around(caller, collection, sha256)
        if not used.owner:
            return
        whose = "You have" if used.owner == caller.user else "The collection's owner has"
        if self.documents and used.documents >= self.documents:
            raise _exceeded(f"{whose} {used.documents} documents; {self.documents} are allowed.")
        if self.size_bytes and used.size_bytes + coming_bytes > self.size_bytes:
            raise _exceeded(f"{whose} {used.size_bytes} bytes; with this file it would be more than allowed.")


def _exceeded(message: str) -> Refused:
    metrics.LIMITED.labels(reason="quota_exceeded").inc()
    return Refused(message, code="quota_exceeded")
