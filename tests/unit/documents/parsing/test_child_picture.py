"""Pictures as documents: how many pages they have, what is unreadable, and what is too large to be opened."""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kotaemon_async.documents.parsing import child_images
from kotaemon_async.documents.parsing.child_picture import PictureDocument, open_document
from kotaemon_async.documents.parsing.child_problem import FileError

RED, GREEN = (255, 0, 0), (0, 160, 0)


def encoded(
    kind: str, colours: Sequence[Any] = (RED,), size: tuple[int, int] = (300, 200), **given: Any
) -> bytes:
    first, *others = (Image.new("RGB", size, colour) for colour in colours)
    output = io.BytesIO()
    frames = {"save_all": True, "append_images": others} if others else {}
    first.save(output, kind, **frames, **given)
    return output.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0")),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def opened(folder: Path, data: bytes, kind: str) -> PictureDocument:
    (path := folder / "picture").write_bytes(data)
    return open_document(str(path), f"image/{kind}", 5000)


def gray(document: PictureDocument, number: int = 1) -> np.ndarray[Any, Any]:
    scan = document.scan(number)
    points = np.frombuffer(zlib.decompress(scan["gray"]), np.uint8)
    return points.reshape(scan["height"], scan["width"])


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "bmp", "webp", "gif"])
def test_a_picture_is_one_page_without_text(tmp_path: Path, kind: str) -> None:
    document = opened(tmp_path, encoded(kind), kind)
    assert (len(document), document.unit(1).problem, document.unit(1).kind) == (1, "no_text", "page")
    assert gray(document).shape == (800, 1200) and 110 < gray(document)[400, 600] < 150


def test_a_tiff_of_three_has_three_pages(tmp_path: Path) -> None:
    document = opened(tmp_path, encoded("tiff", [RED, (255, 255, 255), (0, 0, 0)]), "tiff")
    assert [int(gray(document, number)[9, 9]) for number in (2, 3)] == [255, 0]
    assert len(document) == 3


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_of_moving_pictures_the_first_is_the_page(tmp_path: Path, kind: str) -> None:
    given: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
    document = opened(tmp_path, encoded(kind, [(255, 255, 255), (0, 0, 0)], **given), kind)
    assert (len(document), int(gray(document)[9, 9])) == (1, 255)


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x112] = 6
    document = opened(tmp_path, encoded("jpeg", exif=turned), "jpeg")
    assert gray(document).shape == (1200, 800)


def test_a_photo_is_drawn_at_most_so_large(tmp_path: Path) -> None:
    document = opened(tmp_path, encoded("jpeg", size=(6000, 4000)), "jpeg")
    assert 3500 <= gray(document).shape[1] <= 3600


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (20_000, 20_000), (100_001, 1_000)])
def test_a_picture_that_claims_to_be_huge_is_not_decoded(tmp_path: Path, width: int, height: int) -> None:
    with pytest.raises(FileError) as refused:
        opened(tmp_path, png(width, height), "png").unit(1)
    assert refused.value.code == "parser_limit"


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "bmp", "webp", "gif"])
def test_a_torn_picture_is_unreadable_or_corrupt_at_every_length(tmp_path: Path, kind: str) -> None:
    whole = encoded(kind, [GREEN])
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        try:
            problem = opened(tmp_path, whole[:length], kind).unit(1).problem
        except FileError as error:
            problem = error.code
        assert problem in ("corrupt", "unreadable", "no_text")


def test_a_page_to_be_drawn_is_the_picture_itself(tmp_path: Path) -> None:
    drawn = child_images.of_page(opened(tmp_path, encoded("tiff", [RED, GREEN]), "tiff").page(2), 400, "")
    picture = Image.open(io.BytesIO(drawn["png"]))
    assert (picture.size, picture.getpixel((200, 100))) == ((400, 267), GREEN)
