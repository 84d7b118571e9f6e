"""The command `doctor`: examines the folder itself, or has the service that uses it do so."""

import sys
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import msgspec

from kotaemon_async.app.doctor import doctor_alone, name_of
from kotaemon_async.app.settings import Settings, ledger_folder
from kotaemon_async.cli.audit import write_down
from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.credentials import credentials
from kotaemon_async.cli.errors import EXIT_FAILED, EXIT_TRY_AGAIN, EXIT_UNREACHABLE, EXIT_USAGE, CommandError
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.operations.doctor.examination import is_damage
from kotaemon_async.operations.doctor.report import Report, ReportBody, body_of
from kotaemon_async.stores.folder_lock import FolderLock
from kotaemon_async.telemetry import logs
from kotaemon_async.telemetry.settings import LogSettings

#: By verdict.
EXIT_CODES: Final = {"well": 0, "differs": 1, "mended": 3, "beyond_mending": 4}
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, to be called


def examine(
    settings: Settings, url: str | None, key_file: Path | None = None, *, repair: bool, deep: bool
) -> Json:
    """Return the report: of the service that uses the folder, found at `url` or by the settings, or our own.

    Raises: CommandError, Misconfigured, Unavailable.
    """
    folder = ledger_folder(settings)
    lock = FolderLock.take(folder, shared=False)
    if lock is None:
        wanted = {"repair": repair, "deep": deep, "folder": name_of(folder)}
        address = url or url_of(settings)
        return ask(Client(address, credentials(address, key_file, lambda: folder)), wanted)
    logs.configure(LogSettings(level="error"), stream=sys.stderr)
    try:
        look = partial(_examine_alone, settings, repair=repair, deep=deep)
        report: Json = msgspec.to_builtins(anyio.run(look, backend_options={"use_uvloop": True}))
        if repair:
            write_down(folder, "doctor", "repair")
    finally:
        lock.release()
    return report


def ask(client: Client, wanted: Json) -> Json:
    """Return the report of the running service, without a time limit. Raises: CommandError."""
    try:
        return client.post("/api/v1/doctor", wanted, timeout_s=None)
    except CommandError as error:
        raise _explained(error, client.url) from error
    finally:
        client.close()


def url_of(settings: Settings) -> str:
    """Return the address at which a service with these settings is called."""
    host = _ANY_ADDRESS.get(settings.http.host, settings.http.host)
    address = f"[{host}]" if ":" in host else host
    return f"http://{address}:{settings.http.port}{settings.http.base_path}"


def _explained(error: CommandError, url: str) -> CommandError:
    """Return an error whose exit code cannot be taken for a verdict."""
    if error.exit_code == EXIT_UNREACHABLE or error.code in ("not_found", "method_not_allowed"):
        message = f"A service uses the data folder, but none that can examine it answers at {url}."
        hint = "Name its address with --url or KOTAEMON_URL, or stop it first."
        return CommandError(EXIT_UNREACHABLE, "unreachable", message, hint)
    if error.code in ("unauthorized", "forbidden"):
        return CommandError(EXIT_USAGE, error.code, error.message, error.hint)
    code = EXIT_TRY_AGAIN if error.exit_code == EXIT_FAILED else error.exit_code
    return CommandError(code, error.code, error.message, error.hint)


async def _examine_alone(settings: Settings, *, repair: bool, deep: bool) -> ReportBody:
    try:
        async with doctor_alone(settings, repair=repair) as doctor:
            return body_of(await doctor.run(repair=repair, deep=deep))
    except Misconfigured as error:
        if not is_damage(error):
            raise
        report = Report(repair, deep)
        report.add("ledger_damaged", [error.message])
        return body_of(report)
