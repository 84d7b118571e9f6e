"""The service, with every hit of a fault point counted into the file that FAULT_HITS names."""

import json
import os
import threading
from collections import Counter
from pathlib import Path

from kotaemon_async.cli.main import main
from kotaemon_async.resilience import faults

_hits: Counter[str] = Counter()
_turn = threading.Lock()


def count(name: str) -> None:
    """One more hit of the point."""
    with _turn:
        _hits[name] += 1


if __name__ == "__main__":
    faults.hit = count
    try:
        main()
    finally:
        Path(os.environ["FAULT_HITS"]).write_text(json.dumps(_hits), "utf8")
