"""The commands in this process: how they are called, and what stands in for their service."""

from collections.abc import Callable
from pathlib import Path

import httpx
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
