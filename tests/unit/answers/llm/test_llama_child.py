"""The child of a language model, where it cannot have one."""

import sys
from pathlib import Path

import pytest

from kotaemon_async.answers.llm.llama_child import load


def test_a_missing_extra_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # an import of it fails from now on
    server, report = load({"path": str(tmp_path)})
    assert server is None
    assert "pip install 'kotaemon-async[local]'" in report["error"]
