"""One broad use of a service, from the first upload to SIGTERM, that a fault point may cut off."""

import ast
import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kotaemon_async.cli.throwaway import Throwaway
from tests.chaos.nursery import WarmThrowaway
from tests.chaos.run import KILLED, Run, files
from tests.chaos.visitor import GoneError
from tests.support.invariants import Counts, copied_unfinished, counts, violations

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "kotaemon_async"
#: Without being looked for, what a dead process had begun would wait for the end of its lease of 30 s.
RECOVERY_LIMIT_S: Final = 15.0
#: Backups are made from the second second on, all the while; their trial would take the machine's cores.
BACKUPS: Final = {
    "KOTAEMON_BACKUPS__EVERY_S": "1",
    "KOTAEMON_BACKUPS__KEEP_FILES": "1",
    "KOTAEMON_BACKUPS__VERIFY": "off",
    "KOTAEMON_MAINTENANCE__EVERY_S": "1",
}


def points(package: Path = PACKAGE) -> list[str]:
    """Return every literal name in a call of `faults.hit` in the package, sorted."""
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"faults.hit", "hit"} and node.args:
                found.add(ast.literal_eval(node.args[0]))
    return sorted(found)


def use(run: Run) -> None:
    """Do all that people do with documents, until SIGTERM. Raises: GoneError when nobody answers."""
    visitor, given = run.visitor, files()
    doomed = run.begin("doomed", "en", "doomed-1")
    victim = run.begin("victim", "en")
    book = visitor.upload(given["book"], "en")
    visitor.upload(given["page"], "en", "page-1")
    visitor.delete(doomed)
    visitor.cancel(victim)
    for name in ("notes", "broken", "chinese"):
        visitor.upload(given[name], "other")
    if book:
        visitor.follow(book)
    visitor.post("/api/v1/search", {"query": "How much oil does the lamp burn?"})
    visitor.upload(given["page"], "en", "page-1")
    again(run)
    lose_vectors(run)
    visitor.post("/api/v1/doctor", {"repair": True})
    run.begin("late", "en")
    run.terminate()


def again(run: Run) -> None:
    """Delete, retry and upload ready documents again, some of them while others are in work."""
    visitor, given = run.visitor, files()
    run.wait()
    book = visitor.upload(given["book"], "en")
    visitor.post("/api/v1/answers", {"question": "When is the lighthouse closed?"})
    if book:
        visitor.retry(book, force=True)
    notes = visitor.upload(given["notes"], "other")
    if notes:
        visitor.delete(notes)
    for document_id, upload in list(visitor.uploads.items()):
        if upload.file.name in {"victim.pdf", "broken.pdf"}:
            visitor.retry(document_id)
    run.wait()


def lose_vectors(run: Run) -> None:
    """Delete the folder of the index; the service notices and fills a new one."""
    run.lose_vectors()
    run.visitor.post("/api/v1/search", {"query": "oil", "mode": "vector"})
    run.wait()


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of a kill at one hit of one point."""

    point: str
    count: int
    recovery_s: float
    took_s: float
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a run without any fault showed: hits of each point, pages and chunks of each file, problems."""

    hits: dict[str, int]
    counts: Counts
    problems: list[str]


class Counted(Throwaway):
    """A service that counts the hits of its fault points into hits.json of its folder."""

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        env = self._environment() | {"FAULT_HITS": str(self.folder / "hits.json")}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.counted", "serve"],
                env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


def undisturbed(run: Run) -> Undisturbed:
    """Return what the same use shows without a fault."""
    run.service = Counted(run.service.folder, run.service.port, run.service.env)
    try:
        run.start()
        use(run)
        status = run.end()
    finally:
        run.close()
    problems = [] if status == 0 else [f"the process ended with {status} after SIGTERM"]
    hits = json.loads((run.folder / "hits.json").read_text("utf8"))
    run.service = WarmThrowaway(run.service.folder, run.service.port, run.service.env)
    try:
        run.start()
        problems += [f"stuck: {one}" for one in run.wait()] + run.visitor.trouble
        run.terminate()
    finally:
        run.close()
    data_dir = run.service.data_dir
    problems += violations(data_dir, run.visitor.promised)
    return Undisturbed(hits, counts(data_dir), problems)


def walk(run: Run, point: str, count: int, right: Counts) -> Walked:
    """Kill the service at the `count`-th hit of the point, starts it again and looks at what is left."""
    began_s = time.monotonic()
    problems = []
    try:
        status = _die(run, f"{point}:{count}:kill")
        if status != KILLED:
            problems.append(
                f"{point} was never reached for the {count}. time; the process ended with {status}"
            )
        recovery_s = _recover(run)
        if recovery_s > RECOVERY_LIMIT_S:
            problems.append(f"recovery began after {recovery_s:.1f} s")
        unfinished = run.wait()
        if (status := run.terminate()) != 0:
            problems.append(f"the process ended with {status} after SIGTERM")
        problems += [f"stuck: {one}" for one in unfinished] + run.visitor.trouble
        problems += violations(run.service.data_dir, run.visitor.promised, right)
    finally:
        run.close()
    return Walked(point, count, recovery_s, time.monotonic() - began_s, problems)


def _die(run: Run, faults: str) -> int | None:
    """How the process ended that was to die at a point while it was used."""
    if run.start(faults):
        with suppress(GoneError):
            use(run)
    return run.end()


def _recover(run: Run) -> float:
    """How long after it was ready again the service went on with what it had begun."""
    before = copied_unfinished(run.service.data_dir)
    run.start()
    recovery_s = run.wait_for_progress(before, 2 * RECOVERY_LIMIT_S)
    run.visitor.settle()
    return recovery_s
