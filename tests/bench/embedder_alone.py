"""The embedder by itself, in a process of its own, beside which a service is measured.

`python -m tests.bench.embedder_alone` reads lines, each a JSON list of texts, and prints for each of them the
seconds on the clock and of CPU that all the vectors took, with the threads and the model of the settings.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import anyio
from loguru import logger

from kotaemon_async.app.settings import load_settings
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import choose


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the clock and of CPU."""

    clock_s: float
    cpu_s: float


class EmbedderAlone:
    """The process, which waits without using any CPU until it is given texts."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.bench.embedder_alone"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        self.embed(["It is warm then."])
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def embed(self, texts: Sequence[str]) -> Spent:
        """Return what the vectors of the texts take."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        return Spent(**json.loads(self._process.stdout.readline()))


async def _serve() -> None:
    logger.disable("kotaemon_async")
    settings = load_settings().embedding
    model = choose(settings.model, settings.folder)
    embedder = await Embedder.open(settings.folder, model=model, threads=settings.threads)
    async for line in anyio.wrap_file(sys.stdin):
        texts = json.loads(line)
        began = Spent(time.monotonic(), time.process_time())
        await embedder.embed_passages(texts)
        spent = Spent(time.monotonic() - began.clock_s, time.process_time() - began.cpu_s)
        sys.stdout.write(json.dumps(asdict(spent)) + "\n")
        sys.stdout.flush()
    await embedder.aclose()


if __name__ == "__main__":
    anyio.run(_serve)
