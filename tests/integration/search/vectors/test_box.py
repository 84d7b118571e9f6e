"""The process that Chroma lives in has its folder and no more of the machine."""

import errno
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from kotaemon_async.resilience import child_paths
from kotaemon_async.search.vectors.pipe import VectorChild

CONFINED = """
import os, pathlib, socket, sys
from kotaemon_async.search.vectors import child
folder = pathlib.Path(sys.argv[1])
child.confine(folder / "vectors")
(folder / "vectors" / "new").write_text("its own")
for attempt in (
    lambda: (folder / "ledger.db").read_bytes(), lambda: (folder / "new").write_text("x"),
    lambda: pathlib.Path("/etc/passwd").read_bytes(), lambda: os.listdir("/proc/%d/fd" % os.getppid()),
    lambda: socket.socket(), lambda: os.fork(), lambda: os.kill(os.getppid(), 0),
    lambda: os.execv("/bin/true", ["x"]),
):
    try:
        print("allowed", attempt())
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.skipif(child_paths.version() < 6, reason="the kernel has no such rules")
def test_it_reads_and_writes_its_folder_alone_and_reaches_nobody(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"secret")
    command = [sys.executable, "-c", CONFINED, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert {int(line) for line in done.stdout.splitlines()} <= {errno.EACCES, errno.EPERM}
    assert len(done.stdout.splitlines()) == 8


async def test_it_gets_nothing_of_the_environment_that_it_does_not_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLM_API_KEY", "sk-of-the-service")
    child = VectorChild.launch()
    await child.process.connect()
    given = await anyio.Path(f"/proc/{child.process.pid}/environ").read_bytes()
    await child.process.aclose()
    assert b"OMP_NUM_THREADS=1" in given and b"sk-of-the-service" not in given
