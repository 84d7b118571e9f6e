"""The child of a language model, where it cannot have one."""

import sys
from pathlib import Path

import pytest

from kotaemon_async.answers.llm.llama_child import await_still, load


def test_a_missing_extra_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # an import of it fails from now on
    server, report = load({"path": str(tmp_path)})
    assert server is None
    assert "pip install 'kotaemon-async[local]'" in report["error"]


def looks_at(*sizes_bytes: int) -> tuple[int, int]:
    """How often a log of these sizes is looked at until it counts as written, and how many ms that took."""
    sizes = list(reversed(sizes_bytes))
    waited: list[float] = []
    await_still(lambda: sizes.pop() if len(sizes) > 1 else sizes[0], waited.append)
    return len(waited), round(1_000 * sum(waited))


def test_a_log_is_written_when_it_has_not_grown_for_a_quarter_of_a_second() -> None:
    assert looks_at(0) == (5, 250)
    assert looks_at(0, 0, 0, 10, 10, 990)[0] == 5 + 5


def test_a_log_that_never_rests_is_not_waited_for_longer_than_five_seconds() -> None:
    assert looks_at(*range(1_000)) == (100, 5_000)
