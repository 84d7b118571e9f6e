"""Use case: it is written down who did what, in the ledger and as a line of the log."""

from collections import Counter
from typing import Final

from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.audit import Audit, AuditEntry, AuditQuery

OK: Final = "ok"
#: Who is not known, and what is written of those that were too many to be written one by one.
UNKNOWN: Final = "unknown"
LEFT_OUT: Final = "audit.left_out"
#: What came to nothing is kept so many times a minute: of one caller at one address, and of all unknown ones.
MOST_OF_ONE: Final = 20
MOST_UNKNOWN: Final = 10


class AuditTrail:
    """Adds acts. Done ones are all kept, refused ones within bounds: guessing must not fill the disk."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._minute = 0
        self._failed: Counter[str] = Counter()
        self._left_out = 0

    async def write(self, entry: AuditEntry) -> None:
        """Add an act; a ledger that is away fails nobody, the log has the act all the same."""
        if entry.result != OK and not self._has_room(entry):
            self._left_out += 1
            return
        log(entry)
        left_out, self._left_out = self._left_out, 0
        try:
            await self._audit.add([*_left_out(left_out, entry.at), entry])
        except Unavailable as error:
            self._left_out += left_out
            logger.bind(code=error.code).error("audit_failed")

    async def page(self, query: AuditQuery) -> tuple[list[AuditEntry], str | None]:
        """Return one page of acts, the latest first, and the cursor of the next; raises KotaemonError."""
        return await self._audit.page(query)

    def _has_room(self, entry: AuditEntry) -> bool:
        minute = int(entry.at // 60)
        if minute != self._minute:
            self._minute = minute
            self._failed.clear()
        unknown = entry.caller == UNKNOWN
        key = UNKNOWN if unknown else f"{entry.caller} {entry.address}"
        self._failed[key] += 1
        return self._failed[key] <= (MOST_UNKNOWN if unknown else MOST_OF_ONE)


def log(entry: AuditEntry) -> None:
    """Tell the log of an act; names of collections stay out of it."""
    shown = None if entry.action.startswith("collections.") else entry.object or None
    bound = logger.bind(
        action=entry.action,
        object=shown,
        address=entry.address,
        result=entry.result,
        user_id=entry.caller,
    )
    bound.info("audit")


def _left_out(count: int, at_s: float) -> list[AuditEntry]:
    """Return the row that stands for refused acts that were left out, if there were any."""
    return [AuditEntry(at_s, UNKNOWN, "", LEFT_OUT, str(count), "", OK)] if count else []
