"""`make fuzz`: requests of every shape that /schema allows or forbids, with and without keys."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kotaemon_async.cli.throwaway import throwaway_service

_CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
_PROGRAM: Final = Path(sys.executable).with_name("schemathesis")
_CASES: Final = re.compile(r"(\d+) generated")


def fuzzed(url: str, key: str | None, *options: str, folder: Path) -> tuple[int, str]:
    """Return how many requests there were and what was wrong with the replies, "" for nothing.

    Every check of schemathesis is on; `options` say how long it goes on. It leaves its files in `folder`.
    """
    headers = () if key is None else ("--header", f"Authorization: Bearer {key}")
    # Streams over the loopback alone, so no proxy of the environment is asked.
    env: Mapping[str, str] = {**os.environ, "NO_PROXY": "*"}
    run = subprocess.run(
        (_PROGRAM, "--no-color", "--config-file", _CONFIG, "run", f"{url}/schema", *headers, *options),
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    cases = _CASES.search(run.stdout)
    found = "" if run.returncode == 0 else run.stdout + run.stderr
    return int(cases[1]) if cases else 0, found


def key_of(data_dir: Path) -> str:
    """Return a new key of the data folder that may everything, whose service asks for one from then on."""
    made = subprocess.run(
        (sys.executable, "-m", "kotaemon_async", "keys", "create", "fuzz", "--scope", "admin"),
        env={**os.environ, "KOTAEMON_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()


def main() -> None:
    """Fuzzes one service half the time without keys, half with, and exits with 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    half = f"--max-time={max(1, round(30 * given.minutes))}"
    with throwaway_service() as service:
        without = fuzzed(service.url, None, half, folder=service.folder)
        with_key = fuzzed(service.url, key_of(service.data_dir), half, folder=service.folder)
    for cases, wrong in (without, with_key):
        sys.stdout.write(f"{cases} requests\n{wrong}\n")
    sys.exit(bool(without[1] or with_key[1]))


if __name__ == "__main__":
    main()
