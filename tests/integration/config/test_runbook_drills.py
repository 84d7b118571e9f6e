"""The drills of the runbook: a section for each, and commands that are there as they are written."""

import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from kotaemon_async.cli.main import app

RUNBOOK: Final = Path(__file__).parents[3] / "config" / "runbook.md"
DRILLS: Final = RUNBOOK.read_text("utf8").partition("\n## Drills\n")[2]
WANTED: Final = {
    "Database restore",
    "Lost index",
    "Full disk",
    "Memory",
    "Key reset",
    "Certificate renewal at the proxy",
    "Canary of a new version on a copy, and back",
}


def sections() -> dict[str, str]:
    found = re.split(r"^### (.+)$", DRILLS, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def lines() -> list[str]:
    """Every line of a block of commands, in all drills."""
    blocks = re.findall(r"```sh\n(.*?)```", DRILLS, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def calls() -> list[list[str]]:
    """The words of each call of our own command, also in the middle of a sentence."""
    ours = r'(?:kotaemon-async|"\$NEW") ((?:[^`\n)|&]|\$\()+)'
    typed = [text for line in lines() if "systemctl" not in line for text in re.findall(ours, line)]
    said = re.findall(r"`kotaemon-async ([^`]+)`", DRILLS)
    return [shlex.split(text) for text in (*typed, *said)]


def test_there_is_a_section_for_every_drill() -> None:
    assert set(sections()) == WANTED


@pytest.mark.parametrize("text", sections().values(), ids=list(sections()))
def test_a_drill_says_what_it_means_what_to_look_at_and_what_to_type(text: str) -> None:
    assert [part in text for part in ("**Means**", "**Look at**", "**Type**", "```sh\n")] == [True] * 4


@pytest.mark.parametrize("words", calls(), ids=" ".join)
def test_a_command_has_the_options_that_it_is_called_with(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    context = command.make_context("kotaemon-async", list(words), resilient_parsing=True)
    left = list(words)
    while hasattr(command, "commands"):
        name = left.pop(0)
        assert name in command.commands, words
        command = command.commands[name]
        context = command.make_context(name, list(left), parent=context, resilient_parsing=True)
    assert context.args == []


def test_the_commands_of_the_drills_are_found() -> None:
    named = {" ".join(words[:2]) for words in calls()}
    assert {"backup restore", "backup verify", "keys create", "keys rotate", "doctor --repair"} <= named
    assert len(calls()) > 20
