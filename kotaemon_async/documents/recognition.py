"""Use case: pages that are pictures, or whose text is none, are read by a child that knows letters (OCR)."""

import importlib.util
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.documents.parsing.pool import ChildPool
from kotaemon_async.documents.parsing.process import ParserDied
from kotaemon_async.documents.parsing.replies import PageReply, Scan
from kotaemon_async.documents.parsing.sandbox import ParsedDocument
from kotaemon_async.documents.settings import OcrSettings, ParserSettings
from kotaemon_async.domain.errors import BadDocument, Unavailable
from kotaemon_async.domain.model import Page, PageProblem
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.traces import span

SCRIPT: Final = Path(__file__).with_name("parsing") / "child_ocr.py"
#: The library that reads; its models are inside its wheel.
LIBRARY: Final = "rapidocr"
#: Why a page has to be read from its picture.
WANTED: Final = frozenset[PageProblem]({"no_text", "garbled"})
_TRIES: Final = 2
#: What a child may have grown to between two pages, as a part of what it may take at all.
_GROWN: Final = 0.6
_MOST_PAGES_A_CHILD: Final = 1000


def is_installed() -> bool:
    """Return whether the extra `ocr` is there."""
    return importlib.util.find_spec(LIBRARY) is not None


class Recognition:
    """Reads one page at a time; its child is started for the first one and ended when no more come."""

    def __init__(
        self,
        settings: OcrSettings,
        *,
        script: Path = SCRIPT,
        installed: Callable[[], bool] = is_installed,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._settings = settings
        self._is_installed = installed()
        self._pool = ChildPool(_limits(settings), max_pages=1, script=script, kind="ocr")
        self._clock = clock
        self._begun = 0
        self._failure = ""

    @property
    def is_available(self) -> bool:
        """Return whether pages are read at all."""
        return self._settings.enabled and self._is_installed

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of its children."""
        return self._pool.pids

    def register_in(self, health: Health) -> None:
        """Make its check part of the report."""
        health.register("ocr", self.check)

    async def check(self) -> dict[str, object]:
        """Report `state`: `available`, `off` or `not installed`; a `code` while its child cannot start."""
        state = "available" if self._is_installed else "not installed"
        report: dict[str, object] = {"state": state if self._settings.enabled else "off"}
        return report | ({"code": self._failure} if self._failure else {})

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """End the child whenever no page came for a while, until cancelled."""
        while True:
            begun = self._begun
            await sleep(self._settings.idle_s)
            if begun == self._begun:
                await self._pool.release_idle()

    async def release_idle(self) -> None:
        """End the child when it waits for work."""
        await self._pool.release_idle()

    async def aclose(self) -> None:
        """End the child; whoever waits for a page gets Unavailable."""
        await self._pool.aclose()

    async def read(self, parsed: ParsedDocument, page: Page) -> Page:
        """Return the page with the text of its picture, or with the problem why there is none.

        Raises:
            BadDocument, ParserDied: what draws the page failed over it.
            Unavailable: the service stops.
        """
        self._begun += 1
        scan = await parsed.scan(page.number)
        if scan.problem_:
            return replace(page, problem=scan.problem_)
        began_s = self._clock()
        with span("recognize", first_page=page.number):
            found = await self._recognized(page.number, scan)
        metrics.OCR_PAGE_DURATION.observe(self._clock() - began_s)
        outcome = _outcome(found)
        metrics.OCR_PAGES.labels(outcome=outcome).inc()
        logger.bind(page=page.number, outcome=outcome).info("page_recognized")
        return _merged(page, found)

    async def _recognized(self, number: int, scan: Scan) -> Page:
        """Ask a child for the page, and a fresh one when the first fails over it."""
        problem: PageProblem = "recognition_failed"
        request: dict[str, object] = {"do": "recognize", "number": number, "gray": scan.gray}
        request |= {"width": scan.width, "height": scan.height}
        for _ in range(_TRIES):
            try:
                async with self._pool.borrowed() as child:
                    reply = await child.ask(request, PageReply)
            except BadDocument:
                problem, self._failure = "recognition_limit", ""
            except ParserDied:
                problem, self._failure = "recognition_failed", ""
            except Unavailable as error:
                if error.code == "shutting_down":
                    raise
                logger.bind(code=error.code).warning("ocr_not_started")
                problem, self._failure = "recognition_unavailable", "ocr_unavailable"
            else:
                self._failure = ""
                return replace(reply.page(), number=number)
        return Page(number, "", problem=problem)


def _limits(settings: OcrSettings) -> ParserSettings:
    return ParserSettings(
        memory_bytes=settings.memory_bytes,
        cpu_s=settings.cpu_s,
        wall_s=settings.wall_s,
        children=1,
        max_documents=_MOST_PAGES_A_CHILD,
        recycle_bytes=int(_GROWN * settings.memory_bytes),
    )


def _outcome(found: Page) -> str:
    """Return what came of a page, as metrics and the log call it."""
    if found.problem.startswith("recognition_"):
        return found.problem.removeprefix("recognition_")
    return "part" if found.problem == "partly_recognized" else "read" if found.text else "empty"


def _merged(page: Page, found: Page) -> Page:
    """Return the page with what was found on it; a page with nothing at all on it has no problem."""
    if not found.text:
        return replace(page, problem=found.problem)
    flags = (*page.place.flags, "scanned")
    place = replace(page.place, flags=flags, confidence=found.place.confidence)
    read = replace(page, text=found.text, blocks=found.blocks, words=found.words, place=place)
    return replace(read, problem=found.problem)
