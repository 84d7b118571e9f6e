"""The systemd unit, judged by systemd's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kotaemon_async.cli import systemd as cli_service
from kotaemon_async.cli.errors import CommandError

CONFIG = Path(__file__).parents[3] / "config"
#: What exposure `systemd-analyze security` may find at most, of 10.
MOST_EXPOSED = 2.0


def analyze(*words: str) -> "subprocess.CompletedProcess[str]":
    found = shutil.which("systemd-analyze")
    assert found, "systemd-analyze is missing; run: apt-get install systemd"
    return subprocess.run([found, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def unit_file(tmp_path: Path) -> Path:
    """The unit as it would be installed, starting a command that is there."""
    command = tmp_path / "kotaemon-async"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    path = tmp_path / cli_service.NAME
    path.write_text(cli_service.unit(command))
    return path


def test_systemd_finds_nothing_wrong_with_the_unit(unit_file: Path) -> None:
    verified = analyze("verify", "--man=no", str(unit_file))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_service_is_exposed_as_little_as_its_work_allows(unit_file: Path) -> None:
    judged = analyze("security", "--offline=true", "--no-pager", str(unit_file))
    match = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", judged.stdout)
    assert match is not None, judged.stderr
    assert float(match[1]) <= MOST_EXPOSED


def test_the_example_unit_is_the_one_that_is_installed() -> None:
    example = (CONFIG / cli_service.NAME).read_text("utf8")
    assert example == cli_service.unit(Path("/opt/kotaemon-async/.venv/bin/kotaemon-async"))


def test_installing_writes_the_unit_with_the_command_of_this_installation(tmp_path: Path) -> None:
    command = Path("/opt/here/bin/kotaemon-async")
    path = cli_service.install(command, tmp_path)
    assert f"\nExecStart={command} serve\n" in path.read_text("utf8")
    assert [one.name for one in tmp_path.iterdir()] == [cli_service.NAME]


@pytest.mark.parametrize("folder", ["/home/me/venv/bin", "/root/venv/bin", "/tmp/venv/bin"])
def test_a_command_that_the_sandbox_hides_is_not_installed(folder: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=re.escape(folder.rsplit("/", 3)[0] or "/")) as error:
        cli_service.install(Path(folder, "kotaemon-async"), tmp_path)
    assert (error.value.code, list(tmp_path.iterdir())) == ("misconfigured", [])


def test_a_folder_that_is_not_ours_to_write_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        cli_service.install(Path("/opt/x"), tmp_path / "missing")
