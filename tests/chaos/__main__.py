"""Random kills over documents of the evaluation pack: `python -m tests.chaos --rounds 100 --seed 7`.

A round starts the service, with or without a fault point armed, uses it, and kills it, a child or its index.
Every few rounds, and after the last, everything is let come to its end and all invariants are checked. The
exit status is 0 only when nothing was lost, duplicated, stuck or orphaned.
"""

import argparse
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from tests.chaos.pack import pack_files
from tests.chaos.run import KILLED, Run
from tests.chaos.scenario import points
from tests.chaos.visitor import File, GoneError
from tests.support.invariants import KINDS, Counts, copied_unfinished, counts, violations

T = TypeVar("T")

#: Whoever kills a parser or a worker often enough fails a document; here that would be no finding.
PATIENT: Final = {
    "KOTAEMON_INGEST__MAX_CRASHES": "1000",
    "KOTAEMON_INGEST__MAX_LOSSES": "1000",
    "KOTAEMON_INGEST__MAX_ATTEMPTS": "1000",
    "KOTAEMON_EMBEDDING__THREADS": "1",
}
FINISH_EVERY: Final = 5
FINISH_LIMIT_S: Final = 180.0
#: A fault point that was not reached by then is given up, and the service killed anyhow.
ROUND_S: Final = 4.0
COUNTS: Final = (1, 1, 1, 2, 3, 5, 8)
HOWS: Final = {"point": 60, "service": 15, "vectors": 7, "parser": 8, "folder": 5, "stop": 5}
CALLS: Final = {
    "upload": 10,
    "again": 2,
    "force": 3,
    "retry": 1,
    "delete": 2,
    "cancel": 2,
    "search": 2,
    "doctor": 1,
}
#: How long a process that does not answer any more is given to be gone.
DYING_S: Final = 5.0
#: So many documents are handed in, read anew or deleted by one call.
BURST: Final = 8
COLLECTION: Final = "chaos"


@dataclass
class Tally:
    """What was done to the service, and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    documents: int = 0
    slowest_recovery_s: float = 0.0
    slowest_end_s: float = 0.0

    def of_kind(self, kind: str) -> int:
        return sum(one.startswith(f"{kind}:") for one in self.problems)

    def table(self, rounds: int, took_s: float, seed: int) -> str:
        """Markdown for people."""
        rows = {
            "rounds": rounds,
            "SIGKILL at a fault point / at any time": f"{self.kills['point']} / {self.kills['service']}",
            "SIGKILL for a vector / parser child": f"{self.kills['vectors']} / {self.kills['parser']}",
            "index folder deleted / SIGTERM": f"{self.kills['folder']} / {self.kills['stop']}",
            "calls": ", ".join(f"{number} {name}" for name, number in sorted(self.calls.items())),
            "documents accepted": self.documents,
            **{kind: self.of_kind(kind) for kind in KINDS},
            "slowest recovery (ready until work went on)": f"{self.slowest_recovery_s:.2f} s",
            "slowest end (ready until all was final)": f"{self.slowest_end_s:.1f} s",
            "time": f"{took_s / 60:.1f} min",
            "seed": seed,
        }
        return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


class Chaos:
    """One data folder through many rounds."""

    def __init__(self, run: Run, files: Sequence[File], right: Counts, draw: random.Random) -> None:
        self.tally = Tally()
        self._run = run
        self._files = files
        self._right = right
        self._draw = draw
        self._serial = 0

    def round(self, number: int) -> None:
        """One life of the service, from its start to its death."""
        began_s = time.monotonic()
        how = self._pick(HOWS)
        plan = self._plan() if how == "point" else ""
        recovery_s = self._start(plan)
        ended = self._live(how, plan)
        unfinished = len(copied_unfinished(self._run.service.data_dir))
        recovery = "" if recovery_s is None else f"recovery {recovery_s:.2f} s"
        _say(
            f"round {number:3}  {how:8} {plan:36} {ended:8} {len(self._run.visitor.promised):4} accepted"
            f" {unfinished:3} unfinished  {time.monotonic() - began_s:4.1f} s  {recovery}"
        )

    def finish(self) -> None:
        """Everything comes to its end; what is not as it was promised is counted."""
        self._start("")
        began_s = time.monotonic()
        unfinished = self._run.wait(FINISH_LIMIT_S)
        took_s = time.monotonic() - began_s
        self.tally.slowest_end_s = max(self.tally.slowest_end_s, took_s)
        status = self._run.terminate()
        data_dir, visitor = self._run.service.data_dir, self._run.visitor
        found = [f"stuck: {one}" for one in unfinished] + visitor.trouble
        found += violations(data_dir, visitor.promised, self._right)
        found += [] if status == 0 else [f"stuck: SIGTERM ended with {status}"]
        visitor.trouble = []
        self.tally.documents = len(visitor.promised)
        for one in sorted(set(found) - set(self.tally.problems)):
            self.tally.problems.append(one)
            _say(f"  {one}")
        _say(f"           all final after {took_s:.1f} s, {len(found)} problems")

    def close(self) -> None:
        """Nothing is left running."""
        self._run.close()

    def _start(self, plan: str) -> float | None:
        """How long the work that was left waited after the start; None when there was none, or it died."""
        before = copied_unfinished(self._run.service.data_dir)
        if not self._run.start(plan):
            return None
        try:
            recovery_s = self._run.wait_for_progress(before, 30.0)
            self._run.visitor.settle()
        except GoneError:
            return None
        if not before:
            return None
        self.tally.slowest_recovery_s = max(self.tally.slowest_recovery_s, recovery_s)
        return recovery_s

    def _plan(self) -> str:
        point = self._draw.choice(points())
        # Every change of the ledger is a commit, so there are many of them.
        factor = 8 if point == "sqlite.before_commit" else 1
        return f"{point}:{factor * self._draw.choice(COUNTS)}:kill"

    def _live(self, how: str, plan: str) -> str:
        """How the life ended: at the point, by SIGTERM, or killed when its time was over."""
        try:
            self._use(self._draw.randint(2, 6))
            self._hurt("folder" if plan.startswith("vectors.") else how)
            self._use(self._draw.randint(1, 4))
            if plan:
                self._run.wait(ROUND_S)
        except GoneError:
            self._run.wait_for_end(DYING_S)
        ended = self._end(how, plan)
        self.tally.kills[ended] += 1
        return ended

    def _end(self, how: str, plan: str) -> str:
        if self._run.is_alive():
            # Some points are met only on the way out.
            if how != "stop" and not (plan and self._draw.random() < 0.5):
                self._run.kill()
                return "service"
            if self._run.terminate() == 0:
                return "stop"
        status = self._run.service.process.returncode
        if status != KILLED or not plan:
            self.tally.problems.append(f"stuck: the service ended with {status}, nobody had asked for it")
        return "point"

    def _hurt(self, how: str) -> None:
        """Something is taken away from a service that lives on."""
        if how == "folder":
            self._run.lose_vectors()
        if how == "folder" or (how in {"vectors", "parser"} and self._run.kill_child(how)):
            self.tally.kills[how] += 1

    def _use(self, calls: int) -> None:
        """So many calls, with some work of the service between them. Raises: GoneError when it is dead."""
        for _ in range(calls):
            call = self._pick(CALLS)
            self._call(call)
            self.tally.calls[call] += 1
            self._run.wait_for_events(self._draw.randint(0, 4), 0.3)

    def _call(self, call: str) -> None:
        visitor = self._run.visitor
        there = sorted(one for one, promise in visitor.promised.items() if promise.deleted == "no")
        if call in {"force", "retry", "delete", "cancel", "again"} and not there:
            call = "upload"
        if call == "upload":
            known = {visitor.uploads[one].file.name for one in there}
            self._upload(
                self._draw.choice([one for one in self._files if one.name not in known] or self._files)
            )
        elif call == "again":
            self._upload(visitor.uploads[self._draw.choice(there)].file)
        elif call in {"force", "retry"}:
            visitor.retry(self._draw.choice(there), force=call == "force")
        elif call == "delete":
            for document_id in self._some(there):
                visitor.delete(document_id)
        elif call == "cancel":
            # The newest ones are those that are in work.
            visitor.cancel(self._draw.choice(there[-3:]))
        elif call == "search":
            visitor.post("/api/v1/search", {"query": self._draw.choice(["energy 能源", "the river", "学校"])})
        else:
            visitor.post("/api/v1/doctor", {"repair": True})

    def _upload(self, file: File) -> None:
        self._serial += 1
        key = self._draw.choice([None, f"{file.name}-{self._serial}"])
        self._run.visitor.upload(file, COLLECTION, key)

    def _some(self, items: Sequence[T]) -> list[T]:
        return self._draw.sample(items, min(len(items), self._draw.randint(1, BURST)))

    def _pick(self, weights: dict[str, int]) -> str:
        return self._draw.choices(list(weights), list(weights.values()))[0]


def undisturbed(run: Run, files: Sequence[File]) -> tuple[list[File], Counts]:
    """The files with the ends that they come to without any fault, and their pages and chunks."""
    try:
        run.start()
        ids = {run.visitor.upload(file, COLLECTION): file for file in files}
        run.wait(FINISH_LIMIT_S)
        ends = {file.name: run.visitor.status(name or "") for name, file in ids.items()}
        run.terminate()
        return [File(one.name, one.data, frozenset({ends[one.name]})) for one in files], counts(
            run.service.data_dir
        )
    finally:
        run.close()


def main(words: Sequence[str] | None = None) -> int:
    """0 when nothing was lost, duplicated, stuck or orphaned."""
    given = _arguments(words)
    draw = random.Random(given.seed)
    began_s = time.monotonic()
    _say(f"seed {given.seed}: --seed {given.seed} draws alike again")
    with tempfile.TemporaryDirectory(prefix="kotaemon-chaos-") as scratch:
        files, right = undisturbed(Run(Path(scratch, "calm"), PATIENT), pack_files(given.pack, draw))
        _say(f"{len(files)} documents, undisturbed in {time.monotonic() - began_s:.1f} s")
        chaos = Chaos(Run(Path(scratch, "run"), PATIENT), files, right, draw)
        try:
            for number in range(1, given.rounds + 1):
                chaos.round(number)
                if number % FINISH_EVERY == 0 or number == given.rounds:
                    chaos.finish()
        finally:
            chaos.close()
    _say("\n" + chaos.tally.table(given.rounds, time.monotonic() - began_s, given.seed))
    return 1 if chaos.tally.problems else 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, help="lives of the service")
    parser.add_argument("--pack", type=Path, default=Path("../shared/eval"), help="folder with docs.jsonl")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of all that is random")
    return parser.parse_args(words)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
