"""What a parser child says of a picture that it drew."""

import base64
from dataclasses import dataclass
from typing import Any

#: Left, top, right, bottom as parts of the picture's sides, from 0 to 1.
Mark = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A PNG, its size in pixels, and where the quote stands in it."""

    png: bytes
    width_px: int
    height_px: int
    marks: tuple[Mark, ...]


def drawn_of(reply: dict[str, Any]) -> Drawn:
    """The picture in a child's reply."""
    marks = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in reply["marks"])
    return Drawn(base64.b64decode(reply["png"]), reply["width_px"], reply["height_px"], marks)
