"""What the page's view "Documents" says in words: every name from a closed list."""

import re
from pathlib import Path
from typing import Final, get_args

import pytest

from kotaemon_async.domain.model import Stage, Status
from kotaemon_async.resilience.capacity import Shortage

WEB: Final = Path(__file__).parents[4] / "kotaemon_async" / "http" / "web"
_WORDS: Final = re.compile(r'^  "?([^":]+)"?: \["((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\],$', re.MULTILINE)
#: What a worker waits for while it has a document; see Watch.waiting.
_WORKER_WAITS: Final = ("parser", "embedder")


def words(*files: str) -> dict[str, tuple[str, str]]:
    found = [_WORDS.findall((WEB / f"words_{name}.js").read_text("utf8")) for name in files]
    return {name: (english, chinese) for one in found for name, english, chinese in one}


OWN: Final = words("documents")


@pytest.mark.parametrize("status", sorted(set(get_args(Status)) - {"queued", "processing"}))
def test_each_final_status_has_words(status: str) -> None:
    assert f"documents.status.{status}" in OWN


@pytest.mark.parametrize("stage", get_args(Stage))
def test_each_stage_has_words(stage: str) -> None:
    assert f"documents.stage.{stage}" in OWN


@pytest.mark.parametrize("kind", [*get_args(Shortage), *_WORKER_WAITS, "worker", "retry"])
def test_each_reason_to_wait_has_words(kind: str) -> None:
    assert f"documents.wait.{kind}" in OWN
