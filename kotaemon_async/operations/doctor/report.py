"""What an examination may find and what is done about it: a closed list, and the report it makes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

EXAMPLES: Final = 5

#: A note needs nothing; what is beyond mending needs a person.
Weight = Literal["note", "mendable", "beyond"]
Verdict = Literal["well", "differs", "mended", "beyond_mending"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of difference: what it is, in words, and what mends it or what a person can do."""

    sentence: str
    remedy: str
    weight: Weight = "mendable"


_REFILLED: Final = "the index is emptied and filled from the page texts"
_REBUILT: Final = "the index is put aside and rebuilt from the ledger, without embedding again"
_UPLOAD_AGAIN: Final = "upload the same file again, then run doctor --repair"

KINDS: Final[dict[str, Kind]] = {
    "ledger_damaged": Kind(
        "the ledger's file is damaged",
        "stop the service, copy ledger.db* aside, then restore a backup, or `sqlite3 ledger.db .recover`;"
        " or start with a new data folder and upload blobs/* again",
        "beyond",
    ),
    "stray_contents": Kind("contents of a version that nobody can find", "removed"),
    "document_stuck": Kind("documents that nobody would ever go on with", "released to the workers"),
    "document_incomplete": Kind("documents that lack pages or passages", "read anew from the file"),
    "counters_differ": Kind("counters of pages or passages that are wrong", "counted again"),
    "lease_over": Kind("documents whose worker ended", "nothing to do: they go on by themselves", "note"),
    "file_missing": Kind("documents whose file is gone", _UPLOAD_AGAIN, "beyond"),
    "file_damaged": Kind("documents whose file is not what was uploaded", _UPLOAD_AGAIN, "beyond"),
    "file_lost": Kind(
        "unread documents whose file is gone or damaged", "failed as `corrupt`: upload the file again"
    ),
    "file_unused": Kind("files that no document uses", "removed"),
    "upload_left_over": Kind("uploads that never ended", "removed"),
    "keywords_damaged": Kind("the keyword index is damaged", _REFILLED),
    "keywords_wrong": Kind("passages that their own words do not find", _REFILLED),
    "keywords_missing": Kind("passages without keywords", _REFILLED),
    "keywords_orphaned": Kind("keywords of passages that are gone", _REFILLED),
    "vector_malformed": Kind("passages with a vector of the wrong length", "read anew from the file"),
    "log_missing": Kind("passages that the vector log lacks", "appended to the log"),
    "log_orphaned": Kind("entries of the vector log whose passage is gone", "turned into deletes"),
    "vectors_unreadable": Kind("the vector index is gone or cannot be opened", _REBUILT),
    "vectors_missing": Kind("passages that the vector index lacks", _REBUILT),
    "vectors_differ": Kind("vectors that are not those of the ledger", _REBUILT),
    "vectors_unknown": Kind("vectors of passages that are gone", _REBUILT),
    "vectors_wrong": Kind("vectors that a search for them does not bring", _REBUILT),
    "vectors_overlooked": Kind(
        "of the nearest vectors, those that the index's graph does not find",
        "nothing to do while `exact` is true in /healthz: then the graph is asked in larger scopes than"
        " `vectors.exact_passages` alone; raise that to have all searches exact",
        "note",
    ),
    "vectors_behind": Kind(
        "entries of the log that the vector index has yet to apply",
        "nothing to do: it catches up by itself",
        "note",
    ),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be; `about` is what its area needs to mend it."""

    kind: str
    id: str
    about: object = None


@dataclass(slots=True)
class Finding:
    """All differences of one kind; `left` are those that are still there."""

    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)
    mended: int = 0
    left: int = 0

    @property
    def weight(self) -> Weight:
        """Return how bad it is."""
        return KINDS[self.kind].weight

    def add(self, ids: Sequence[str]) -> None:
        """Count the differences and keep the first few ids."""
        self.count += len(ids)
        self.left += len(ids)
        self.examples += ids[: EXAMPLES - len(self.examples)]


@dataclass(slots=True)
class Report:
    """What was found, in the order it was looked for."""

    repair: bool
    deep: bool
    duration_s: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, kind: str, ids: Sequence[str]) -> Finding:
        """Add differences and return their finding."""
        found = self.findings.setdefault(kind, Finding(kind))
        found.add(ids)
        return found

    @property
    def verdict(self) -> Verdict:
        """Return what a person has to know first."""
        real = [found for found in self.findings.values() if found.weight != "note"]
        left = [found for found in real if found.left]
        if any(found.weight == "beyond" for found in left):
            return "beyond_mending"
        if left:
            return "differs"
        return "mended" if real else "well"


def by_kind(differences: Iterable[Difference]) -> dict[str, list[Difference]]:
    """Group differences by kind, in their order."""
    grouped: dict[str, list[Difference]] = {}
    for one in differences:
        grouped.setdefault(one.kind, []).append(one)
    return grouped


class FindingBody(msgspec.Struct, frozen=True):
    """All differences of one kind, with the ids of a few."""

    kind: str
    weight: Weight
    sentence: str
    remedy: str
    count: int
    mended: int
    left: int
    examples: list[str]


class ReportBody(msgspec.Struct, frozen=True):
    """What an examination has found, and what of it is left."""

    verdict: Verdict
    repair: bool
    deep: bool
    duration_s: float
    findings: list[FindingBody]


def body_of(report: Report) -> ReportBody:
    """Return the report as JSON shows it."""
    return ReportBody(
        report.verdict,
        report.repair,
        report.deep,
        report.duration_s,
        [
            FindingBody(
                kind=found.kind,
                weight=found.weight,
                sentence=KINDS[found.kind].sentence,
                remedy=KINDS[found.kind].remedy,
                count=found.count,
                mended=found.mended,
                left=found.left,
                examples=found.examples,
            )
            for found in report.findings.values()
        ],
    )
