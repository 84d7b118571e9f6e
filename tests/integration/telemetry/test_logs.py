"""The last lines of a process, however it ends."""

import json
import subprocess
import sys

import pytest

LINES = 5000
PROGRAM = """
from loguru import logger
from kotaemon_async.telemetry.settings import LogSettings
from kotaemon_async.telemetry import logs
logs.configure(LogSettings(format="json"))
for number in range({lines}):
    logger.bind(number=number).info("line_written")
logger.warning("last_words")
{end}
"""


@pytest.mark.parametrize(("end", "status"), [("pass", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)])
def test_every_line_is_out_when_the_process_has_ended(end: str, status: int) -> None:
    program = PROGRAM.format(lines=LINES, end=end)
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("number") for line in lines] == [*range(LINES), None]
    assert (lines[-1]["event"], done.returncode) == ("last_words", status)


def test_a_stuck_target_does_not_keep_the_process_from_ending() -> None:
    program = PROGRAM.format(lines=LINES, end="pass")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.wait(30) == 0  # nobody reads what it writes
