"""Documents whose pages are pictures: checkpoints, warnings, and what waits for text recognition."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from kotaemon_async.documents.ingest import CONFIRM_EVERY_S
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.settings import OcrSettings
from kotaemon_async.domain.model import Document, Scope
from tests.support import scans, scripted_ocr_child
from tests.support.ingest import IngestFixture, Ticks
from tests.support.scripted_ocr_child import BLANK, DEADLY, EMPTY, HANGING, LIMITED

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
async def recognition() -> AsyncIterator[Recognition]:
    opened = Recognition(OcrSettings(), script=Path(scripted_ocr_child.__file__))
    yield opened
    await opened.aclose()


async def read(rig: IngestFixture, data: bytes, recognition: Recognition | None) -> Document:
    document_id = await rig.hand_in(data, "a.tiff")
    await rig.worker(recognition=recognition).run(document_id)
    return await rig.ledger.documents.get(document_id)


async def test_every_page_is_found_by_what_its_picture_says(
    rig: IngestFixture, recognition: Recognition
) -> None:
    document = await read(rig, scans.tiff(5), recognition)
    assert (document.stage, document.pages_done, document.chunks_done) == ("indexing", 5, 5)
    ((name, _), *_) = await rig.ledger.keywords.search("recognized page 4", Scope(), 10)
    passage = (await rig.ledger.documents.passages([name]))[name]
    assert (passage.page, passage.text, passage.place.flags) == (4, "Recognized page 4.", ("scanned",))


async def test_each_page_is_a_checkpoint(rig: IngestFixture, recognition: Recognition) -> None:
    document_id = await rig.hand_in(scans.tiff(6), "a.tiff")
    steps: list[None] = []
    await rig.worker(recognition=recognition, on_step=lambda: steps.append(None)).run(document_id)
    commits = len(steps) - 1  # the last step is the end
    assert commits == 5, "the last two pages are committed together"


async def test_words_with_boxes_are_kept_with_the_page(rig: IngestFixture, recognition: Recognition) -> None:
    document = await read(rig, scans.tiff(1), recognition)
    page = await rig.ledger.documents.whole_page(document.id, 1)
    assert page is not None and page.words == scripted_ocr_child.WORDS


async def test_pages_that_are_not_read_are_named_and_cost_nothing_else(
    rig: IngestFixture, recognition: Recognition
) -> None:
    document = await read(rig, scans.tiff(BLANK), recognition)
    assert (document.stage, document.chunks_done) == ("indexing", BLANK - 4)
    named = {place.number: one.message for one in document.warnings for place in one.places}
    assert set(named) == {DEADLY, LIMITED, EMPTY} and len(set(named.values())) == 3
    assert {one.code for one in document.warnings} == {"page_without_text"}


async def test_without_text_recognition_a_picture_fails_and_says_how_to_add_it(rig: IngestFixture) -> None:
    document = await read(rig, scans.tiff(2), None)
    assert document.error is not None and document.error.code == "no_text"
    assert "make run" in document.error.hint


async def test_it_is_read_anew_by_itself_once_text_recognition_is_there(
    rig: IngestFixture, recognition: Recognition
) -> None:
    document = await read(rig, scans.tiff(2), None)
    assert await rig.ledger.documents.start_unrecognized_anew(rig.clock()) == 1
    await rig.worker(recognition=recognition).run(document.id)
    document = await rig.ledger.documents.get(document.id)
    assert (document.stage, document.error, document.warnings) == ("indexing", None, ())
    assert await rig.ledger.documents.start_unrecognized_anew(rig.clock()) == 0


async def test_a_document_that_stays_empty_is_not_read_again_and_again(
    rig: IngestFixture, tmp_path: Path
) -> None:
    (script := tmp_path / "blind.py").write_text(
        "from kotaemon_async.documents.parsing import child_service\n"
        "from kotaemon_async.documents.parsing.child_units import Unit, as_frame\n"
        "class Blind(child_service.Requests):\n"
        "    def recognize(self, number, **picture):\n"
        "        return as_frame(number, Unit('', [], problem='nothing_recognized'))\n"
        "child_service.run(Blind)\n"
    )
    blind = Recognition(OcrSettings(), script=script)
    document = await read(rig, scans.tiff(1), blind)
    await blind.aclose()
    assert document.error is not None and document.error.code == "no_text"
    assert "make run" not in document.error.hint
    assert await rig.ledger.documents.start_unrecognized_anew(rig.clock()) == 0


async def test_a_document_that_waits_for_a_picture_says_so(
    rig: IngestFixture, recognition: Recognition
) -> None:
    document_id = await rig.hand_in(scans.tiff(HANGING), "a.tiff")
    ticks, waiting = Ticks(), None
    worker = rig.worker(recognition=recognition, ticks=ticks)
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run, document_id)
        # Before the child has the page that it hangs over, ticks may pass in which the parser is waited for.
        with anyio.move_on_after(PATIENCE_S):
            while waiting != {"kind": "ocr"}:
                await ticks.pass_by(CONFIRM_EVERY_S, 1)
                waiting = (await rig.ledger.documents.get(document_id)).waiting_for
        group.cancel_scope.cancel()
    assert waiting == {"kind": "ocr"}
