"""`make bench-files`: how fast files of each kind are read, and the memory of the child that reads them."""

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.render import print_json
from kotaemon_async.documents.parsing.formats import HEAD_BYTES, TEXT, sniff
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import BadDocument, Refused
from tests.bench.figures import print_table
from tests.bench.scans import recognized
from tests.support.samples import large, own

MAX_PAGES: Final = 5000
BATCH_PAGES: Final = 8
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass
class Figures:
    """What reading the files of one kind came to; a unit is a page, a slide, rows of a sheet, a section."""

    files: int = 0
    refused: int = 0
    units: int = 0
    characters: int = 0
    took_s: float = 0.0
    peak_bytes: int = 0

    def shown(self) -> Json:
        """Per second and per file, where anything was read."""
        took_s = max(self.took_s, 1e-6)
        return {
            "files": self.files,
            "refused": self.refused,
            "units": self.units,
            "units_per_s": round(self.units / took_s, 1),
            "characters_per_s": round(self.characters / took_s),
            "peak_mb": round(self.peak_bytes / 1e6),
        }


async def read_all(files: list[Path]) -> dict[str, Figures]:
    """Reads each file in a child of its own, which has imported nothing but the readers of text and PDF."""
    found: dict[str, Figures] = {}
    for path in files:
        kind = path.suffix.lower().lstrip(".") or "-"
        await _read(path, found.setdefault(kind, Figures()))
    return dict(sorted(found.items()))


async def _read(path: Path, figures: Figures) -> None:
    sandbox = Sandbox(ParserSettings(children=1), max_pages=MAX_PAGES)
    try:
        async with sandbox.open(Path(__file__), TEXT):
            pass  # the child has started now, which is not what is measured
        await _once(sandbox, path, figures)
    except (BadDocument, Refused):
        figures.refused += 1
    finally:
        await sandbox.aclose()


async def _once(sandbox: Sandbox, path: Path, figures: Figures) -> None:
    data = await anyio.Path(path).read_bytes()
    began_s = time.perf_counter()
    async with sandbox.open(path, sniff(data[:HEAD_BYTES], path.name, path)) as opened:
        for first in range(1, opened.pages_total + 1, BATCH_PAGES):
            pages = await opened.read(first, BATCH_PAGES)
            figures.units += len(pages)
            figures.characters += sum(len(page.text) for page in pages)
        figures.took_s += time.perf_counter() - began_s
        figures.files += 1
        figures.peak_bytes = max(figures.peak_bytes, *(_peak_bytes(pid) for pid in sandbox.pids))


def _peak_bytes(pid: int) -> int:
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text("ascii"))
    return 1024 * int(found[1]) if found else 0


def _files(folder: Path | None, made: Path) -> Iterator[Path]:
    """Yields the files of the folder, and small and large ones of the tests' own for each kind."""
    if folder is not None:
        yield from sorted(path for path in folder.iterdir() if path.is_file())
        return
    for name, data in {**own(), **large()}.items():
        (made / name).write_bytes(data)
        yield made / name


def main() -> int:
    """0 when something was read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="real files; without it, files made here")
    folder: Path | None = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="kotaemon-files-") as made:
        found = anyio.run(read_all, list(_files(folder, Path(made))))
        of_scans = {} if folder else {"scans": anyio.run(recognized, Path(made), _peak_bytes)}
    figures: Json = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        **{kind: one.shown() for kind, one in found.items()},
        **of_scans,
    }
    print_table(figures)
    print_json(figures)
    return 0 if any(one.units for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
