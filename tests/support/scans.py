"""Pages as scanners make them: text drawn as a picture, lying, askew or with noise."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.documents import pymupdf

Image = NDArray[np.uint8]

ENGLISH = (
    "The pressure valve V-8821 is inspected every quarter by the crew.",
    "Operators record the reading and compare it with the limit of",
    "4200 kPa. Above it the line is stopped within fifteen minutes.",
)
CHINESE = (
    "压力阀每季度由检修班组检查一次，操作人员将读数记入日志，并与",
    "制造商规定的4200千帕限值进行比较。如果读数超过限值，应在十五",
    "分钟内停止生产线，并立即通知值班主管。备用阀门存放在二号仓库。",
)


def page(lines: Sequence[str], *, size: float = 11.0, left: float = 72.0, top: float = 90.0) -> Image:
    """Return the lines as a gray picture of a sheet, drawn with 200 points an inch in MuPDF's own fonts."""
    with pymupdf.open() as document:
        sheet = document.new_page()
        write(sheet, lines, size=size, left=left, top=top)
        pixels = sheet.get_pixmap(dpi=200, colorspace=pymupdf.csGRAY, alpha=False)
        return np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width).copy()


def write(sheet: Any, lines: Sequence[str], *, size: float, left: float, top: float) -> None:
    """Write lines on a page of a PDF."""
    for place, line in enumerate(lines):
        font = "helv" if line.isascii() else "china-s"
        sheet.insert_text((left, top + 1.6 * size * place), line, fontsize=size, fontname=font)


def noisy(image: Image, strength: float = 25.0) -> Image:
    """Return the picture with grain, always the same."""
    grain = np.random.default_rng(7).normal(0, strength, image.shape)
    return (image + grain).clip(0, 255).astype(np.uint8)


def askew(image: Image, degrees: float) -> Image:
    """Return the picture turned a little to the left, on a sheet of the same size."""
    from PIL import Image as Pillow

    turned = Pillow.fromarray(image).rotate(degrees, resample=Pillow.Resampling.BICUBIC, fillcolor=255)
    return np.asarray(turned)


def pdf(pages: Sequence[Image | str], *, rotate: int = 0) -> bytes:
    """Return a PDF whose pages are pictures, or texts that need none; `rotate` is how it is shown."""
    with pymupdf.open() as document:
        for one in pages:
            if isinstance(one, str):
                document.new_page().insert_text((72, 90), one, fontsize=11)
            else:
                height, width = one.shape
                sheet = document.new_page(width=width * 0.36, height=height * 0.36)
                sheet.insert_image(sheet.rect, stream=png(one))
                sheet.set_rotation(rotate)
        return bytes(document.tobytes(deflate=True))


def png(image: Image) -> bytes:
    """Return the picture as a PNG."""
    height, width = image.shape
    return bytes(pymupdf.Pixmap(pymupdf.csGRAY, width, height, image.tobytes(), 0).tobytes("png"))


def letters(lines: Sequence[str]) -> str:
    """Return the lines as one run of letters, as readings are compared."""
    return "".join("".join(lines).split())


def tiff(pages: int) -> bytes:
    """Return so many small pictures, each of one grey, in one file."""
    from PIL import Image as Pillow

    first, *others = (Pillow.new("L", (60, 80), 100 + number) for number in range(pages))
    output = io.BytesIO()
    first.save(output, "TIFF", save_all=True, append_images=others)
    return output.getvalue()
