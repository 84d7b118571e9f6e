"""The real parser child, but for one thing: a page with a marker kills it, as a bad font kills real ones."""

import os
import signal
from typing import Any

from kotaemon_async.documents.parsing import child

MARKERS = {"deadly by SIGSEGV": signal.SIGSEGV, "deadly by SIGKILL": signal.SIGKILL}


class PoisonedDocument(child.OpenDocument):
    def read(self, first: int, count: int) -> dict[str, Any]:
        reply = super().read(first, count)
        for text in (page["text"] for page in reply["pages"]):
            for marker, fatal in MARKERS.items():
                if marker in text:
                    os.kill(os.getpid(), fatal)
        return reply


def main() -> None:
    """Serve like the real child until a page with a marker comes."""
    child.OpenDocument = PoisonedDocument  # type: ignore[misc]
    child.main()


if __name__ == "__main__":
    main()
