"""Follows folders: new, changed, renamed and removed files, by looking again and again.

A file is taken once it stood still for two looks. Documents of a folder go when their files do, but only
while the folder itself is there: a disk that was moved, unmounted or emptied at once deletes nothing. The
ledger remembers every file, so that a restart reads nothing again. What came by upload is never touched.
"""

import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from loguru import logger

from kotaemon_async.documents.folders.followed import FollowedFolder, Trouble
from kotaemon_async.documents.folders.plan import Plan, planned
from kotaemon_async.documents.folders.scan import Scan, opened_below, scanned, state_of, text_of
from kotaemon_async.documents.library import Arrival, Library
from kotaemon_async.documents.parsing.child_readers import READERS
from kotaemon_async.documents.settings import LibrarySettings
from kotaemon_async.domain.callers import SERVICE, Caller
from kotaemon_async.domain.errors import BadDocument, KotaemonError, Refused
from kotaemon_async.domain.paths import MAX_PATH_CHARS, cleaned_path, name_of
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.stores.blobs import Incoming
from kotaemon_async.stores.collections import Change
from kotaemon_async.stores.files import disk_errors, try_lock
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.watched import FileState, Taken, WatchedFile, WatchedFolder
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.traces import current, span

#: A look that takes long is followed by a longer pause: this many times its own length.
_PAUSES: Final = 10
_PIECE_BYTES: Final = 1024**2
_MAX_NAME_CHARS: Final = 255
_UNUSED_AT_ONCE: Final = 100
_NAMED_AT_ONCE: Final = 500
_MAX_NESTING: Final = 8
_LOCK: Final = "watching.lock"

Known = dict[bytes, WatchedFile]


class FolderWatch:
    """Brings the library and its followed folders together, one look after the other.

    What lies in `data_dir` is no document; a lock in it decides which of several processes looks. Collections
    that are not there yet are made by `caller`.
    """

    def __init__(  # noqa: PLR0913
        self,
        ledger: Ledger,
        library: Library,
        admission: Admission,
        *,
        settings: LibrarySettings,
        max_bytes: int,
        data_dir: Path,
        caller: Callable[[], Caller],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._ledger = ledger
        self._library = library
        self._admission = admission
        self._settings = settings
        self._max_bytes = max_bytes
        self._data_dir = data_dir
        self._caller = caller
        self._clock = clock
        self._sleep = sleep
        self._folders = [FollowedFolder(one) for one in settings.watch]
        self._names_kept: set[str] = set()
        self._is_elsewhere = True
        # A release that reads more kinds, or a higher limit, tries the refused ones again.
        self._takes = f"{max_bytes} {' '.join(sorted(READERS))}"

    async def run(self) -> None:
        """Look at each folder again and again until cancelled."""
        if not self._folders:
            await anyio.sleep_forever()
        with _lock_file(self._data_dir / _LOCK) as lock:
            while not try_lock(lock):
                await self._sleep(self._settings.watch_every_s)
            self._is_elsewhere = False
            while True:
                await self.look()
                slowest_s = max(folder.took_s for folder in self._folders)
                await self._sleep(max(self._settings.watch_every_s, _PAUSES * slowest_s))

    def register_in(self, health: Health) -> None:
        """Make its check part of the report, where folders are followed."""
        if self._folders:
            health.register("folders", self.check)

    async def check(self) -> dict[str, object]:
        """Report every folder; where one is in trouble, the part works in part."""
        folders = [folder.report(self._clock()) for folder in self._folders]
        report: dict[str, object] = {"files": sum(one.files for one in self._folders), "folders": folders}
        troubles = [folder.trouble for folder in self._folders if folder.trouble is not None]
        if troubles:
            report |= {"code": troubles[0].code, "message": troubles[0].message}
        return report | ({"elsewhere": True} if self._is_elsewhere else {})

    async def look(self) -> None:
        """Look at every folder once, and do what follows from it; failures are kept for the report."""
        for folder in self._folders:
            await self._look_at(folder)
        _show(self._folders)

    async def _keep_name(self, collection: str) -> None:
        """Make the collection before its first file comes: no user takes the name, and gets the files."""
        if self._caller() == SERVICE and collection not in self._names_kept:
            await self._ledger.collections.put(SERVICE, collection, Change(), self._clock())
            self._names_kept.add(collection)

    async def _look_at(self, folder: FollowedFolder) -> None:
        began_s = self._clock()
        folder.waits_for = None
        try:
            await self._keep_name(folder.settings.collection)
            await self._follow(folder)
        except OSError as error:
            folder.plan = Plan()
            reason = error.strerror or type(error).__name__
            message = f"{folder.key} cannot be read: {reason}. Nothing of it is deleted."
            folder.enter(Trouble("folder_unavailable", message))
        except KotaemonError as error:
            # Full, short of something, or the ledger is away: what was not done is found again.
            folder.waits_for = error.code
            logger.bind(code=error.code).info("folder_waits")
        folder.looked_at_s = self._clock()
        folder.took_s = max(0.0, folder.looked_at_s - began_s)

    async def _follow(self, folder: FollowedFolder) -> None:
        left_out = frozenset({await to_thread.run_sync(_identity, self._data_dir)})
        scan = await scanned(folder.root, sleep=self._sleep, left_out=left_out)
        kept = await self._ledger.watched.folder(folder.key)
        kept = kept or WatchedFolder(scan.root.device, scan.root.inode, takes=self._takes)
        if kept.takes != self._takes:
            await self._ledger.watched.forget_refused(folder.key)
            kept = replace(kept, takes=self._takes)
        known = await self._ledger.watched.files(folder.key)
        kept = await self._recognised(folder, kept, scan, known)
        folder.plan = plan = await self._planned(folder, scan, kept, known)
        folder.unreadable = {text_of(path): "unreadable" for path in scan.unreadable}
        await self._move_and_remove(folder, scan, plan, known)
        await to_thread.run_sync(folder.count, known)
        await self._ledger.watched.settle(folder.key)
        await self._clear()
        for path in plan.taken:
            await self._take(folder, path, scan.files[path], known)
        await self._name(folder, known)

    async def _recognised(
        self, folder: FollowedFolder, kept: WatchedFolder, scan: Scan, known: Known
    ) -> WatchedFolder:
        """Return the folder as it was kept: as it is now, where it is the same as before.

        A disk may have another number after it was mounted again; it is known by the files on it.
        """
        root = scan.root
        if (kept.device, kept.inode) == (root.device, root.inode):
            return kept
        same = sum(_has(scan, path, file.state) for path, file in known.items())
        if same * 2 < len(known) and not self._is_over(kept):
            return kept
        await self._ledger.watched.move_device(folder.key, kept.device, root.device)
        for path, file in known.items():
            if file.state.device == kept.device:
                known[path] = replace(file, state=replace(file.state, device=root.device))
        logger.bind(count=len(known)).info("folder_recognised")
        return replace(kept, device=root.device, inode=root.inode)

    async def _planned(self, folder: FollowedFolder, scan: Scan, kept: WatchedFolder, known: Known) -> Plan:
        """Return what to do; when too much is missing, that is noted with the time."""
        is_other = (kept.device, kept.inode) != (scan.root.device, scan.root.inode)
        given = {"is_other": is_other, "may_remove": self._is_over(kept)}
        plan = await to_thread.run_sync(partial(planned, scan, known, folder.plan, **given))
        # Once its time is over, what is missing is removed in the next look.
        is_held = plan.is_held or (plan.missing and self._is_over(kept))
        since_s = self._clock() if kept.held_since_s is None else kept.held_since_s
        held = replace(kept, held_since_s=since_s if is_held else None)
        if held != await self._ledger.watched.folder(folder.key):
            await self._ledger.watched.keep_folder(folder.key, held)
        if plan.is_held:
            folder.enter(self._vanished(folder, len(plan.missing) or len(known), len(known), since_s))
        else:
            folder.enter(_cut(folder, scan))
        return plan

    def _is_over(self, kept: WatchedFolder) -> bool:
        """Return whether files were missing for so long that they will not come back."""
        since_s = kept.held_since_s
        return since_s is not None and self._clock() - since_s >= self._settings.watch_hold_s

    def _vanished(self, folder: FollowedFolder, gone: int, known: int, since_s: float) -> Trouble:
        left_h = max(0.0, since_s + self._settings.watch_hold_s - self._clock()) / 3600
        words = f"{gone} of {known} files of {folder.key} are gone at once; their documents stay for"
        return Trouble("files_vanished", f"{words} {left_h:.1f} h, in case they come back.")

    async def _move_and_remove(self, folder: FollowedFolder, scan: Scan, plan: Plan, known: Known) -> None:
        """Follow files that moved, and forget those that are gone; `known` is kept up to date."""
        for file, path in plan.renamed:
            moved = replace(file, path=path, state=scan.files[path])
            name, shown = _called(path)
            await self._ledger.watched.rename(folder.key, file.path, moved, name, shown)
            del known[file.path]
            known[path] = moved
            _note("renamed")
        for file in plan.removed:
            await self._ledger.watched.forget(folder.key, file.path)
            del known[file.path]
            folder.changed(file.document_id)
            _note("removed")

    async def _take(self, folder: FollowedFolder, path: bytes, state: FileState, known: Known) -> None:
        """Make the file a document, or note why it cannot be one. Raises what passes, as Refused `busy`."""
        before = known.get(path, WatchedFile(path, state))
        try:
            with span("take file"):
                document_id = await self._accepted(folder, path, state)
        except OSError as error:
            folder.unreadable[text_of(path)] = error.strerror or type(error).__name__
            return
        except (Refused, BadDocument) as error:
            if error.retryable:
                raise
            file = replace(before, state=state, status="refused", code=error.code)
            await self._ledger.watched.keep(folder.key, file)
            _note("refused")
        else:
            if document_id is None:
                return
            folder.changed(before.document_id, document_id)
            _note("changed" if path in known else "added")
            file = WatchedFile(path, state, "taken", document_id)
        folder.recount(known.get(path), file)
        known[path] = file
        del folder.plan.waiting[path]

    async def _accepted(self, folder: FollowedFolder, path: bytes, state: FileState) -> str | None:
        """Return the id of the file's document; None when the file is written to just now."""
        if state.size_bytes > self._max_bytes:
            raise Refused("The file is too large.", code="too_large")
        name, shown = _called(path)
        async with self._admission.upload(state.size_bytes) as slot, self._library.incoming() as incoming:
            if not await _copied(folder.root, path, incoming, slot.took, state):
                return None
            document, _ = await self._library.accept(
                incoming,
                name=name,
                collection=folder.settings.collection,
                trace=current(),
                arrival=Arrival(self._caller(), shown, taken=Taken(folder.key, path, state)),
            )
        return document.id

    async def _name(self, folder: FollowedFolder, known: Known) -> None:
        """Call documents by the path of a file that they still are: of several, one may have gone."""
        if folder.unnamed is not None and not folder.unnamed:
            return
        paths: dict[str, list[bytes]] = defaultdict(list)
        for path, file in known.items():
            if file.document_id is not None:
                paths[file.document_id].append(path)
        wanted = sorted(paths if folder.unnamed is None else folder.unnamed & paths.keys())
        for first in range(0, len(wanted), _NAMED_AT_ONCE):
            for document in await self._ledger.documents.several(wanted[first : first + _NAMED_AT_ONCE]):
                names = sorted(map(_called, paths[document.id]))
                if document.path not in {path for _, path in names}:
                    await self._ledger.watched.call(document.id, *names[0])
        folder.unnamed = set()

    async def _clear(self) -> None:
        """Delete the documents of which no file is left."""
        while unused := await self._ledger.watched.unused(_UNUSED_AT_ONCE):
            for document_id in unused:
                await self._delete(document_id, _MAX_NESTING)

    async def _delete(self, document_id: str, depth: int) -> None:
        """Delete the document, after what came out of it and of nothing else."""
        for member in await self._ledger.watched.own_members(document_id) if depth else ():
            await self._delete(member, depth - 1)
        try:
            await self._library.delete(SERVICE, document_id)
        except Refused:
            logger.bind(doc_id=document_id).info("document_gone_already")


def _has(scan: Scan, path: bytes, state: FileState) -> bool:
    found = scan.files.get(path)
    return found is not None and found.content == state.content


def _called(path: bytes) -> tuple[str, str]:
    """Return the name and the path by which a document is shown."""
    text = text_of(path)
    try:
        shown = cleaned_path(text)
    except Refused:
        shown = cleaned_path(text[-MAX_PATH_CHARS:])
    return name_of(shown, _MAX_NAME_CHARS) or "file", shown


def _cut(folder: FollowedFolder, scan: Scan) -> Trouble | None:
    if not scan.is_cut:
        return None
    words = f"Only the first {len(scan.files)} files of {folder.key} are followed; nothing of it is deleted."
    return Trouble("folder_unavailable", words)


def _note(change: str) -> None:
    metrics.WATCH_CHANGES.labels(change=change).inc()


def _show(folders: list[FollowedFolder]) -> None:
    """Show the figures of all folders as metrics."""
    counts = {
        "taken": sum(one.files for one in folders),
        "waiting": sum(len(one.plan.waiting) for one in folders),
        "refused": sum(len(one.refused) for one in folders),
        "unreadable": sum(len(one.unreadable) for one in folders),
    }
    for state, count in counts.items():
        metrics.WATCHED_FILES.labels(state=state).set(count)
    metrics.WATCHED_FOLDERS_UNWELL.set(sum(one.trouble is not None for one in folders))


def _identity(folder: Path) -> tuple[int, int]:
    found = state_of(folder.stat())
    return found.device, found.inode


async def _copied(
    root: bytes,
    path: bytes,
    incoming: Incoming,
    on_bytes: Callable[[int], Awaitable[None]],
    state: FileState,
) -> bool:
    """Copy the file; return False when by the end it is not what it was. Raises: OSError."""
    descriptor = await to_thread.run_sync(opened_below, root, path)
    try:
        while data := await to_thread.run_sync(os.read, descriptor, _PIECE_BYTES):
            await on_bytes(len(data))
            await incoming.write(data)
        found = await to_thread.run_sync(os.fstat, descriptor)
    finally:
        os.close(descriptor)
    return state_of(found).content == state.content and incoming.size_bytes == state.size_bytes


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    """Yield a file to lock. Raises: Unavailable."""
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
