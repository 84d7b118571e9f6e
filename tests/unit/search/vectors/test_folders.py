"""Two folders for indexes: each model finds its own again, and never takes another's."""

from pathlib import Path

from kotaemon_async.search.vectors.folders import left_over, location_of
from kotaemon_async.search.vectors.pipe import IndexLocation


def begin(location: IndexLocation) -> None:
    """The child has written its mark."""
    location.folder.mkdir()
    mark = f"abc-{location.model_tag}-{location.dimension}\n"
    (location.folder / "generation").write_text(mark)


def test_the_first_index_has_the_name_that_it_always_had(tmp_path: Path) -> None:
    assert location_of(tmp_path, "m", 8).folder == tmp_path / "vectors"


def test_a_model_finds_its_index_in_either_folder(tmp_path: Path) -> None:
    begin(first := location_of(tmp_path, "old", 8))
    begin(second := location_of(tmp_path, "new", 8, beside=first))
    assert [path.name for path in (first.folder, second.folder)] == ["vectors", "vectors.next"]
    assert location_of(tmp_path, "new", 8) == second
    assert location_of(tmp_path, "old", 8, beside=second) == first


def test_an_index_of_another_length_is_not_the_model_s(tmp_path: Path) -> None:
    begin(location_of(tmp_path, "m", 8))
    assert location_of(tmp_path, "m", 9).folder == tmp_path / "vectors.next"


def test_what_no_model_uses_is_left_over(tmp_path: Path) -> None:
    begin(first := location_of(tmp_path, "old", 8))
    begin(second := location_of(tmp_path, "new", 8, beside=first))
    assert left_over(tmp_path, [second]) == [first.folder]
    assert left_over(tmp_path, [first, second]) == []
