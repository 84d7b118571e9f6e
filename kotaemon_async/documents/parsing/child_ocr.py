"""A child that reads pages from their pictures, one at a time (child_service.py says how it is asked).

A kind of its own, since it needs onnxruntime and numpy, which parser children are kept from, and more memory.
Requests: recognize, close.
"""

import time
import zlib
from typing import Any

import numpy as np

from kotaemon_async.documents.parsing import child_scanned, child_service
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_recognizer import Recognizer
from kotaemon_async.documents.parsing.child_units import Unit, as_frame
from kotaemon_async.resilience import child_jail

#: What of a page's CPU time may pass before its last line is read; the rest is for its layout.
_READING = 0.85


class Pictures(child_service.Requests):
    """Serves the requests about pictures."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self._recognizer = Recognizer()

    def recognize(self, number: int, gray: bytes, width: int, height: int) -> dict[str, Any]:
        """Return the page as `read` of a parser child does, with its `words`; empty when no text is found."""
        child_jail.allow_cpu(self.settings["cpu_s"])
        unpacker = zlib.decompressobj()
        points = unpacker.decompress(gray, width * height)
        if len(points) != width * height:
            raise FileError("corrupt", "The picture is not whole.")
        until_s = time.process_time() + _READING * self.settings["cpu_s"]
        image = np.frombuffer(points, np.uint8).reshape(height, width)
        reading = self._recognizer.read(image, lambda: time.process_time() < until_s)
        if not reading.lines:
            return as_frame(number, Unit("", [], problem="" if reading.is_blank else "nothing_recognized"))
        page = child_scanned.page_of(reading.lines, reading.turn, reading.width, reading.height)
        problem = "" if reading.is_whole else "partly_recognized"
        unit = Unit(page["text"], page["blocks"], problem=problem, confidence=reading.confidence)
        return as_frame(number, unit) | {"words": page["words"]}


if __name__ == "__main__":
    child_service.run(Pictures)
