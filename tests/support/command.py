"""The commands in this process: how they are called, and what stands in for their service."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
from typer._click.core import Command
from typer.main import get_command
from typer.testing import CliRunner

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.main import app

Reply = Callable[[httpx.Request], httpx.Response]
#: A client whose service replies so.
Connect = Callable[[Reply], Client]


def run(*words: str | Path, data_dir: Path | None = None, **env: str) -> tuple[int, str, str]:
    """The exit code of a command and what it printed, to both."""
    given = {} if data_dir is None else {"KOTAEMON_DATA_DIR": str(data_dir)}
    result = CliRunner().invoke(app, [str(word) for word in words], env=given | env)
    return result.exit_code, result.stdout, result.stderr


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    """A refusal by the service."""
    body = {"code": code, "detail": f"It is {code}.", "hint": "Do something."}
    return httpx.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def commands() -> dict[str, Command]:
    """Every command of the tree by its words, such as `models status`."""
    found: dict[str, Command] = {}
    waiting: list[tuple[str, Command]] = [("", get_command(app))]
    while waiting:
        words, one = waiting.pop()
        below = getattr(one, "commands", {})
        waiting += [(f"{words} {name}".strip(), command) for name, command in below.items()]
        if not below:
            found[words] = one
    return found


def options(command: Command) -> set[str]:
    """The options of a command, such as `--url`."""
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")}


def calling() -> list[str]:
    """The commands that talk to a service, by their words."""
    return sorted(words for words, one in commands().items() if "--url" in options(one))


#: What commands want beside what they call required.
_WANTED: Final = {"retry": ["doc_1"], "collections share": ["default", "--public", "read"]}


def arguments(words: str) -> list[str]:
    """What a command has to be given: a file where it wants one, else any word."""
    if words in _WANTED:
        return _WANTED[words]
    wanted = [one.name for one in commands()[words].params if one.required]
    return [__file__ if name in {"paths", "file"} else "doc_1" for name in wanted]
