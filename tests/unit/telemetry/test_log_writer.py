"""The queue of log lines, with a target that is slow, stuck, full or gone."""

import threading
from collections.abc import Iterator

import pytest

from kotaemon_async.telemetry.log_writer import URGENT_S, LogWriter


class Sink:
    """Takes bytes when its gate is open, at most `room` of them."""

    def __init__(self) -> None:
        self.data = b""
        self.room = 10**9
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.closed = False

    def write(self, data: bytes) -> int:
        self.asked.set()
        self.gate.wait()
        taken = data[: self.room]
        self.data += taken
        self.room -= len(taken)
        return len(taken)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.gate.set()


@pytest.fixture
def dropped() -> list[int]:
    return []


@pytest.fixture
def writer(sink: Sink, dropped: list[int]) -> Iterator[LogWriter]:
    made = LogWriter(
        sink, on_drop=dropped.append, drop_line=lambda lines: f"dropped {lines}", max_lines=3, max_chars=100
    )
    yield made
    sink.gate.set()
    made.close(5)


def stuck(writer: LogWriter, sink: Sink) -> None:
    """The thread holds the line `first` and gets no further."""
    sink.gate.clear()
    writer.put("first")
    assert sink.asked.wait(5)


def write(writer: LogWriter, *lines: str) -> None:
    """They have been given to the target."""
    for line in lines:
        writer.put(line)
    assert writer.flush(5)


def test_lines_come_out_in_order_and_nothing_is_told(writer: LogWriter, sink: Sink) -> None:
    write(writer, "a", "b", "c")
    assert sink.data == b"a\nb\nc\n"


def test_a_stuck_target_takes_no_caller_with_it_and_the_rest_is_counted(
    writer: LogWriter, sink: Sink, dropped: list[int]
) -> None:
    stuck(writer, sink)
    for line in ("a", "b", "lost", "lost"):
        writer.put(line)
    assert (sum(dropped), sink.data) == (2, b"")
    sink.gate.set()
    assert writer.flush(5)
    assert sink.data == b"first\na\nb\ndropped 2\n"


def test_what_was_dropped_is_told_once(writer: LogWriter, sink: Sink) -> None:
    stuck(writer, sink)
    for line in ("a", "b", "lost"):
        writer.put(line)
    sink.gate.set()
    assert writer.flush(5)
    write(writer, "c")
    assert sink.data == b"first\na\nb\ndropped 1\nc\n"


def test_the_room_is_counted_in_characters_too(writer: LogWriter, sink: Sink, dropped: list[int]) -> None:
    stuck(writer, sink)
    writer.put("x" * 96)
    writer.put("a")
    assert sum(dropped) == 1


def test_an_urgent_line_is_out_when_put_returns(writer: LogWriter, sink: Sink) -> None:
    writer.put("last words", urgent=True)
    assert sink.data == b"last words\n"


def test_an_urgent_line_waits_once_for_a_stuck_target_and_then_no_more(
    writer: LogWriter, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck(writer, sink)
    waits: list[float] = []

    def flush(timeout_s: float) -> bool:
        waits.append(timeout_s)
        return False

    monkeypatch.setattr(writer, "flush", flush)
    writer.put("a", urgent=True)
    writer.put("b", urgent=True)
    assert waits == [URGENT_S]


def test_a_full_disk_loses_lines_and_a_torn_one_is_closed(
    writer: LogWriter, sink: Sink, dropped: list[int]
) -> None:
    sink.room = 3
    write(writer, "torn")
    sink.room = 10**9
    write(writer, "whole")
    assert (sink.data, sum(dropped)) == (b"tor\nwhole\ndropped 1\n", 1)


def test_a_target_that_takes_nothing_is_tried_again_with_every_line(
    writer: LogWriter, sink: Sink, dropped: list[int]
) -> None:
    sink.room = 0
    write(writer, "a")
    write(writer, "b")
    sink.room = 10**9
    write(writer, "c")
    assert (sink.data, sum(dropped)) == (b"c\ndropped 2\n", 2)


def test_closing_writes_what_waits_and_drops_what_comes_later(
    writer: LogWriter, sink: Sink, dropped: list[int]
) -> None:
    stuck(writer, sink)
    writer.put("a")
    sink.gate.set()
    assert writer.close(5)
    writer.put("late")
    assert (sink.data, sink.closed, sum(dropped)) == (b"first\na\n", True, 1)


def test_closing_does_not_wait_for_a_stuck_target(writer: LogWriter, sink: Sink) -> None:
    stuck(writer, sink)
    assert not writer.close(0.01)


def test_a_character_that_is_none_does_not_stop_the_lines(writer: LogWriter, sink: Sink) -> None:
    write(writer, "\ud800", "b")
    assert sink.data == b"\\ud800\nb\n"
