"""Damaged files, one after the other, through real parser children: what comes of each, and how soon."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread

from kotaemon_async.documents.parsing.formats import HEAD_BYTES, sniff
from kotaemon_async.documents.parsing.sandbox import ParserDied, Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import BadDocument, Refused
from tests.fuzz.mutations import mutated

MAX_PAGES = 500
#: No more of a file is read than this: one that claims to have more is no other case.
READ_PAGES = 40
#: No single file holds a child for longer.
LONGEST_S = 30.0


@dataclass
class Findings:
    """How the files ended, by kind and end; those at fault are kept whole."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files were read."""
        return sum(self.ends.values())


def damaged(samples: Mapping[str, bytes], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yields names and damaged files without an end, the same ones for the same seed."""
    chance = random.Random(seed)
    names = sorted(samples)
    while True:
        name = chance.choice(names)
        yield name, mutated(chance, samples[name])


async def fuzz(
    samples: Mapping[str, bytes],
    folder: Path,
    *,
    seed: int,
    enough: Callable[[Findings], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Findings:
    """Reads damaged files until it is enough; those that kill a child or take too long stay in the folder."""
    findings = Findings()
    sandbox = Sandbox(ParserSettings(children=1), max_pages=MAX_PAGES)
    try:
        for number, (name, data) in enumerate(damaged(samples, seed)):
            if enough(findings):
                return findings
            path = folder / f"{seed}-{number}-{name}"
            await anyio.Path(path).write_bytes(data)
            began_s = clock()
            end = await _end_of(sandbox, path, name)
            took_s = clock() - began_s
            findings.ends[(Path(name).suffix, end)] += 1
            if took_s > findings.slowest_s:
                findings.slowest_s, findings.slowest = took_s, path.name
            if end.startswith("died") or took_s > LONGEST_S:
                findings.faults.append(f"{path.name}: {end}, {took_s:.1f} s")
            else:
                await anyio.Path(path).unlink()
    finally:
        await sandbox.aclose()
    return findings


async def _end_of(sandbox: Sandbox, path: Path, name: str) -> str:
    """How reading ends: `read`, the code of a refusal, or that a child died."""
    try:
        data = await anyio.Path(path).read_bytes()
        media_type = await to_thread.run_sync(sniff, data[:HEAD_BYTES], name, path)
        async with sandbox.open(path, media_type) as opened:
            for first in range(1, min(opened.pages_total, READ_PAGES) + 1, 8):
                await opened.read(first, 8)
    except (BadDocument, Refused) as error:
        return error.code
    except ParserDied as error:
        return f"died by {error.ending}"
    return "read"
