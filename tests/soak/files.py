"""What is handed in during a soak: small documents of which no two are alike, and some that are none."""

import os
import random

from tests.support.documents import CHINESE, ENGLISH, chinese_pdf, english_pdf, pymupdf

File = tuple[str, bytes]


def small_file(serial: int, draw: random.Random) -> File:
    """A document of one to three pages, in English or Chinese."""
    texts = [draw.choice((ENGLISH, CHINESE)).format(number=f"{serial}{page}") for page in range(3)]
    plain = "\n\n".join([f"Report {serial}", *texts])
    return draw.choice(
        (
            ("keeper.pdf", english_pdf(texts=[ENGLISH.format(number=serial), f"Page of {serial}"])),
            ("看守人.pdf", chinese_pdf(texts=texts)),
            ("notes.md", f"# {plain}".encode()),
            ("page.html", f"<html><body><h1>{serial}</h1><p>{plain}</p></body></html>".encode()),
        )
    )


def bad_files(serial: int) -> tuple[File, ...]:
    """What fails while it is read, and what is refused at the door."""
    broken = f"%PDF-1.7\nnothing of {serial} is a PDF\n%%EOF\n".encode()
    return (("broken.pdf", broken), ("empty.pdf", b""), ("noise.bin", os.urandom(500)))


def book(name: str, serial: int, pages: int) -> File:
    """A PDF that keeps a parser for a while."""
    texts = [ENGLISH.format(number=f"{serial}-{page}") for page in range(1, pages)]
    return f"{name}.pdf", english_pdf(texts=[name, *texts])


def noisy_pdf(pages: int) -> bytes:
    """Pages whose pictures are large, as noise cannot be packed."""
    with pymupdf.open() as document:
        for _ in range(pages):
            picture = pymupdf.Pixmap(pymupdf.csRGB, 500, 700, os.urandom(500 * 700 * 3), False)
            document.new_page().insert_image(pymupdf.Rect(50, 60, 550, 760), pixmap=picture)
        return bytes(document.tobytes(deflate=True))
