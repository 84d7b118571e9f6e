"""Write log lines through a bounded queue and a thread, so that no target ever holds up the service."""

import queue
import threading
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from kotaemon_async.telemetry.log_targets import Target

MAX_CHARS: Final = 8 * 1024**2
#: How long the caller of an urgent line waits until it is out; for a stuck target nobody waits again.
URGENT_S: Final = 0.05
#: Characters that one write takes at most, beside the last line.
_AT_ONCE_CHARS: Final = 65_536


class LogWriter:
    """Takes lines at once, writes them as fast as the target goes, and drops what finds no room.

    `put` is for one thread at a time (loguru's lock sees to it). Each counter below is changed by one thread
    only, so none needs a lock, and a line out of a signal handler or of the garbage collector meets none that
    is held. `on_drop` receives how many lines are lost, `drop_line` makes the line that reports them once the
    queue is empty again.
    """

    def __init__(
        self,
        target: Target,
        *,
        on_drop: Callable[[int], None],
        drop_line: Callable[[int], str],
        max_lines: int,
        max_chars: int = MAX_CHARS,
    ) -> None:
        self._target = target
        self._on_drop = on_drop
        self._drop_line = drop_line
        self._max_lines, self._max_chars = max_lines, max_chars
        self._queue: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._taken_lines = self._taken_chars = self._refused_lines = 0  # by those who log
        self._done_lines = self._done_chars = self._lost_lines = self._reported_lines = 0  # by the thread
        self._stuck = self._torn = self._closed = False
        # A daemon: a target that never takes the last line must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, line: str, *, urgent: bool = False) -> None:
        """Queue the line, or drop it; an urgent one is out on return, unless the target is slow."""
        waiting_lines = self._taken_lines - self._done_lines
        waiting_chars = self._taken_chars - self._done_chars
        if self._closed or waiting_lines >= self._max_lines or waiting_chars + len(line) > self._max_chars:
            self._refused_lines += 1
            self._on_drop(1)
            return
        self._taken_lines += 1
        self._taken_chars += len(line)
        self._queue.put(line)
        if urgent and not self._stuck:
            self._stuck = not self.flush(URGENT_S)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all lines before this call are out or lost; return whether they were within the time."""
        if not self._thread.is_alive():
            return True
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Drop later lines; return whether everything else got out within the time."""
        self._closed = True
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            lines, marks, goes_on = self._next()
            if lines:
                self._write(lines)
            if self._queue.empty():
                self._report_drops()
            for mark in marks:
                mark.set()
        self._target.close()

    def _next(self) -> tuple[list[str], list[threading.Event], bool]:
        """Return what waits, up to one write's worth: each write needs the interpreter's lock once."""
        lines: list[str] = []
        marks: list[threading.Event] = []
        item, chars = self._queue.get(), 0
        while True:
            if item is None:
                return lines, marks, False
            if isinstance(item, str):
                lines.append(item)
                chars += len(item)
            else:
                marks.append(item)
            if chars >= _AT_ONCE_CHARS:
                return lines, marks, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return lines, marks, True

    def _write(self, lines: list[str]) -> None:
        sizes, lost = self._write_out(lines)
        self._lost_lines += lost
        if lost:
            self._on_drop(lost)
        self._done_lines += len(lines)
        self._done_chars += sizes
        self._stuck = False

    def _write_out(self, lines: list[str]) -> tuple[int, int]:
        """Return how many characters were taken off the queue, and how many lines did not get out whole."""
        encoded = [f"{line}\n".encode(errors="backslashreplace") for line in lines]
        start = b"\n" if self._torn else b""
        written = self._target.write(start + b"".join(encoded))
        ends = list(accumulate((len(one) for one in encoded), initial=len(start)))
        if written:
            self._torn = written not in ends
        return sum(map(len, lines)), sum(1 for end in ends[1:] if end > written)

    def _report_drops(self) -> None:
        dropped = self._refused_lines + self._lost_lines
        if dropped > self._reported_lines:
            _, lost = self._write_out([self._drop_line(dropped - self._reported_lines)])
            self._reported_lines = self._reported_lines if lost else dropped
