"""Which folder holds the index of which model: there are two while one model takes over from another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kotaemon_async.search.vectors.pipe import IndexLocation

#: In the data folder; a model's index stays where it was begun.
NAMES: Final = ("vectors", "vectors.next")


def location_of(
    data_dir: Path, model: str, dimension: int, *, beside: IndexLocation | None = None
) -> IndexLocation:
    """Return where the model's index is, or will be; never where that of the other model is."""
    places = [IndexLocation(data_dir / name, model, dimension) for name in NAMES]
    free = [one for one in places if beside is None or one.folder != beside.folder]
    empty = (one for one in free if not one.folder.exists())
    return next((one for one in free if one.is_used), None) or next(empty, free[0])


def left_over(data_dir: Path, used: Sequence[IndexLocation]) -> list[Path]:
    """Return the folders of indexes that none of these locations is in."""
    kept = {one.folder for one in used}
    return [path for name in NAMES if (path := data_dir / name).exists() and path not in kept]
