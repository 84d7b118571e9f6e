"""An OCR child that reads nothing: what becomes of a page is written in its number."""

import os
import signal
import time
from typing import Any

from kotaemon_async.documents.parsing import child_service
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Unit, as_frame
from kotaemon_async.documents.parsing.child_words import encoded

#: Page numbers at which the child dies, runs out of memory, finds nothing, sees nothing at all, hangs.
DEADLY, LIMITED, EMPTY, BLANK, HANGING = 11, 12, 13, 14, 15
WORDS = encoded([[("Recognized", (0.1, 0.1, 0.5, 0.2))]], 0, 0.7)


class Scripted(child_service.Requests):
    def recognize(self, number: int, gray: bytes, width: int, height: int) -> dict[str, Any]:
        if number == DEADLY:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == LIMITED:
            raise FileError("parser_limit", "The page takes too much memory.")
        if number == HANGING:
            time.sleep(3600)
        if number in (EMPTY, BLANK):
            return as_frame(number, Unit("", [], problem="nothing_recognized" if number == EMPTY else ""))
        return as_frame(number, Unit(f"Recognized page {number}.", [])) | {"words": WORDS}


if __name__ == "__main__":
    child_service.run(Scripted)
