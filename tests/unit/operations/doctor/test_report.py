"""What an examination says in the end."""

import pytest

from kotaemon_async.cli.doctor import EXIT_CODES
from kotaemon_async.operations.doctor.report import KINDS, Difference, Report, body_of, by_kind


def report(*found: tuple[str, int, int]) -> Report:
    """A report of kinds, each with how many were found and how many are left."""
    made = Report(repair=True, deep=False)
    for kind, count, left in found:
        made.add(kind, [f"id_{number}" for number in range(count)]).left = left
    return made


@pytest.mark.parametrize(
    ("found", "verdict", "exit_code"),
    [
        ([], "well", 0),
        ([("lease_over", 3, 3)], "well", 0),
        ([("file_unused", 2, 2)], "differs", 1),
        ([("file_unused", 2, 0), ("lease_over", 1, 1)], "mended", 3),
        ([("file_unused", 2, 0), ("file_missing", 1, 1)], "beyond_mending", 4),
        ([("file_missing", 1, 0)], "mended", 3),
    ],
)
def test_the_worst_of_what_is_left_is_the_verdict(
    found: list[tuple[str, int, int]], verdict: str, exit_code: int
) -> None:
    assert report(*found).verdict == verdict
    assert EXIT_CODES[report(*found).verdict] == exit_code


def test_only_the_first_five_ids_are_kept() -> None:
    made = report(("file_unused", 4, 4))
    made.add("file_unused", ["a", "b", "c"])
    finding = made.findings["file_unused"]
    assert (finding.count, finding.left, finding.examples) == (7, 7, ["id_0", "id_1", "id_2", "id_3", "a"])


def test_differences_are_grouped_in_their_order() -> None:
    grouped = by_kind([Difference("b", "1"), Difference("a", "2"), Difference("b", "3")])
    assert [(kind, [one.id for one in found]) for kind, found in grouped.items()] == [
        *(("b", ["1", "3"]), ("a", ["2"]))
    ]


def test_every_kind_says_what_it_is_and_what_to_do() -> None:
    assert all(kind.sentence and kind.remedy for kind in KINDS.values())
    assert [one.kind for one in body_of(report(("log_missing", 1, 0))).findings] == ["log_missing"]
