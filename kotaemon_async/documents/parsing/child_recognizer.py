"""The lines of text in a picture, by RapidOCR with the models inside its wheel; runs inside the OCR child.

The picture is put upright by evidence: lines that stand tall lie on their side, and of two opposite turns the
one is right in which some lines are read with more confidence. Lines are looked for in a smaller picture and
read in the whole one: that costs a third of the memory, and small letters stay legible.
"""

import importlib
import logging
from collections.abc import Callable, Sequence
from itertools import chain
from math import atan2, hypot
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

cv2: Any = importlib.import_module("cv2")  # without types, so its calls need none
rapidocr: Any = importlib.import_module("rapidocr")

#: Only what is inside the wheel is named here: for any other model a download would be tried.
_PARAMETERS = {
    "Global.use_cls": False,  # it turns good lines over
    "Global.max_side_len": 20_000,
    "Global.text_score": 0.0,
    "Global.log_level": "critical",
    "Det.limit_type": "max",
    "Det.limit_side_len": 2000,
    "Rec.rec_batch_num": 1,  # a batch is as wide as its longest line, and takes as much memory
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
#: The longest side of the picture in which lines are looked for, as a part of the whole one and in points,
#: and all of its points: the child takes some 400 bytes for each.
_FINDING_SCALE = 0.42
_LEAST_FINDING_PX, _MOST_FINDING_PX = 960, 1280
_MOST_FINDING_AREA = 1_000_000
#: Sides of lines that lie, and that stand.
_TALL = 1.5
#: A standing line is longer than so many lines are high; a single letter may be tall as well.
_TALL_LINES = 2.5
#: Lines that tell whether a picture is upside down, some times as long as high, and how sure they are.
_TOLD_BY, _TELLING_ASPECT = 5, 10.0
_SURE, _SURER = 0.92, 0.04
#: Worse lines are dropped; where those that are left are no better than this, none is text.
_LEAST_SCORE, _LEAST_MEAN_SCORE = 0.5, 0.62
#: A part of this size is dark on a page with anything on it.
_INK = 0.0004
_DARK = 0.6

Image = NDArray[np.uint8]
Quad = NDArray[np.float32]
Box = tuple[float, float, float, float]


class Word(NamedTuple):
    """A word, or a run of Chinese, and its box in pixels of the upright picture."""

    text: str
    box: Box


class ReadLine(NamedTuple):
    """A line of text in pixels of the upright picture, straightened if the picture is askew."""

    text: str
    box: Box
    words: list[Word]
    is_upright: bool = True
    score: float = 1.0


class Reading(NamedTuple):
    """What stands in a picture.

    `turn` is by how many degrees it was turned to the left to be upright, `width` and `height` are what it
    then measures; it is blank when there is nothing on it, and not whole when time was up before its end.
    """

    lines: list[ReadLine]
    turn: int
    width: int
    height: int
    is_blank: bool
    is_whole: bool = True

    @property
    def confidence(self) -> float:
        """Return the mean score of its letters, from 0 to 1."""
        return round(_mean_score(self.lines), 3)


class _Found(NamedTuple):
    """What was read in one line: each word with where it begins and ends, as parts of the line."""

    text: str
    score: float
    words: list[tuple[str, float, float]]


class Recognizer:
    """Reads one picture after the other; its models take some 75 MB."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        logging.getLogger("RapidOCR").disabled = True
        self._engine = rapidocr.RapidOCR(params=_PARAMETERS)

    def read(self, gray: Image, may_go_on: Callable[[], bool] = lambda: True) -> Reading:
        """Return the lines of a picture of one byte for each pixel, as long as it may go on."""
        turn, page = 0, gray
        quads = self._quads(page)
        if _lies_on_its_side(quads):
            turn, page = 90, np.ascontiguousarray(np.rot90(page))
            quads = self._quads(page)
        lines = _Lines(self._engine, page, quads)
        if lines.are_upside_down():
            turn += 180
        height, width = page.shape
        found, is_whole = lines.found(may_go_on, is_turned_over=turn >= 180)
        return Reading(found, turn, width, height, not found and _is_blank(gray), is_whole)

    def _quads(self, page: Image) -> list[Quad]:
        """Return the corners of every line, from the left one above on, clockwise."""
        longest = max(page.shape)
        wanted = min(max(_FINDING_SCALE * longest, _LEAST_FINDING_PX), _MOST_FINDING_PX, 2 * longest)
        scale = min(wanted / longest, (_MOST_FINDING_AREA / page.size) ** 0.5)
        small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = self._engine(
            cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), use_det=True, use_rec=False, use_cls=False
        )
        boxes = getattr(found, "boxes", None)
        factors = np.array([page.shape[1] / small.shape[1], page.shape[0] / small.shape[0]])
        return [] if boxes is None else [(box * factors).astype(np.float32) for box in boxes]


class _Lines:
    """The lines of one picture, each read once for each way that it is held."""

    def __init__(self, engine: Any, page: Image, quads: Sequence[Quad]) -> None:
        self._engine = engine
        self._page = page
        self._quads = quads
        self._read: dict[tuple[int, int], _Found] = {}
        heights = [min(_sides(quad)) for quad in quads]
        self._usual_height = float(np.median(heights)) if heights else 0.0

    def are_upside_down(self) -> bool:
        """Return whether some lines are read with more confidence when they are turned over."""
        aspects = {place: _aspect(quad) for place, quad in enumerate(self._quads) if _aspect(quad) >= _TALL}
        telling = sorted(aspects, key=lambda place: abs(aspects[place] - _TELLING_ASPECT))[:_TOLD_BY]
        if not telling:
            return False
        upright = _mean_score([self._line(place, 0) for place in telling])
        if upright >= _SURE:
            return False
        return _mean_score([self._line(place, 180) for place in telling]) > upright + _SURER

    def found(self, may_go_on: Callable[[], bool], *, is_turned_over: bool) -> tuple[list[ReadLine], bool]:
        """Return the lines that are text, none when hardly anything of it is, and whether these are all."""
        turn = 180 if is_turned_over else 0
        read = [(place, *self._best(place, turn)) for place in range(len(self._quads)) if may_go_on()]
        is_whole = len(read) == len(self._quads)
        kept = [one for one in read if one[1].score >= _LEAST_SCORE and one[1].text.strip()]
        if not kept or _mean_score([found for _, found, _ in kept]) < _LEAST_MEAN_SCORE:
            return [], is_whole
        quads = [self._held(self._quads[place], is_turned_over) for place, _, _ in kept]
        askew = _askew(quads)
        lines = [
            _line(found, quad, askew, self._page.shape, own_turn)
            for quad, (_, found, own_turn) in zip(quads, kept, strict=True)
        ]
        return lines, is_whole

    def _best(self, place: int, turn: int) -> tuple[_Found, int]:
        """Return what is read in a line and how that is turned against the page; a standing one both ways."""
        quad = self._quads[place]
        if not self._stands(quad):
            return self._line(place, turn), 0
        ways = [(self._line(place, (turn + own) % 360), own) for own in (90, 270)]
        return max(ways, key=lambda way: way[0].score)

    def _stands(self, quad: Quad) -> bool:
        width, height = _sides(quad)
        return height >= _TALL * width and height >= _TALL_LINES * self._usual_height

    def _held(self, quad: Quad, is_turned_over: bool) -> Quad:
        """Return the corners as they are on the picture when it is turned over."""
        if not is_turned_over:
            return quad
        height, width = self._page.shape
        return np.roll(np.array([width, height], np.float32) - quad, 2, axis=0)

    def _line(self, place: int, turn: int) -> _Found:
        """Return what is read in a line that is turned to the left by so many degrees."""
        if (place, turn) not in self._read:
            crop = np.rot90(_crop(self._page, self._quads[place]), turn // 90)
            picture = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_GRAY2BGR)
            self._read[place, turn] = _read(self._engine, picture)
        return self._read[place, turn]


def _read(engine: Any, picture: Image) -> _Found:
    result = engine(picture, use_det=False, use_rec=True, use_cls=False, return_word_box=True)
    if not getattr(result, "txts", None):
        return _Found("", 0.0, [])
    return _Found(result.txts[0], float(result.scores[0]), _words(result.word_results[0]))


def _words(info: Any) -> list[tuple[str, float, float]]:
    """Return the words of a line from the columns in which the model has seen their letters."""
    if info is None or not info.line_txt_len:
        return []
    usual = _step(list(chain.from_iterable(info.word_cols)), info.line_txt_len / 2)
    found = []
    for letters, places in zip(info.words, info.word_cols, strict=True):
        half = _step(places, usual) / 2
        begin, end = (places[0] - half) / info.line_txt_len, (places[-1] + half) / info.line_txt_len
        found.append(("".join(letters), min(max(begin, 0.0), 1.0), min(max(end, 0.0), 1.0)))
    return found


def _step(columns: Sequence[int], otherwise: float) -> float:
    """Return the usual distance of one letter's column from the next one's."""
    return float(np.median(np.diff(columns))) if len(columns) > 1 else otherwise


def _mean_score(found: Sequence[_Found | ReadLine]) -> float:
    """Return how sure the reading is, by letters."""
    letters = sum(len(one.text) for one in found)
    return sum(one.score * len(one.text) for one in found) / letters if letters else 0.0


def _sides(quad: Quad) -> tuple[float, float]:
    """Return the width and the height of a line as it lies on the picture."""
    above, right, below, left = (
        hypot(*(quad[one] - quad[other])) for one, other in ((0, 1), (1, 2), (2, 3), (3, 0))
    )
    return (above + below) / 2, (left + right) / 2


def _aspect(quad: Quad) -> float:
    width, height = _sides(quad)
    return width / max(height, 1.0)


def _lies_on_its_side(quads: Sequence[Quad]) -> bool:
    """Return whether more text stands than lies."""
    sides = [_sides(quad) for quad in quads]
    tall = sum(height for width, height in sides if height >= _TALL * width)
    return tall > sum(width for width, height in sides if width >= _TALL * height)


def _crop(page: Image, quad: Quad) -> Image:
    width, height = (max(1, round(side)) for side in _sides(quad))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, corners)
    crop: Image = cv2.warpPerspective(
        page, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC
    )
    return crop


def _askew(quads: Sequence[Quad]) -> float:
    """Return the angle of the lines that lie, in radians; the longer ones tell it."""
    lying = [(quad[1] - quad[0], _sides(quad)[0]) for quad in quads if _aspect(quad) >= _TALL]
    if not lying:
        return 0.0
    told = sorted((atan2(float(along[1]), float(along[0])), length) for along, length in lying)
    half = sum(length for _, length in told) / 2
    for angle, length in told:
        half -= length
        if half <= 0:
            return angle
    return told[-1][0]


def _line(found: _Found, quad: Quad, askew: float, shape: tuple[int, ...], own_turn: int) -> ReadLine:
    """Return the line with its box straightened around the middle of the picture, and its words in place."""
    middle = np.array([shape[1] / 2, shape[0] / 2])
    cosine, sine = np.cos(-askew), np.sin(-askew)
    x, y = np.array([[cosine, -sine], [sine, cosine]]) @ (quad.mean(axis=0) - middle) + middle
    width, height = _sides(quad)
    box = (float(x - width / 2), float(y - height / 2), float(x + width / 2), float(y + height / 2))
    begun = np.roll(quad, -1 if own_turn == 90 else 1, axis=0) if own_turn else quad
    words = [Word(text, _part(begun, begin, end)) for text, begin, end in found.words]
    return ReadLine(found.text, box, words, own_turn == 0, found.score)


def _part(quad: Quad, begin: float, end: float) -> Box:
    """Return the box around a part of a line, whose corners begin where the line does."""
    above, below = quad[1] - quad[0], quad[2] - quad[3]
    points = np.array(
        [quad[0] + above * part for part in (begin, end)] + [quad[3] + below * part for part in (begin, end)]
    )
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _is_blank(gray: Image) -> bool:
    """Return whether hardly a point is darker than the paper."""
    return float((gray < _DARK * float(np.median(gray))).mean()) < _INK
