"""How a try ends in the ledger: failed, tried again later, or given back without an attempt used up."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.documents.parsing.sandbox import ParserDied
from kotaemon_async.documents.settings import IngestSettings
from kotaemon_async.domain.errors import BadDocument, KotaemonError, LeaseLost, Unavailable
from kotaemon_async.domain.model import Failure
from kotaemon_async.resilience import capacity, faults
from kotaemon_async.resilience.backoff import backoff_s
from kotaemon_async.stores.claims import Cause, Claim
from kotaemon_async.stores.files import is_disk_full
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import impacted, metrics
from kotaemon_async.telemetry.traces import event, mark_failed

#: How soon an outcome that the ledger did not take is offered again.
RECORD_EVERY_S: Final = 1.0
#: How soon a document is tried again when a write found no room that the disk says is there.
DISK_AGAIN_S: Final = 5.0
#: How soon a document that has to be read alone asks for its turn again.
TURN_AGAIN_S: Final = 2.0
#: Wait after the first crash; a fresh parser is there at once.
CRASH_BASE_S: Final = 1.0
_FACTOR: Final = 3.0


class Outcomes:
    """Writes outcomes while the document is ours; a ledger that is away is waited for."""

    def __init__(
        self,
        ledger: Ledger,
        settings: IngestSettings,
        *,
        may_work: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._may_work = may_work
        self._clock = clock
        self._sleep = sleep

    async def record(self, claim: Claim, error: Exception) -> None:
        """Write into the ledger what the failure means for the document."""
        if isinstance(error, LeaseLost):
            logger.info("lease_lost")
        elif isinstance(error, ParserDied):
            await self._after_crash(claim, error)
        elif self._is_short_of_disk(error):
            await self._wait_for_disk(claim)
        elif isinstance(error, Unavailable):
            await self._after_error(claim, error)
        else:
            await self._fail(claim, _failure(error))

    async def requeue(self, claim: Claim) -> None:
        """Let another worker, or this one after a restart, go on from the last checkpoint."""
        with anyio.CancelScope(shield=True):
            try:
                faults.hit("ingest.before_give_back")
                await self._ledger.claims.wait(
                    claim, self._clock(), kind="worker", until_s=None, cause="shutdown"
                )
            except (LeaseLost, Unavailable) as error:
                logger.bind(code=error.code).info("lease_not_given_back")
            else:
                logger.info("document_given_back")
                event("waits", kind="worker", cause="shutdown")

    async def postpone(self, claim: Claim) -> None:
        """Put it back into the queue for a moment, with the workers that it lost still counted."""

        async def wait() -> None:
            now_s = self._clock()
            until_s = now_s + TURN_AGAIN_S
            await self._ledger.claims.wait(claim, now_s, kind="worker", until_s=until_s, cause="turn")

        if await self._recorded(wait):
            event("waits", kind="worker", cause="turn", wait_s=TURN_AGAIN_S)
            logger.bind(lost=claim.document.attempts.lost).info("document_waits_for_its_turn")

    def _is_short_of_disk(self, error: Exception) -> bool:
        if isinstance(error, capacity.InsufficientStorage) or is_disk_full(error):
            return True
        return isinstance(error, Unavailable) and not self._may_work()

    async def _after_crash(self, claim: Claim, died: ParserDied) -> None:
        document = claim.document
        crashes = document.attempts.crash + 1
        if crashes >= self._settings.max_crashes or document.attempt >= document.max_attempts:
            message = f"The parser died {_times(crashes)} over this file, the last time by {died.ending}."
            await self._fail(claim, _failure(BadDocument(message, code=died.final_code)), "crash")
        else:
            wait_s = self._backoff_s(crashes, CRASH_BASE_S)
            await self._try_again(claim, died, wait_s, "crash")

    async def _after_error(self, claim: Claim, error: Unavailable) -> None:
        document = claim.document
        if document.attempt >= document.max_attempts:
            await self._fail(claim, _failure(error), "error")
        else:
            wait_s = self._backoff_s(document.attempts.error + 1, self._settings.backoff_base_s)
            asked_s = min(error.retry_after_s or 0.0, self._settings.backoff_cap_s)
            await self._try_again(claim, error, max(wait_s, asked_s), "error")

    def _backoff_s(self, tries: int, base_s: float) -> float:
        return backoff_s(tries, base_s=base_s, cap_s=self._settings.backoff_cap_s, factor=_FACTOR)

    async def _try_again(self, claim: Claim, error: Unavailable, wait_s: float, cause: Cause) -> None:
        async def wait() -> None:
            now_s = self._clock()
            await self._ledger.claims.wait(claim, now_s, kind="retry", until_s=now_s + wait_s, cause=cause)

        if await self._recorded(wait):
            impacted.note(_component_of(error.code, cause), error.code)
            event("waits", kind="retry", code=error.code, cause=cause, wait_s=round(wait_s, 3))
            mark_failed(error.code)
            log = logger.bind(code=error.code, cause=cause, attempt=claim.document.attempt)
            log.bind(wait_s=round(wait_s, 3)).warning("document_waits")

    async def _wait_for_disk(self, claim: Claim) -> None:
        """Give a document back for want of disk; it is due again as soon as there is some."""

        async def wait() -> None:
            now_s = self._clock()
            until_s = now_s + DISK_AGAIN_S if self._may_work() else None
            await self._ledger.claims.wait(claim, now_s, kind=capacity.KIND, until_s=until_s, cause="disk")

        if await self._recorded(wait):
            impacted.note("disk", capacity.InsufficientStorage.code)
            event("waits", kind=capacity.KIND, code=capacity.InsufficientStorage.code, cause="disk")
            logger.bind(code=capacity.InsufficientStorage.code, cause="disk").warning("document_waits")

    async def _fail(self, claim: Claim, failure: Failure, cause: Cause | None = None) -> None:
        async def fail() -> None:
            await self._ledger.claims.fail(claim, failure, self._clock(), cause=cause)

        if await self._recorded(fail):
            metrics.INGEST_FAILURES.labels(code=failure.code).inc()
            impacted.note(_component_of(failure.code, cause), failure.code)
            mark_failed(failure.code)
            logger.bind(code=failure.code, attempt=claim.document.attempt).warning("document_failed")

    async def _recorded(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Write until it is written; return False when the document is not ours any more."""
        is_late = False
        while True:
            try:
                await write()
            except LeaseLost:
                logger.info("lease_lost")
                return False
            except Unavailable as error:
                if not is_late:
                    logger.bind(code=error.code).warning("outcome_not_recorded")
                is_late = True
                await self._sleep(RECORD_EVERY_S)
            else:
                return True


def cause_of(error: Exception) -> Exception:
    """Return the failure that counts in a task group's group: a lost lease before all, a bug last."""
    failures = list(_leaves(error))
    for kind in (LeaseLost, KotaemonError, Exception):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    return error


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _component_of(code: str, cause: Cause | None) -> str:
    """Name whose trouble it is: the parser's, that of the part its code names, or the document's own."""
    if cause == "crash":
        return "parser"
    return code.removesuffix("_unavailable") if code.endswith("_unavailable") else "documents"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _failure(error: Exception) -> Failure:
    if isinstance(error, KotaemonError):
        return Failure(error.code, error.message, error.hint)
    logger.opt(exception=error).error("ingest_bug")
    bug = KotaemonError("Something went wrong on our side while the file was read.")
    return Failure(bug.code, bug.message, bug.hint)
