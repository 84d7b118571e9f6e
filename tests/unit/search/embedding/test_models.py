"""Names and folders of the prepared models, and which one a set-up runs."""

import json
from pathlib import Path

import pytest

from kotaemon_async.search.embedding.models import (
    ENGLISH,
    GOLDEN_FILE,
    MODEL_FILE,
    MULTILINGUAL,
    Choice,
    PreparedModel,
    choose,
    full_name,
    prepared_model,
)


def fill(folder: Path, model: PreparedModel, **golden: object) -> Path:
    """Make the folder look like the model's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(b"ten bytes.")
    whole = {"model": model.name, "format": model.format, "files": {MODEL_FILE: 10}, **golden}
    (folder / GOLDEN_FILE).write_text(json.dumps(whole))
    return folder


@pytest.mark.parametrize(
    ("named", "model"),
    [
        ("multilingual", MULTILINGUAL),
        ("Multilingual-E5-small", MULTILINGUAL),
        ("english", ENGLISH),
        ("all-minilm-l6-v2", ENGLISH),
        ("BAAI/bge-small-en-v1.5", None),
    ],
)
def test_a_prepared_model_has_a_long_and_a_short_name(named: str, model: PreparedModel | None) -> None:
    assert prepared_model(named) is model
    assert full_name(named) == (model.name if model else named)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 0, "files": {}}'])
def test_a_folder_with_a_strange_golden_file_is_not_prepared(tmp_path: Path, content: bytes) -> None:
    (tmp_path / GOLDEN_FILE).write_bytes(content)
    assert not ENGLISH.is_in(tmp_path)
    assert not MULTILINGUAL.is_in(tmp_path)


def test_a_folder_with_a_short_model_is_not_prepared(tmp_path: Path) -> None:
    fill(tmp_path, MULTILINGUAL)
    assert MULTILINGUAL.is_in(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(b"nine byte")
    assert not MULTILINGUAL.is_in(tmp_path)


def test_a_folder_of_one_model_is_not_the_other_s(tmp_path: Path) -> None:
    fill(tmp_path, MULTILINGUAL, format=ENGLISH.format)
    assert not MULTILINGUAL.is_in(tmp_path)
    assert not ENGLISH.is_in(tmp_path)


def test_a_folder_that_does_not_say_whose_it_is_is_the_english_model_s(tmp_path: Path) -> None:
    fill(tmp_path, ENGLISH)
    golden = json.loads((tmp_path / GOLDEN_FILE).read_bytes())
    del golden["model"]
    (tmp_path / GOLDEN_FILE).write_text(json.dumps(golden))
    assert (ENGLISH.is_in(tmp_path), MULTILINGUAL.is_in(tmp_path)) == (True, False)


def test_each_model_has_its_own_folder_unless_the_one_given_is_its_own(tmp_path: Path) -> None:
    own = fill(tmp_path / "mine", ENGLISH)
    assert ENGLISH.folder_in(own) == own
    assert MULTILINGUAL.folder_in(own) == own / "multilingual-e5-small-int8"
    assert ENGLISH.folder_in(tmp_path) == tmp_path / "all-minilm-l6-v2-int8"


def test_the_model_set_is_taken_where_it_is_prepared(tmp_path: Path) -> None:
    fill(MULTILINGUAL.folder_in(tmp_path), MULTILINGUAL)
    fill(ENGLISH.folder_in(tmp_path), ENGLISH)
    assert choose("multilingual", tmp_path) == Choice(MULTILINGUAL.name)
    assert choose("english", tmp_path) == Choice(ENGLISH.name)
    assert choose("BAAI/bge-small-en-v1.5", tmp_path) == Choice("BAAI/bge-small-en-v1.5")


def test_the_english_model_stands_in_for_the_multilingual_one_and_never_the_reverse(
    tmp_path: Path,
) -> None:
    fill(ENGLISH.folder_in(tmp_path), ENGLISH)
    assert choose("multilingual", tmp_path) == Choice(ENGLISH.name, instead_of=MULTILINGUAL.name)
    other = fill(tmp_path / "other" / MULTILINGUAL.folder, MULTILINGUAL).parent
    assert choose("english", other) == Choice(ENGLISH.name)


def test_a_set_up_without_any_model_keeps_the_one_set(tmp_path: Path) -> None:
    assert choose("multilingual", tmp_path) == Choice(MULTILINGUAL.name)
