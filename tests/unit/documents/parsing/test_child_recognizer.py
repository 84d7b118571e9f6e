"""Pictures of text, read by the real models: turned, askew, with noise, or with nothing on them."""

import numpy as np
import pytest

from kotaemon_async.documents.parsing.child_recognizer import Reading, Recognizer
from tests.support import scans


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer()


def text_of(reading: Reading) -> str:
    return scans.letters([line.text for line in sorted(reading.lines, key=lambda line: line.box[1])])


@pytest.mark.parametrize("lines", [scans.ENGLISH, scans.CHINESE])
def test_a_page_is_read_letter_by_letter(recognizer: Recognizer, lines: tuple[str, ...]) -> None:
    assert text_of(recognizer.read(scans.page(lines))) == scans.letters(lines)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_page_is_put_upright(recognizer: Recognizer, quarters: int) -> None:
    reading = recognizer.read(np.rot90(scans.page(scans.ENGLISH), quarters))
    assert (text_of(reading), reading.turn) == (scans.letters(scans.ENGLISH), 360 - 90 * quarters)
    assert (reading.width, reading.height) == scans.page([]).shape[::-1]


def test_a_page_that_lies_askew_under_grain_is_read_and_straightened(recognizer: Recognizer) -> None:
    reading = recognizer.read(scans.noisy(scans.askew(scans.page(scans.CHINESE), 2.0)))
    assert text_of(reading) == scans.letters(scans.CHINESE)
    assert {round(line.box[0] / 20) for line in reading.lines} == {round(reading.lines[0].box[0] / 20)}


def test_a_word_has_its_box_where_it_is_drawn(recognizer: Recognizer) -> None:
    page = scans.page(scans.ENGLISH)
    reading = recognizer.read(page)
    (word,) = (word for line in reading.lines for word in line.words if word.text == "V-8821")
    x0, y0, x1, y1 = map(round, word.box)
    alone = scans.page([scans.ENGLISH[0][: scans.ENGLISH[0].index("V-8821")] + "V-8821"])
    right = np.nonzero((alone < 128).any(axis=0))[0].max()
    assert abs(x1 - right) < 12 and (page[y0:y1, x0:x1] < 128).any() and 80 < x1 - x0 < 150


@pytest.mark.parametrize("image", [np.full((2200, 1600), 248, np.uint8), scans.page([])])
def test_an_empty_page_is_blank(recognizer: Recognizer, image: scans.Image) -> None:
    assert recognizer.read(image) == Reading([], 0, image.shape[1], image.shape[0], is_blank=True)


def test_a_page_whose_time_is_up_gives_the_lines_that_were_read(recognizer: Recognizer) -> None:
    seconds = iter([True, True, False])
    reading = recognizer.read(scans.page(scans.ENGLISH), lambda: next(seconds))
    assert (text_of(reading), reading.is_whole) == (scans.letters(scans.ENGLISH[:2]), False)


def test_a_picture_without_text_is_not_blank_and_has_no_lines(recognizer: Recognizer) -> None:
    photo = np.random.default_rng(3).integers(0, 255, (900, 700)).astype(np.uint8)
    reading = recognizer.read(photo)
    assert (reading.lines, reading.is_blank) == ([], False)
