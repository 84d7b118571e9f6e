"""Documents of the evaluation pack, which lies beside the project and of which nothing is copied into it."""

import json
import random
from pathlib import Path
from typing import Any, Final

from tests.chaos.visitor import File

#: How many documents of each part of the pack are taken.
PARTS: Final = {"en": 20, "zh": 16, "text": 7, "pdf": 4, "unreadable": 3}
MAX_PAGES: Final = 20


def pack_files(pack: Path, draw: random.Random) -> list[File]:
    """About 50 documents: English and Chinese PDFs, texts and pages, and some that cannot be read."""
    lines = (pack / "docs.jsonl").read_text("utf8").splitlines()
    lines += (pack / "files" / "manifest.jsonl").read_text("utf8").splitlines()
    parts: dict[str, list[str]] = {name: [] for name in PARTS}
    for entry in map(json.loads, lines):
        part = _part(entry)
        if part is not None:
            parts[part].append(entry["file"])
    names = [name for part, n in PARTS.items() for name in draw.sample(parts[part], min(n, len(parts[part])))]
    # The two languages share some names.
    return [File(name.replace("/", "_"), (pack / name).read_bytes()) for name in names]


def _part(entry: dict[str, Any]) -> str | None:
    if "lang" in entry:
        return str(entry["lang"])[:2]
    if entry["accept"] == ["ok"]:
        if entry["kind"] in {"txt", "md", "html"}:
            return "text"
        return "pdf" if entry["kind"] == "pdf" and entry["pages"] <= MAX_PAGES else None
    return "unreadable" if entry["kind"] == "pdf" else None
