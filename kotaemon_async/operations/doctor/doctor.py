"""Compare ledger, files, keywords and vectors with one another, and mend what differs.

The ledger and the files are the truth; keywords and vectors that differ from them are rebuilt whole.
Everything is read in pages and written in short transactions, so it may be done while the service runs.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from loguru import logger

from kotaemon_async.domain.errors import Refused
from kotaemon_async.operations.doctor.derived import Derived, KeywordArea, LogArea
from kotaemon_async.operations.doctor.documents import DocumentArea
from kotaemon_async.operations.doctor.examination import Examination
from kotaemon_async.operations.doctor.files import FileArea, trouble_of
from kotaemon_async.operations.doctor.report import KINDS, Difference, Report, by_kind
from kotaemon_async.operations.doctor.vectors import VectorArea
from kotaemon_async.resilience import faults
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger


class Area(Protocol):
    """One part of what is compared."""

    def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]: ...
    async def mend(self, kind: str, found: Sequence[Difference]) -> int: ...


@dataclass(frozen=True, slots=True)
class Stores:
    """What is examined; `is_alone` says that no service uses it meanwhile, `name` is the folder's own.

    `dimension` is None when no vector of the model is there to know it from. `trouble` says why the folder of
    the vector index could not be used; there are no `vectors` then, unless they were begun anew.
    """

    ledger: Ledger
    blobs: Blobs
    folder: Path
    model: str
    dimension: int | None
    vectors: VectorStore | None
    is_alone: bool
    trouble: str | None = None
    name: str = ""


class Doctor:
    """Examines everything, one examination at a time.

    `stores` is asked for each examination, as another model may have taken over. `resume` ends a repair: it
    lets workers and followers take up what was mended.
    """

    def __init__(
        self,
        stores: Callable[[], Stores],
        *,
        resume: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stores = stores
        self._resume = resume
        self._clock = clock
        self._is_busy = False
        self._begun: set[str] = set()

    async def run(self, *, repair: bool, deep: bool, name: str = "") -> Report:
        """Report what differs, and what is left of it after `repair`; `deep` also reads every file and page.

        Raises:
            Refused: `conflict` while another examination runs, `not_found` for a folder of another `name`.
            Unavailable: the ledger cannot be used.
        """
        stores = self._stores()
        if name and name != stores.name:
            raise Refused("This service uses another data folder.", code="not_found")
        if self._is_busy:
            raise Refused(
                "Another examination is running.", code="conflict", hint="Wait until that one is done."
            )
        self._is_busy, self._begun = True, set()
        began_s = time.monotonic()
        try:
            report = await self._examine(stores, Report(repair, deep))
        finally:
            self._is_busy = False
        report.duration_s = round(time.monotonic() - began_s, 3)
        for found in report.findings.values():
            logger.bind(code=found.kind, count=found.count, mended=found.mended, left=found.left).warning(
                "doctor_found"
            )
        logger.bind(verdict=report.verdict, duration_s=report.duration_s).info("doctor_ended")
        return report

    async def _examine(self, stores: Stores, report: Report) -> Report:
        if damage := await Examination(stores.ledger.database).damage(deep=report.deep):
            # Nothing that such a file says can be relied on, least of all for repairs.
            report.add("ledger_damaged", damage)
            return report
        if report.repair:
            faults.hit("doctor.before_repair")
        areas = self._areas(stores)
        suspects = [area for area in areas if await self._walk(area, report)]
        if report.repair:
            await self._resume()
            await self._look_again(suspects, report)
        return report

    async def _walk(self, area: Area, report: Report) -> bool:
        """Tell whether anything differs; with repair each page of it is mended before the next is read."""
        differs = False
        async for page in area.differences(deep=report.deep):
            for kind, found in by_kind(page).items():
                finding = report.add(kind, [one.id for one in found])
                differs = True
                if report.repair and KINDS[kind].weight == "mendable":
                    finding.mended += await area.mend(kind, found)
        return differs

    async def _look_again(self, areas: Sequence[Area], report: Report) -> None:
        """Report as mended only what was seen to be so."""
        left = Report(repair=False, deep=report.deep)
        for area in areas:
            await self._walk(area, left)
        for kind, finding in report.findings.items():
            finding.left = left.findings[kind].count if kind in left.findings else 0
        for kind, new in left.findings.items():
            report.findings.setdefault(kind, new)

    def _areas(self, stores: Stores) -> list[Area]:
        database = stores.ledger.database
        read_anew = partial(self._read_anew, stores)
        examination, derived = Examination(database), Derived(database)
        areas: list[Area] = [
            FileArea(
                examination,
                stores.blobs,
                folder=stores.folder / "blobs",
                is_alone=stores.is_alone,
                clock=self._clock,
            ),
            DocumentArea(examination, read_anew, clock=self._clock),
            KeywordArea(derived),
            LogArea(derived, read_anew, model=stores.model, dimension=stores.dimension),
        ]
        if stores.vectors is not None or stores.trouble is not None:
            areas.append(VectorArea(stores.ledger, derived, stores.vectors, trouble=stores.trouble))
        return areas

    async def _read_anew(self, stores: Stores, document_id: str) -> bool:
        if document_id in self._begun:
            return True
        try:
            document = await stores.ledger.documents.get(document_id)
        except Refused:
            return False  # deleted meanwhile
        if trouble_of(stores.blobs.path(document.sha256), document.size_bytes, None):
            return False
        await stores.ledger.documents.start_anew(document_id, self._clock(), force=True)
        self._begun.add(document_id)
        logger.bind(doc_id=document_id).warning("doctor_reads_anew")
        return True
