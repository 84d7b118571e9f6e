"""What readers of files made of them, in a form that tests compare."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Units

Opener = Callable[[str, str, int], Units]


def lines(units: Units) -> list[str]:
    """Return the blocks of all units as "kind: text", headings with their level."""
    found = []
    for number in range(1, len(units) + 1):
        unit = units.unit(number)
        for block in unit.blocks:
            name = f"{block.kind} {block.level}" if block.kind == "heading" else block.kind
            found.append(f"{name}: {unit.text[block.start : block.end]}")
    return found


def tables(units: Units) -> list[tuple[str, list[str], int]]:
    """Return the tables: the names of their columns, their lines, and how many of these are heads."""
    return [
        (block.header, unit.text[block.start : block.end].split("\n"), block.head_lines)
        for unit in map(units.unit, range(1, len(units) + 1))
        for block in unit.blocks
        if block.kind == "table"
    ]


def read_with(opener: Opener, folder: Path, data: bytes, media_type: str = "") -> Units:
    """Write the bytes into a file and open it."""
    path = folder / "file"
    path.write_bytes(data)
    return opener(str(path), media_type, 5000)


def outcome(opener: Opener, folder: Path, data: bytes, media_type: str = "") -> str:
    """Return "ok", or the code with which the file is refused; nothing else may be raised."""
    try:
        read_with(opener, folder, data, media_type)
    except FileError as error:
        return error.code
    return "ok"


def refusal(opener: Opener, folder: Path, data: bytes, media_type: str = "") -> tuple[str, str]:
    """Return the code and the sentence with which the file is refused."""
    with pytest.raises(FileError) as caught:
        read_with(opener, folder, data, media_type)
    return caught.value.code, str(caught.value)


def losses(units: Any) -> list[tuple[str, str]]:
    """Return the codes and sentences of what was lost."""
    return [(loss.code, loss.message) for loss in units.warnings]
