"""The command `install-service`: the systemd unit with the paths of this installation."""

import sys
from importlib import resources
from pathlib import Path
from typing import Final

from kotaemon_async.cli.errors import EXIT_FAILED, CommandError

NAME: Final = "kotaemon-async.service"
#: Folders that the unit's sandbox hides from the service.
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - named, not used


def program() -> Path:
    """Return the path of the installed command."""
    return Path(sys.prefix, "bin", "kotaemon-async")


def unit(command: Path) -> str:
    """Return the unit's text, starting this command."""
    text = resources.files("kotaemon_async.cli").joinpath(NAME).read_text("utf8")
    return text.replace("{program}", str(command))


def trouble(command: Path) -> str | None:
    """Return why a service under this unit could not start the command; None when it can."""
    for folder in _HIDDEN:
        if command.resolve().is_relative_to(folder):
            return f"The unit hides {folder} from the service, and {command} lies in it."
    return None


def install(command: Path, folder: Path) -> Path:
    """Write the unit's file, whole or not at all, and return its path. Raises: CommandError."""
    path = folder / NAME
    if (why := trouble(command)) is not None:
        hint = "Clone and set up the project in /opt/kotaemon-async, then install from there."
        raise CommandError(EXIT_FAILED, "misconfigured", why, hint)
    scratch = path.with_suffix(".new")
    try:
        scratch.write_text(unit(command), "utf8")
        scratch.replace(path)
    except OSError as error:
        hint = "Run it as root, or redirect the printed unit into a file yourself."
        message = f"{path} cannot be written: {error.strerror}."
        raise CommandError(EXIT_FAILED, "storage_unavailable", message, hint) from error
    return path
