"""The runbook: a section for each alert and drill, and commands that are there as they are written."""

import re
import shlex
from typing import Any, Final

import pytest
import typer.main

from kotaemon_async.app.settings_table import leaves
from kotaemon_async.cli.main import app
from tests.integration.config.test_alerts import RULES, known
from tests.support.vocabulary import CONFIG, events

RUNBOOK: Final = (CONFIG / "runbook.md").read_text("utf8")
ALERTS, _, DRILLS = RUNBOOK.partition("\n## Drills\n")
WANTED: Final = {
    "Database restore",
    "Lost index",
    "Full disk",
    "Memory",
    "Keys",
    "Leaked key",
    "Locked-out admin",
    "Who did what",
    "A name or a page is refused",
    "Certificate renewal at the proxy",
    "Canary of a new version on a copy, and back",
}


def sections(part: str) -> dict[str, str]:
    found = re.split(r"^### (.+)$", part, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


SECTIONS: Final = sections(RUNBOOK)


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


def test_there_is_a_section_for_every_alert_and_every_drill_and_none_is_left_over() -> None:
    assert set(sections(ALERTS)) == {rule["alert"] for rule in RULES}
    assert set(sections(DRILLS)) == WANTED


@pytest.mark.parametrize("text", SECTIONS.values(), ids=list(SECTIONS))
def test_a_section_says_what_it_means_what_to_look_at_and_what_to_type(text: str) -> None:
    assert [part in text for part in ("**Means**", "**Look at**", "**Type**", "```sh\n")] == [True] * 4


def test_the_runbook_names_only_commands_events_and_settings_that_there_are() -> None:
    commands = set(re.findall(r"^kotaemon-async (\w[\w-]*)", RUNBOOK, re.MULTILINE))
    logged = set(
        re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", " ".join(re.findall(r"grep (?:-E )?'?(\w\S+)", RUNBOOK)))
    )
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)(?: = \S+)?`", RUNBOOK)) - {
        "alerts.yml",
        "ledger.db",
        "nginx.conf",
    }
    assert commands <= set(getattr(typer.main.get_command(app), "commands"))  # noqa: B009 - click's type has none
    words = " ".join((*events(), *known()))
    assert not [word for word in logged if word not in words]
    assert named <= {dotted for dotted, _ in leaves()} | {"metrics.md", "logs.md"}


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
