"""Text recognition: seconds a page, wrong letters, memory of its child; a part of `make bench-files`."""

import difflib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kotaemon_async.cli.client import Json
from kotaemon_async.documents.parsing.formats import PDF
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.settings import OcrSettings, ParserSettings
from tests.support import scans

#: A full sheet: so often the three lines of a text.
_TIMES: Final = 13
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


async def recognized(folder: Path, peak_bytes: Callable[[int], int]) -> Json:
    """Reads four full sheets: English and Chinese, clean, and with grain and askew."""
    texts = [lines * _TIMES for lines in (scans.ENGLISH, scans.CHINESE)]
    sheets = [scans.page(lines, size=10.0) for lines in texts]
    sheets += [scans.noisy(scans.askew(sheet, 1.5)) for sheet in sheets]
    (path := folder / "scans.pdf").write_bytes(scans.pdf(sheets))
    recognition, sandbox = Recognition(OcrSettings()), Sandbox(ParserSettings(children=1), max_pages=9)
    began_s, wrong, letters = time.perf_counter(), 0, 0
    async with sandbox.open(path, PDF) as opened:
        for page, lines in zip(await opened.read(1, len(sheets)), texts * 2, strict=True):
            read = await recognition.read(opened, page)
            wanted = scans.letters(lines)
            letters += len(wanted)
            wrong += _wrong(wanted, scans.letters([read.text]))
    took_s, (pid,) = time.perf_counter() - began_s, recognition.pids
    figures: Json = {
        "files": 1,
        "units": len(sheets),
        "s_a_unit": round(took_s / len(sheets), 2),
        "cpu_s_a_unit": round(_cpu_s(pid) / len(sheets), 2),
        "wrong_letters_percent": round(100 * wrong / letters, 2),
        "peak_mb": round(peak_bytes(pid) / 1e6),
    }
    await sandbox.aclose()
    await recognition.aclose()
    return figures


def _wrong(wanted: str, got: str) -> int:
    """Returns how many letters have to be changed, put in or taken out, at most."""
    blocks = difflib.SequenceMatcher(None, wanted, got, autojunk=False).get_opcodes()
    return sum(max(stop - start, end - begin) for kind, start, stop, begin, end in blocks if kind != "equal")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
