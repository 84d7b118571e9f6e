"""`make fuzz-files`: damaged files of every kind through the real parser children, for MINUTES."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import anyio

from tests.fuzz.run import Findings, fuzz
from tests.fuzz.samples import of_folder, own


def main() -> None:
    """Prints how the files ended by kind, and exits with 1 when a child died or took too long over one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() // 10**9)
    parser.add_argument("--folder", type=Path, help="real files to damage beside those of the tests")
    given = parser.parse_args()
    samples = own() | (of_folder(given.folder) if given.folder else {})
    kept = Path(tempfile.mkdtemp(prefix="fuzz-"))
    until_s = time.monotonic() + 60 * given.minutes

    async def run() -> Findings:
        return await fuzz(samples, kept, seed=given.seed, enough=lambda _: time.monotonic() > until_s)

    findings = anyio.run(run)
    lines = [f"{kind or '-':8} {end:20} {count}" for (kind, end), count in sorted(findings.ends.items())]
    lines.append(f"{findings.files} files of seed {given.seed}")
    lines.append(f"the slowest took {findings.slowest_s:.1f} s: {findings.slowest}")
    lines += [f"FAULT {kept / fault}" for fault in findings.faults]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(bool(findings.faults))


if __name__ == "__main__":
    main()
