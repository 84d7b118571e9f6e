"""Keeps one vector child alive on one folder, and puts a folder aside that is no good any more."""

import asyncio
import errno
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal, cast

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.memory import resident_bytes
from kotaemon_async.search.vectors.pipe import IndexLocation, VectorChild, VectorReply, unavailable
from kotaemon_async.stores.files import try_lock
from kotaemon_async.telemetry import metrics

#: Why an index was put aside: its folder was taken away, changed by somebody else, of another model, broken;
#: it was not what the ledger says; most of it was deleted vectors; a person asked for it.
DiscardReason = Literal["lost", "changed", "model", "broken", "audit", "worn", "asked"]

START_TIMEOUT_S: Final = 20.0
#: A large index gets more: this is how fast the slowest disk is that still counts as working.
START_BYTES_PER_S: Final = 20e6
CLOSE_GRACE_S: Final = 5.0
FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0
#: Deaths that damaged files cause. SIGKILL is not one: that is the kernel, short of memory, or a person.
DAMAGE_SIGNALS: Final = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE}
#: Two failed starts or three failures in use give a folder up, unless a child ran steadily in between.
DAMAGE_LIMIT: Final = 6
DAMAGE_OF_START: Final = 3
DAMAGE_OF_USE: Final = 2
STEADY_S: Final = 600.0
#: What fails in use again so soon after a new beginning fails for another reason than damaged files.
REST_S: Final = 300.0
#: A child that has grown is replaced once within so long, and only when it has grown by this factor: an index
#: that needs the memory would take it again.
RECYCLE_EVERY_S: Final = 600.0
GROWTH: Final = 2.0


class VectorSupervisor:
    """The child, when it is ready; its `generation` changes whenever the index begins anew.

    Between failures there is a growing pause, in which calls fail at once. Used by one task only.
    """

    def __init__(
        self,
        location: IndexLocation,
        clock: Callable[[], float],
        *,
        launched: VectorChild | None = None,
    ) -> None:
        self.location = location
        self._launched = launched
        self.generation = ""
        self.starts = 0
        self.child: VectorChild | None = None
        self._clock = clock
        self._fresh_bytes = 0
        self._is_exact = False
        self._broken: DiscardReason | None = None
        self._failures = 0
        self._damage = 0
        self._spawned = 0
        self._started_s: float | None = None
        self._spared_until_s = 0.0
        self._retry_at_s = 0.0

    @property
    def is_ready(self) -> bool:
        """Return whether there is a child that lives and has said hello."""
        return self.child is not None and self.child.process.returncode is None and self._broken is None

    @property
    def is_exact(self) -> bool:
        """Return whether the present child has every vector in its matrix, as far as it has said so."""
        return self.child is not None and self._is_exact

    async def ready_child(self) -> VectorChild:
        """Return the child. Raises: Unavailable, at once during the pause after a failure."""
        if self.child is not None and self.child.process.returncode is not None:
            # It died while nobody was asking: nobody has been told, so nobody has to wait for a pause.
            paused = self._failures > 0
            await self.retire(self.child, grace_s=0)
            self._retry_at_s = self._retry_at_s if paused else 0.0
        if self._broken is not None:
            await self._put_aside(self._broken)
        if self.child is None:
            pause_s = self._retry_at_s - self._clock()
            if pause_s > 0:
                raise unavailable("The vector index is being started again.", retry_after_s=pause_s)
            self.child = await self._start()
        return self.child

    async def retire(self, child: VectorChild, *, grace_s: float, damage: int = DAMAGE_OF_USE) -> None:
        """End the child, so that the lock on the folder is free for the next one."""
        self.child = None
        self._count_failure()
        status = await child.process.aclose(grace_s=grace_s)
        logger.bind(child="vectors", pid=child.process.pid, exit_status=status).warning("child_retired")
        if status in DAMAGE_SIGNALS:
            self._count_damage(damage)

    async def recycle(self, limit_bytes: int) -> None:
        """Replace a child that has grown beyond the limit; call it only while nobody asks the child."""
        child = self.child
        if child is None or not self.is_ready or self._started_s is None:
            return
        size_bytes = resident_bytes(child.process.pid)
        grown = size_bytes > max(limit_bytes, GROWTH * self._fresh_bytes)
        if not grown or self._clock() - self._started_s < RECYCLE_EVERY_S:
            return
        self.child = None
        status = await child.process.aclose(grace_s=CLOSE_GRACE_S)
        log = logger.bind(child="vectors", pid=child.process.pid, exit_status=status)
        log.bind(resident_bytes=size_bytes, fresh_bytes=self._fresh_bytes).info("child_recycled")
        with suppress(Unavailable):  # whoever asks next starts it again
            await self.ready_child()

    def mark_broken(self, reason: DiscardReason) -> None:
        """Begin a new generation in a new folder with the next call."""
        self._broken = self._broken or reason
        self._retry_at_s = 0.0

    def record_failure(self, reply: VectorReply) -> None:
        """Record what an error of the child says about the folder."""
        if reply.reason in ("lost", "changed"):
            self.mark_broken(cast("DiscardReason", reply.reason))
        elif reply.reason:
            self._count_damage(DAMAGE_OF_USE)

    def record_success(self, reply: VectorReply) -> None:
        """Record that a call went well; by the first one of a child everything is loaded."""
        self._failures = 0
        self._note_exact(is_exact=reply.is_exact)
        if not self._fresh_bytes and self.child is not None:
            self._fresh_bytes = resident_bytes(self.child.process.pid)

    async def aclose(self) -> None:
        """End the child: ask first, then kill."""
        child, self.child, self._launched = self.child or self._launched, None, None
        if child is not None:
            await child.process.aclose(grace_s=CLOSE_GRACE_S)

    def _note_exact(self, *, is_exact: bool) -> None:
        if is_exact != self._is_exact:
            log = logger.bind(generation=self.generation)
            log.info("exact_search_began") if is_exact else log.warning("exact_search_ended")
        self._is_exact = is_exact

    def _count_failure(self) -> None:
        self._failures += 1
        pause_s = FIRST_BACKOFF_S * 2.0 ** min(self._failures - 1, 10)
        self._retry_at_s = self._clock() + min(LONGEST_BACKOFF_S, pause_s)

    def _count_damage(self, points: int) -> None:
        if self._started_s is not None and self._clock() - self._started_s > STEADY_S:
            self._damage = 0
        self._damage += points
        spared = self._started_s is not None and self._clock() < self._spared_until_s
        if self._damage >= DAMAGE_LIMIT and not spared:
            self.mark_broken("broken")
            self._spared_until_s = self._clock() + REST_S

    async def _put_aside(self, reason: DiscardReason) -> None:
        if self.child is not None:
            await self.retire(self.child, grace_s=0)
        self._broken, self._failures, self._damage, self._retry_at_s = None, 0, 0, 0.0
        log = logger.bind(reason=reason, generation=self.generation)
        log.info("vector_index_condemned") if reason == "worn" else log.error("vector_index_condemned")
        try:
            await anyio.to_thread.run_sync(put_aside, self.location.folder)
        except OSError as error:
            self._broken = None if isinstance(error, BlockingIOError) else reason
            self._count_failure()
            raise unavailable(f"The vector index's folder cannot be put aside: {error.strerror}.") from error
        metrics.VECTOR_REBUILDS.labels(reason=reason).inc()
        self.generation = ""

    async def _start(self) -> VectorChild:
        """Return a child that has said hello; a damaged folder is put aside and the start tried once more."""
        for _ in range(2):
            child = await self._start_once()
            if child is not None:
                return child
            await self._put_aside(self._broken or "broken")
        raise unavailable("The vector index cannot open a new folder either.")

    async def _start_once(self) -> VectorChild | None:
        """Return a child, or None when the folder is broken: it said so, or two in a row died on it."""
        child, self._launched = self._launched or VectorChild.launch(), None
        self._started_s = None
        self._spawned += 1
        if self._spawned > 1:
            metrics.CHILD_RESTARTS.labels(child="vectors").inc()
        try:
            hello = await self._hello(child)
        except asyncio.CancelledError:
            await child.process.aclose()
            raise
        if hello is not None:
            self.generation, self._started_s = hello.generation, self._clock()
            self._fresh_bytes = 0
            self.starts += 1
            log = logger.bind(child="vectors", generation=hello.generation, vectors=hello.count)
            log.info("child_started")
            self._is_exact = False
            self._note_exact(is_exact=hello.is_exact)
            return child
        if self._broken:
            return None
        raise unavailable("The vector index did not start.")

    async def _hello(self, child: VectorChild) -> VectorReply | None:
        """Return the child's hello, or None when it did not come up; it has ended then."""
        size_bytes = await anyio.to_thread.run_sync(size_of, self.location.folder)
        try:
            within_s = START_TIMEOUT_S + size_bytes / START_BYTES_PER_S
            hello = await child.open(self.location, within_s=within_s)
        except Unavailable as error:
            await self.retire(child, grace_s=0, damage=DAMAGE_OF_START)
            if isinstance(error.__cause__, TimeoutError):  # SIGKILL was ours, so it was not counted as damage
                self._count_damage(DAMAGE_OF_START)
            return None
        if hello.error is None:
            return hello
        await self.retire(child, grace_s=CLOSE_GRACE_S)
        log = logger.bind(child="vectors", reason=hello.reason, detail=hello.error)
        log.warning("vector_folder_refused")
        if hello.reason:
            self.mark_broken(cast("DiscardReason", hello.reason))
        return None


@contextmanager
def holding_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock during the block. Raises: BlockingIOError when somebody else has it."""
    with folder.with_name(f"{folder.name}.lock").open("a", encoding="ascii") as lock:
        if not try_lock(lock.fileno()):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process uses it")
        yield


def put_aside(folder: Path) -> None:
    """Rename the folder to `<name>.broken-<n>`; only the newest of those is kept.

    Raises: OSError, BlockingIOError when another process uses the folder.
    """
    faults.hit("vectors.before_put_aside")
    with holding_lock(folder):
        older = list(folder.parent.glob(f"{folder.name}.broken-*"))
        numbers = [int(number) for path in older if (number := path.name.rpartition("-")[2]).isdigit()]
        if folder.exists():
            _move(folder, folder.with_name(f"{folder.name}.broken-{max(numbers, default=0) + 1}"))
            for path in older:
                shutil.rmtree(path, ignore_errors=True)
    faults.hit("vectors.after_put_aside")


def remove(folder: Path) -> None:
    """Remove an index that is not needed any more, whole.

    Raises: OSError, BlockingIOError when another process uses it.
    """
    with holding_lock(folder):
        if folder.exists():
            shutil.rmtree(folder)


def _move(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError:  # a mount point stays where it is, and what is in it has to go
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def size_of(folder: Path) -> int:
    """Return the bytes of all files in the folder; what vanishes meanwhile counts nothing."""
    total = 0
    for path in folder.glob("**/*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
