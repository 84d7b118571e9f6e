"""Small documents that the tests make themselves, so that nothing is copied from elsewhere."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

pymupdf: Any = importlib.import_module("pymupdf")  # without types, so its calls need none

ENGLISH = (
    "The lighthouse keeper of Arnholm wound the clock every evening at seven. The lamp burned {number} litres"
    " of oil a night, and the keeper noted the weather in a blue book that is now in the town museum."
)
CHINESE = (
    "阿恩霍尔姆的灯塔看守人每天晚上七点给时钟上发条。灯每晚烧掉{number}升油，"
    "看守人把天气记在一本蓝色的本子里，本子现在收藏在镇博物馆。"
)


def english_pdf(pages: int = 1, texts: Sequence[str] | None = None) -> bytes:
    """Return a PDF in English; `texts` gives one text per page, else each page tells its number."""
    return _pdf(texts or [ENGLISH.format(number=number) for number in range(1, pages + 1)], "helv")


def chinese_pdf(pages: int = 1, texts: Sequence[str] | None = None) -> bytes:
    """Return a PDF in simplified Chinese with MuPDF's built-in font."""
    return _pdf(texts or [CHINESE.format(number=number) for number in range(1, pages + 1)], "china-s")


def encrypted_pdf(password: str = "secret") -> bytes:
    """Return a PDF that opens with a password only."""
    with pymupdf.open(stream=english_pdf(), filetype="pdf") as document:
        return bytes(
            document.tobytes(
                encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=password, owner_pw=password + "!"
            )
        )


def image_only_pdf(pages: int = 1) -> bytes:
    """Return a scan without a text layer."""
    with pymupdf.open() as document:
        for _ in range(pages):
            picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 40, 40), False)
            picture.clear_with(200)
            document.new_page().insert_image(pymupdf.Rect(50, 50, 200, 200), pixmap=picture)
        return bytes(document.tobytes())


def two_column_pdf(left: Sequence[str], right: Sequence[str]) -> bytes:
    """Return a PDF of one page with given lines in two columns."""
    with pymupdf.open() as document:
        page = document.new_page()
        for x, lines in ((60, left), (320, right)):
            for place, line in enumerate(lines):
                page.insert_text((x, 80 + 13 * place), line, fontsize=10, fontname="helv")
        return bytes(document.tobytes())


def lying_pdf(count: int) -> bytes:
    """Return a PDF of one page whose page tree claims another number."""
    return english_pdf().replace(b"/Count 1", b"/Count %d" % count)


def bomb_pdf(mebibytes: int = 200) -> bytes:
    """Return a small file with a content stream that inflates to so much."""
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((50, 50), "x")
        (xref,) = page.get_contents()
        document.update_stream(xref, b"q Q " * (mebibytes * 256 * 1024))
        return bytes(document.tobytes(deflate=True))


def words_under(pdf: bytes, page: int, marks: Sequence[Sequence[float]]) -> str:
    """Return the text of a page that lies under marks, given as parts of its sides; by PyMuPDF."""
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        one = document[page - 1]
        width, height = one.rect.width, one.rect.height
        boxes = [(m[0] * width, m[1] * height, m[2] * width, m[3] * height) for m in marks]
        return "".join(
            char["c"]
            for block in one.get_text("rawdict")["blocks"]
            for line in block["lines"]
            for span in line["spans"]
            for char in span["chars"]
            if any(_is_inside(char["bbox"], box) for box in boxes)
        )


def _is_inside(char: Sequence[float], box: Sequence[float]) -> bool:
    x, y = (char[0] + char[2]) / 2, (char[1] + char[3]) / 2
    return box[0] < x < box[2] and box[1] < y < box[3]


def write(folder: Path, name: str, data: bytes) -> Path:
    """Write a new file with the bytes and return its path."""
    path = folder / name
    path.write_bytes(data)
    return path


def _pdf(texts: Sequence[str], font: str) -> bytes:
    with pymupdf.open() as document:
        for text in texts:
            page = document.new_page()
            left_over = page.insert_textbox(pymupdf.Rect(60, 60, 535, 780), text, fontsize=11, fontname=font)
            if left_over < 0:
                raise ValueError("the text does not fit on a page")
        return bytes(document.tobytes(deflate=True))
