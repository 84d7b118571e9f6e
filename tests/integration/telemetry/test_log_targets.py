"""Log files on a real disk: rotated, compressed, aged out, taken away; and pipes whose readers go."""

import gzip
import io
import os
import resource
import threading
import time
from pathlib import Path

import pytest

from kotaemon_async.telemetry.log_targets import LogFiles, StreamTarget, target_of
from tests.support.clock import Clock

DAY_S = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


def opened(path: Path, clock: Clock, *, max_bytes: int = 10, keep_files: int = 9) -> LogFiles:
    files = LogFiles(path, max_bytes, keep_files, keep_s=3 * DAY_S, clock=clock)
    files.open()
    return files


def aside(path: Path) -> list[str]:
    """What files put aside hold, oldest first."""
    return [gzip.decompress(one.read_bytes()).decode() for one in sorted(path.parent.glob("*.gz"))]


def write(files: LogFiles, clock: Clock, *lines: str) -> None:
    for line in lines:
        clock.now_s += 1
        assert files.write(line.encode()) == len(line)


def test_a_file_that_would_become_too_long_is_put_aside_compressed(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "deep" / "service.log"
    files = opened(path, clock)
    write(files, clock, "line 1\n", "line 2\n", "line 3\n")
    files.close()
    assert (aside(path), path.read_text()) == (["line 1\n", "line 2\n"], "line 3\n")


def test_only_the_owner_may_read(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path / "service.log", clock)
    write(files, clock, "line 1\n", "line 2\n")
    files.close()
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}


def test_the_newest_files_are_kept(tmp_path: Path, clock: Clock) -> None:
    files = opened(tmp_path / "service.log", clock, keep_files=2)
    write(files, clock, *[f"line {n}\n" for n in range(5)])
    files.close()
    assert aside(tmp_path / "service.log") == ["line 2\n", "line 3\n"]


def test_a_file_is_put_aside_after_a_day_and_deleted_after_its_time(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "service.log"
    files = opened(path, clock, max_bytes=10**6)
    write(files, clock, "old\n")
    os.utime(path, (clock.now_s, clock.now_s))
    clock.now_s += DAY_S
    write(files, clock, "new\n")
    assert (aside(path), path.read_text()) == (["old\n"], "new\n")
    clock.now_s += 4 * DAY_S
    write(files, clock, "newest\n")
    files.close()
    assert "old\n" not in aside(path)


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "service.log"
    files = opened(path, clock, max_bytes=10**6)
    write(files, clock, "before\n")
    path.rename(tmp_path / "taken.log")
    write(files, clock, "after\n")
    files.close()
    assert (path.read_text(), (tmp_path / "taken.log").read_text()) == ("after\n", "before\n")


def test_what_a_killed_process_left_uncompressed_is_compressed_at_the_next_start(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "service.log"
    (tmp_path / "service.log.20260101T000000.000000Z").write_text("left\n")
    os.utime(tmp_path / "service.log.20260101T000000.000000Z", (clock.now_s, clock.now_s))
    opened(path, clock).close()
    assert aside(path) == ["left\n"]


def test_a_restart_goes_on_with_the_file(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "service.log"
    for line in ("one\n", "two\n"):
        files = opened(path, clock)
        write(files, clock, line)
        files.close()
    assert path.read_text() == "one\ntwo\n"


def test_a_folder_in_which_nothing_can_be_made_is_refused(clock: Clock) -> None:
    with pytest.raises(OSError, match="/dev/null"):
        opened(Path("/dev/null/service.log"), clock)


def test_a_full_disk_takes_no_bytes_and_raises_nothing() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        assert StreamTarget(full.fileno()).write(b"line\n") == 0


def test_a_full_disk_does_not_end_the_log_file(clock: Clock) -> None:
    files = opened(Path("/dev/full"), clock)
    assert (files.write(b"one\n"), files.write(b"two\n")) == (0, 0)
    files.close()


def test_a_limit_on_the_file_size_loses_the_rest_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("wb", buffering=0) as small:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))
        try:
            assert StreamTarget(small.fileno()).write(b"line\n") == 3
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"lin"


def test_a_pipe_that_nobody_reads_any_more_takes_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert StreamTarget(writer).write(b"line\n") == 0
    os.close(writer)


def test_a_pipe_that_was_made_non_blocking_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data = b"x" * 1_000_000

    def read() -> None:
        with os.fdopen(reader, "rb") as source:
            source.read(len(data))

    thread = threading.Thread(target=read)
    thread.start()
    assert StreamTarget(writer).write(data) == len(data)
    thread.join()
    os.close(writer)


def test_a_text_stream_that_was_closed_takes_nothing() -> None:
    stream = io.StringIO()
    target = target_of(stream)
    assert target.write(b"one\n") == 4
    stream.close()
    assert target.write(b"two\n") == 0
