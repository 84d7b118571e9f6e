"""One followed folder between two looks: its last plan, and what people should know of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from loguru import logger

from kotaemon_async.documents.folders.plan import Plan
from kotaemon_async.documents.folders.scan import text_of
from kotaemon_async.documents.settings import WatchSettings
from kotaemon_async.stores.watched import WatchedFile

#: How many names a report lists.
LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a folder is not followed as it should be."""

    code: str
    message: str


@dataclass(slots=True)
class FollowedFolder:
    """A folder with its last plan and figures; `refused` and `unreadable` say why, by path.

    `unnamed` are documents whose path may be that of a file which is another one by now; None means all.
    """

    settings: WatchSettings
    plan: Plan = field(default_factory=Plan)
    looked_at_s: float | None = None
    took_s: float = 0.0
    files: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None
    waits_for: str | None = None
    unnamed: set[str] | None = None

    @property
    def key(self) -> str:
        """Return the folder's name in the ledger and in messages."""
        return os.fsencode(self.settings.path).decode("utf-8", "replace")

    @property
    def root(self) -> bytes:
        """Return the folder as the file system has it."""
        return os.fsencode(self.settings.path)

    def enter(self, trouble: Trouble | None) -> None:
        """Note the trouble, or that there is none, and log it when it changes."""
        before, self.trouble = self.trouble, trouble
        if trouble is not None and (before is None or before.code != trouble.code):
            logger.bind(code=trouble.code, detail=trouble.message).warning("folder_in_trouble")
        elif trouble is None and before is not None:
            logger.bind(code=before.code).info("folder_well_again")

    def changed(self, *document_ids: str | None) -> None:
        """Note documents that are not the files that they were."""
        if self.unnamed is not None:
            self.unnamed |= {one for one in document_ids if one is not None}

    def count(self, known: Mapping[bytes, WatchedFile]) -> None:
        """Take over what is known of the files."""
        self.files = sum(file.status == "taken" for file in known.values())
        self.refused = {text_of(p): file.code for p, file in known.items() if file.status == "refused"}

    def recount(self, before: WatchedFile | None, now: WatchedFile) -> None:
        """Count a file that was tried just now; `before` is what it was."""
        name = text_of(now.path)
        self.files += (now.status == "taken") - (before is not None and before.status == "taken")
        self.refused.pop(name, None)
        if now.status == "refused":
            self.refused[name] = now.code

    def report(self, now_s: float) -> dict[str, object]:
        """Return what people should know of it; what is not there is left out."""
        trouble = self.trouble
        shown: dict[str, object] = {
            "path": self.key,
            "collection": self.settings.collection,
            "files": self.files,
            "waiting": len(self.plan.waiting),
            "last_scan_age_s": None if self.looked_at_s is None else round(now_s - self.looked_at_s, 3),
            "refused": _listed(self.refused),
            "unreadable": _listed(self.unreadable),
            "waits_for": self.waits_for,
            "problem": None if trouble is None else {"code": trouble.code, "message": trouble.message},
        }
        return {name: value for name, value in shown.items() if value is not None}


def _listed(names: Mapping[str, str]) -> dict[str, object] | None:
    if not names:
        return None
    return {"count": len(names), "files": {name: names[name] for name in sorted(names)[:LISTED]}}
