"""Pages read from their pictures: scripted children show what becomes of each, real ones read."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import anyio
import numpy as np
import pytest

from kotaemon_async.documents.parsing.formats import PDF
from kotaemon_async.documents.parsing.replies import Scan
from kotaemon_async.documents.parsing.sandbox import ParsedDocument, Sandbox
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.settings import OcrSettings, ParserSettings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Locator, Page
from tests.support import documents, scans, scripted_ocr_child
from tests.support.scripted_ocr_child import BLANK, DEADLY, EMPTY, HANGING, LIMITED

SCRIPT = Path(scripted_ocr_child.__file__)


class Drawn:
    """An open document whose pages are all one small picture."""

    async def scan(self, number: int) -> Scan:
        return Scan(problem_="unreadable") if number == 0 else Scan(width=1, height=1)


PARSED = cast("ParsedDocument", Drawn())


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def page(number: int) -> Page:
    return Page(number, "", place=Locator("page", number, "iv"), problem="no_text")


@pytest.fixture
async def recognition() -> AsyncIterator[Recognition]:
    opened = Recognition(OcrSettings(wall_s=60.0), script=SCRIPT)
    yield opened
    pids = opened.pids
    await opened.aclose()
    assert not any(map(exists, pids))


@pytest.fixture(scope="module")
async def real() -> AsyncIterator[Recognition]:
    opened = Recognition(OcrSettings())
    yield opened
    await opened.aclose()


async def test_a_page_has_the_text_of_its_picture_and_is_called_scanned(recognition: Recognition) -> None:
    found = await recognition.read(PARSED, page(3))
    assert (found.text, found.words, found.problem) == ("Recognized page 3.", scripted_ocr_child.WORDS, "")
    assert found.place == Locator("page", 3, "iv", flags=("scanned",))


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (DEADLY, "recognition_failed"),
        (LIMITED, "recognition_limit"),
        (HANGING, "recognition_limit"),
        (EMPTY, "nothing_recognized"),
        (BLANK, ""),
        (0, "unreadable"),
    ],
)
async def test_what_goes_wrong_costs_this_page_alone(number: int, problem: str) -> None:
    recognition = Recognition(OcrSettings(wall_s=3.0 if number == HANGING else 60.0), script=SCRIPT)
    found = await recognition.read(PARSED, page(number))
    assert (found.text, found.problem) == ("", problem)
    assert (await recognition.read(PARSED, page(1))).text == "Recognized page 1."
    await recognition.aclose()


async def test_one_child_reads_all_pages_and_is_ended_when_idle(recognition: Recognition) -> None:
    async with anyio.create_task_group() as group:
        for number in range(1, 4):
            group.start_soon(recognition.read, PARSED, page(number))
    (pid,) = recognition.pids
    await recognition.release_idle()
    assert recognition.pids == () and not exists(pid)


async def test_the_child_is_ended_after_a_pause_without_pages_and_not_before(
    recognition: Recognition,
) -> None:
    await recognition.read(PARSED, page(1))
    seen: list[int] = []

    async def sleep(_: float) -> None:
        seen.append(len(recognition.pids))
        if len(seen) == 1:
            await recognition.read(PARSED, page(2))
        if len(seen) == 3:
            raise Unavailable("enough", code="shutting_down")

    with pytest.raises(Unavailable):
        await recognition.run(sleep=sleep)
    assert seen == [1, 1, 0]


async def test_a_child_that_cannot_start_is_told_in_the_health_report(tmp_path: Path) -> None:
    broken = documents.write(tmp_path, "broken.py", b"import no_such_library")
    recognition = Recognition(OcrSettings(), script=broken)
    assert (await recognition.read(PARSED, page(1))).problem == "recognition_unavailable"
    assert await recognition.check() == {"state": "available", "code": "ocr_unavailable"}
    await recognition.aclose()


@pytest.mark.parametrize(
    ("settings", "installed", "state"),
    [
        (OcrSettings(), True, "available"),
        (OcrSettings(), False, "not installed"),
        (OcrSettings(enabled=False), True, "off"),
    ],
)
async def test_it_says_whether_it_is_there(settings: OcrSettings, installed: bool, state: str) -> None:
    recognition = Recognition(settings, installed=lambda: installed)
    assert await recognition.check() == {"state": state}
    assert recognition.is_available == (state == "available")


async def test_a_stop_ends_the_wait_for_a_page(recognition: Recognition) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(recognition.aclose)
        with pytest.raises(Unavailable) as stopped:
            await recognition.read(PARSED, page(HANGING))
    assert stopped.value.code == "shutting_down"


@pytest.mark.parametrize(("name", "quarters"), [("a.png", 0), ("a.png", 1)])
async def test_a_picture_is_read_by_real_children(
    real: Recognition, tmp_path: Path, name: str, quarters: int
) -> None:
    path = documents.write(tmp_path, name, scans.png(np.rot90(scans.page(scans.CHINESE), quarters)))
    sandbox = Sandbox(ParserSettings(children=1), max_pages=10)
    async with sandbox.open(path, "image/png") as parsed:
        (one,) = await parsed.read(1, 1)
        found = await real.read(parsed, one)
    await sandbox.aclose()
    assert (one.problem, found.text) == ("no_text", scans.letters(scans.CHINESE))
    assert found.place.flags == ("scanned",)


def inked(image: scans.Image, mark: Sequence[float]) -> float:
    """Which part of the dark points of a page, drawn in gray, lies inside a mark."""
    height, width = image.shape
    left, top, right, bottom = (
        round(side * size) for side, size in zip(mark, (width, height) * 2, strict=True)
    )
    return float((image[top:bottom, left:right] < 128).sum() / (image < 128).sum())


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("rotate", [0, 90])
async def test_a_quote_is_marked_where_it_is_seen_on_a_scan_turned_by_the_scanner_or_the_file(
    real: Recognition, tmp_path: Path, turned: int, rotate: int
) -> None:
    both, alone = (scans.page(scans.ENGLISH[:end]) for end in (3, 1))
    data = scans.pdf([np.rot90(both, turned // 90)], rotate=rotate)
    sandbox = Sandbox(ParserSettings(children=1), max_pages=10)
    async with sandbox.open(documents.write(tmp_path, "a.pdf", data), PDF) as parsed:
        (one,) = await parsed.read(1, 1)
        found = await real.read(parsed, one)
        drawn = await parsed.image(1, 1200, scans.ENGLISH[0], found.words)
    await sandbox.aclose()
    shown = np.rot90(alone, turned // 90 - rotate // 90)
    assert (one.problem, len(drawn.marks)) == ("no_text", 1)
    assert inked(shown, drawn.marks[0]) > 0.97
