"""What a look through a folder means beside what was known: files to take, that moved, that are gone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kotaemon_async.documents.folders.scan import Scan
from kotaemon_async.stores.watched import FileState, WatchedFile

#: With more known files than these, the loss of more than half at once is not believed at first.
FEW: Final = 10


@dataclass(slots=True)
class Plan:
    """What a scan means; `waiting` and `missing` have to be so in the next scan as well.

    `is_held` says that more is missing than is believed.
    """

    taken: list[bytes] = field(default_factory=list)
    renamed: list[tuple[WatchedFile, bytes]] = field(default_factory=list)
    removed: list[WatchedFile] = field(default_factory=list)
    waiting: dict[bytes, FileState] = field(default_factory=dict)
    missing: set[bytes] = field(default_factory=set)
    is_held: bool = False


def planned(
    scan: Scan,
    known: Mapping[bytes, WatchedFile],
    before: Plan,
    *,
    is_other: bool = False,
    may_remove: bool = False,
) -> Plan:
    """Return what to do, given the plan before: what changes or is gone has to be so in two scans in a row.

    Until `may_remove`, nothing is removed when `is_other` says that the folder is not the one that it was,
    when all files are gone, or when more than half of many are.
    """
    plan = Plan()
    gone = [file for path, file in known.items() if scan.is_gone(path, file.state.device)]
    new = {path: state for path, state in scan.files.items() if path not in known}
    plan.renamed = list(_renamed(gone, new))
    for _, path in plan.renamed:
        del new[path]
    plan.waiting = _changed(scan, known) | new
    plan.taken = [path for path in plan.waiting if _stands_still(path, before, plan)]
    moved = {file.path for file, _ in plan.renamed}
    missing = [file for file in gone if file.path not in moved]
    plan.missing = {file.path for file in missing}
    unlikely = is_other or _is_unlikely(len(known), len(missing), len(scan.files))
    plan.is_held = unlikely and not may_remove
    if not plan.is_held:
        plan.removed = [file for file in missing if file.path in before.missing]
    return plan


def _changed(scan: Scan, known: Mapping[bytes, WatchedFile]) -> dict[bytes, FileState]:
    """Return known files that were written since."""
    both = ((path, file.state, scan.files.get(path)) for path, file in known.items())
    return {path: now for path, then, now in both if now is not None and now.content != then.content}


def _stands_still(path: bytes, before: Plan, now: Plan) -> bool:
    earlier = before.waiting.get(path)
    return earlier is not None and earlier.content == now.waiting[path].content


def _is_unlikely(known: int, missing: int, present: int) -> bool:
    """Return whether so many files at once rather mean that a disk is away."""
    return missing > 0 and (present == 0 or (known > FEW and missing * 2 > known))


def _renamed(
    gone: Iterable[WatchedFile], new: Mapping[bytes, FileState]
) -> Iterator[tuple[WatchedFile, bytes]]:
    """Yield known files with their new paths: same size and time, and same number on disk or same name."""
    alike: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for path, state in new.items():
        alike[state.content].append(path)
    for file in gone:
        paths = alike.get(file.state.content, [])
        same = [path for path in paths if new[path].inode == file.state.inode]
        named = [path for path in paths if _base(path) == _base(file.path)]
        # Copies of one file may be many: only what cannot be mistaken is taken for a move.
        found = same or named
        if len(found) == 1:
            paths.remove(found[0])
            yield file, found[0]


def _base(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
