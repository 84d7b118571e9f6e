"""The files that are damaged: those of the tests, and real ones of a folder."""

from pathlib import Path

from tests.support.samples import own

__all__ = ["of_folder", "own"]

#: Larger files take longer to read than damage is worth.
MOST_BYTES = 400_000


def of_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder that are not too large, by their names."""
    found = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: path.read_bytes() for path in found if 0 < path.stat().st_size <= MOST_BYTES}
