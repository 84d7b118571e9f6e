"""What a command calls the service with: an address without secrets, and a key that no process list shows."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kotaemon_async.cli.errors import EXIT_MISCONFIGURED, EXIT_USAGE, CommandError
from kotaemon_async.domain.addresses import is_loopback
from kotaemon_async.domain.callers import LOCAL_KEY

VARIABLE: Final = "KOTAEMON_KEY"
_KEY: Final = re.compile(r"[\x21-\x7e]+")
_PORTS: Final = {"http": 80, "https": 443}
_HOW: Final = f"Put a key into {VARIABLE}, or name a file that holds one with --key-file."


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key, and where it came from; both are empty when there is none."""

    key: str = ""
    source: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Return what a request carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def hint_for(self, status: int) -> str:
        """Return what to do about a 401 or a 403; nothing for other replies."""
        if status == 403:
            return f"This is what the key of {self.source} may not do." if self.source else ""
        if status != 401:
            return ""
        if self.key:
            return f"The key of {self.source} is none of this service's, or has ended: see `keys list`."
        where = "On the service's machine, whoever may read its data folder (KOTAEMON_DATA_DIR) needs none."
        return f"{_HOW} {where}"


NO_KEY: Final = Credentials()


def checked_address(url: str) -> str:
    """Return the address; raises CommandError when it is none, or when it holds a secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        message = "The address of the service is not one: http://HOST:PORT, with a path if it has one."
        raise CommandError(EXIT_USAGE, "bad_request", message, "See --url and KOTAEMON_URL.")
    if "@" in parts.netloc:
        message = "An address holds no key or password: process lists and histories would show it."
        raise CommandError(EXIT_USAGE, "bad_request", message, _HOW)
    return url


def is_own(url: str) -> bool:
    """Return whether the URL is of this machine's own address."""
    return is_loopback(urlsplit(url).hostname or "")


def credentials(url: str, key_file: Path | None, folder: Callable[[], Path | None]) -> Credentials:
    """Return the key of the file, else of the environment, else, on this machine, of the data folder.

    Raises: CommandError when what was named holds no key, or the address is none.
    """
    checked_address(url)
    if key_file is not None:
        return Credentials(_read(key_file), f"the file {key_file}")
    if given := os.environ.get(VARIABLE, "").strip():
        return Credentials(_checked(given, VARIABLE), VARIABLE)
    data_dir = folder() if is_own(url) else None
    return NO_KEY if data_dir is None else _local(url, data_dir)


def _local(url: str, data_dir: Path) -> Credentials:
    """Return the key of the data folder, when who listens is who wrote it."""
    file = data_dir / LOCAL_KEY
    try:
        key, owner = file.read_text("utf8").strip(), file.stat().st_uid
    except (OSError, ValueError):
        return NO_KEY
    parts = urlsplit(url)
    # While the service is down, another user of the machine could listen in its place.
    if not _KEY.fullmatch(key) or listeners(parts.port or _PORTS[parts.scheme]) - {owner, 0}:
        return NO_KEY
    return Credentials(key, f"the data folder {data_dir}")


def listeners(port: int, net: Path = Path("/proc/self/net")) -> set[int]:
    """Return the numbers of the users who listen on the port; none where this cannot be told.

    Source: proc_pid_net(5), the tables tcp and tcp6: address, state (0A is listening) and uid.
    """
    found: set[int] = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = (net / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        fields = (row.split() for row in rows)
        found |= {
            int(one[7]) for one in fields if one[3] == "0A" and int(one[1].rpartition(":")[2], 16) == port
        }
    return found


def _read(file: Path) -> str:
    try:
        return _checked(file.read_text("utf8").strip(), f"the file {file}")
    except OSError as error:
        message = f"The file {file} cannot be read: {error.strerror}."
    except ValueError:
        message = f"The file {file} is no text."
    raise CommandError(EXIT_MISCONFIGURED, "misconfigured", message, "It holds one line: the key.")


def _checked(key: str, source: str) -> str:
    if not _KEY.fullmatch(key):
        message = f"What {source} holds is no key: it is one word."
        raise CommandError(EXIT_MISCONFIGURED, "misconfigured", message, "See: kotaemon-async keys create")
    return key
