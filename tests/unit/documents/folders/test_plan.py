"""What a look means: moves are told from copies, and what is only out of sight is not gone."""

import pytest

from kotaemon_async.documents.folders.plan import Plan, planned
from kotaemon_async.documents.folders.scan import Scan
from kotaemon_async.stores.watched import FileState, WatchedFile

ROOT = FileState(0, 0, 1, 1)


def state(mtime_ns: int, inode: int = 5) -> FileState:
    return FileState(10, mtime_ns, inode, 1)


def scan(**files: FileState) -> Scan:
    return Scan(ROOT, {name.encode(): one for name, one in files.items()}, {b"": 1})


def known(**files: FileState) -> dict[bytes, WatchedFile]:
    return {
        name.encode(): WatchedFile(name.encode(), one, "taken", f"doc_{name}") for name, one in files.items()
    }


def moves(plan: Plan) -> list[tuple[bytes, bytes]]:
    return [(file.path, path) for file, path in plan.renamed]


def test_a_file_with_the_same_number_on_disk_moved() -> None:
    plan = planned(scan(b=state(1), c=state(1, inode=9)), known(a=state(1)), Plan())
    assert moves(plan) == [(b"a", b"b")] and list(plan.waiting) == [b"c"] and not plan.missing


def test_a_file_of_the_same_name_size_and_time_moved_where_numbers_change() -> None:
    found = Scan(ROOT, {b"x/a": state(1, inode=8), b"y": state(1, inode=9)}, {b"": 1, b"x": 1})
    assert moves(planned(found, known(a=state(1)), Plan())) == [(b"a", b"x/a")]


def test_of_several_copies_none_is_taken_for_the_moved_one() -> None:
    found = Scan(ROOT, {b"x/a": state(1, inode=8), b"y/a": state(1, inode=9)}, {b"": 1, b"x": 1, b"y": 1})
    plan = planned(found, known(a=state(1)), Plan())
    assert (moves(plan), plan.missing, len(plan.waiting)) == ([], {b"a"}, 2)


def test_one_new_file_is_the_move_of_one_known_file_only() -> None:
    assert len(planned(scan(c=state(1)), known(a=state(1), b=state(1)), Plan()).renamed) == 1


@pytest.mark.parametrize(("gone", "is_held"), [(5, False), (6, False), (7, True), (12, True)])
def test_more_than_half_of_many_files_are_not_believed_to_be_gone(gone: int, is_held: bool) -> None:
    files = {f"f{n:02}": state(n, inode=n) for n in range(12)}
    left = scan(**dict(list(files.items())[gone:]))
    before = Plan(missing={name.encode() for name in files})
    plan = planned(left, known(**files), before)
    assert (plan.is_held, len(plan.removed)) == (is_held, 0 if is_held else gone)
    assert len(planned(left, known(**files), before, may_remove=True).removed) == gone


def test_of_few_files_all_but_one_may_go() -> None:
    files = {f"f{n}": state(n, inode=n) for n in range(10)}
    plan = planned(scan(f0=files["f0"]), known(**files), Plan(missing={name.encode() for name in files}))
    assert (plan.is_held, len(plan.removed)) == (False, 9)


def test_a_look_that_was_cut_off_knows_of_nothing_that_is_gone() -> None:
    found = scan(a=state(1))
    found.is_cut = True
    assert planned(found, known(a=state(1), b=state(2)), Plan(missing={b"b"})).missing == set()


def test_what_changes_between_two_looks_is_not_taken() -> None:
    before = planned(scan(a=state(1)), {}, Plan())
    assert planned(scan(a=state(2)), {}, before).taken == []
    assert planned(scan(a=state(1)), {}, before).taken == [b"a"]
