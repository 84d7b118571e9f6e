"""Office files as LibreOffice prints them, where it is installed: pictures of their pages, never their text.

It is a program of others that opens files of strangers, so it runs in a fence of its own: with a fresh
profile for each run, without network, with its own folder and the system's programs and fonts as the only
files, and limits for memory, CPU, time and what it writes. What it makes is kept, and may be deleted.
"""

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec
from loguru import logger

from kotaemon_async.documents.parsing import formats
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.child import ChildProcess, script_command
from kotaemon_async.telemetry.traces import child_span

SCRIPT: Final = Path(__file__).with_name("child_fence.py")
#: Hidden slides are pages, too, so that a slide's number is its page's.
_SLIDES: Final = 'pdf:impress_pdf_Export:{"ExportHiddenSlides":{"type":"boolean","value":"true"}}'
#: Media type -> the ending that LibreOffice knows it by, and what to convert it to.
_KINDS: Final = {
    **{kind: (suffix, "pdf") for kind, suffix in (
        (formats.DOCX, ".docx"), (formats.ODT, ".odt"), (formats.DOC, ".doc"), (formats.RTF, ".rtf"),
        (formats.XLSX, ".xlsx"), (formats.ODS, ".ods"), (formats.XLS, ".xls"),
    )},
    **{kind: (suffix, _SLIDES) for kind, suffix in (
        (formats.PPTX, ".pptx"), (formats.ODP, ".odp"), (formats.PPT, ".ppt"),
    )},
}  # fmt: skip
#: A fresh profile is only written by the first start, which then ends with this status.
_AGAIN: Final = 81
_WALL_S: Final = 15.0
_CPU_S: Final = 40.0
_CACHE_BYTES: Final = 256 * 1024**2
#: A file that was not converted is not tried again for so long.
_PATIENCE_S: Final = 3_600.0
_MOST_FAILED: Final = 1_000
#: What a crash left behind is older than any run.
_LEFT_OVER_S: Final = 600.0
_READABLE: Final = (
    *("/usr", "/lib", "/lib64", "/bin", "/opt", "/var/lib/libreoffice", "/var/spool/libreoffice"),
    *("/var/cache/fontconfig", "/etc/fonts", "/etc/libreoffice", "/etc/ld.so.cache", "/etc/locale.alias"),
    *("/etc/localtime", "/etc/nsswitch.conf", "/proc/self", "/proc/cpuinfo", "/proc/meminfo"),
    *("/sys/devices/system/cpu", "/dev/urandom"),
)
_SOCKETS: Final = "/tmp"  # noqa: S108 - where LibreOffice puts one, whatever TMPDIR says
#: No macros, and nothing that a document refers to outside of itself.
_PROFILE: Final = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop>
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop>
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop>
</item></oor:items>
"""


def program_of(setting: str) -> Path | None:
    """Return LibreOffice's program by the setting: `auto` looks on the PATH, `off` finds none."""
    if setting == "off":
        return None
    found = shutil.which("soffice" if setting == "auto" else setting)
    if found is None:
        return None
    # The shell script beside it would start it with other limits, and wait for it.
    path = Path(found).resolve()
    beside = path.with_name("soffice.bin")
    return beside if beside.exists() else path


class LibreOffice:
    """Turns office files into PDFs, one at a time, and keeps the last ones in a folder."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        settings: ParserSettings,
        *,
        wall_s: float = _WALL_S,
        cache_bytes: int = _CACHE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._program = program
        self._folder = folder
        self._settings = settings
        self._wall_s = wall_s
        self._cache_bytes = cache_bytes
        self._clock = clock
        self._turn = anyio.Lock()
        self._failed: dict[str, float] = {}

    @staticmethod
    def reads(media_type: str) -> bool:
        """Return whether files of the kind are converted."""
        return media_type in _KINDS

    async def pdf(self, path: Path, media_type: str, document_id: str) -> Path:
        """Return the file as a PDF, which is there for as long as it is used now and then.

        Raises: Unavailable when it is not converted, or was not a while ago.
        """
        kept = self._folder / f"{document_id}.pdf"
        async with self._turn:
            if await anyio.to_thread.run_sync(_touched, kept, self._clock()):
                return kept
            if self._clock() - self._failed.get(document_id, -_PATIENCE_S) < _PATIENCE_S:
                raise _failure("it was not converted a while ago")
            try:
                with child_span("libreoffice"):
                    await self._convert(path, media_type, kept)
            except Unavailable:
                self._forget_failures()
                self._failed[document_id] = self._clock()
                raise
        return kept

    def _forget_failures(self) -> None:
        while len(self._failed) >= _MOST_FAILED:
            del self._failed[next(iter(self._failed))]

    async def _convert(self, path: Path, media_type: str, kept: Path) -> None:
        suffix, target = _KINDS[media_type]
        try:
            run = await anyio.to_thread.run_sync(_prepared, self._folder, path, suffix, self._clock())
        except OSError as error:
            raise _failure(str(error)) from error
        try:
            with anyio.fail_after(self._wall_s):
                await self._started(run, suffix, target)
            made, now_s = run / "out" / "document.pdf", self._clock()
            await anyio.to_thread.run_sync(_keep, made, kept, self._cache_bytes, now_s)
        except TimeoutError:
            raise _failure(f"it took longer than {self._wall_s:g} s") from None
        except OSError as error:
            raise _failure(str(error)) from error
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(_cleared, run)

    async def _started(self, run: Path, suffix: str, target: str) -> None:
        """Run the program to its end, twice if the profile was only written."""
        for _ in range(2):
            child = await ChildProcess.start(
                self._command(run, suffix, target), env=_environment(run), cwd=str(run), own_session=True,
                keep_errors=True,
            )  # fmt: skip
            try:
                status = await child.wait()
            finally:
                await child.aclose()  # and whatever it has started
            if status != _AGAIN:
                break
            await anyio.to_thread.run_sync(_remove_dead_sockets)
        if status != 0:
            raise _failure(f"it ended with {status}")

    def _command(self, run: Path, suffix: str, target: str) -> list[str]:
        settings = self._settings
        options = ("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo")
        profile = f"-env:UserInstallation={(run / 'profile').as_uri()}"
        files = ("--convert-to", target, "--outdir", str(run / "out"), str(run / f"document{suffix}"))
        given = {
            "parent_pid": os.getpid(),
            "memory_bytes": settings.memory_bytes,
            "file_size_bytes": settings.file_size_bytes,
            "cpu_s": min(_CPU_S, settings.cpu_s),
            "readable": [*_READABLE, str(self._program.parent)],
            "writable": [str(run), "/dev/null"],
            "sockets": [_SOCKETS],
            "command": [str(self._program), *options, profile, *files],
        }
        return script_command(SCRIPT, msgspec.json.encode(given).decode())


def _failure(why: str) -> Unavailable:
    logger.bind(message=why).info("office_file_not_drawn")
    return Unavailable(f"LibreOffice did not convert the file: {why}.", code="parser_unavailable")


def _environment(run: Path) -> dict[str, str]:
    home = str(run)
    return {"HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


def _touched(kept: Path, now_s: float) -> bool:
    """Return whether the PDF is there, and note that it is used."""
    try:
        os.utime(kept, (now_s, now_s))
    except OSError:
        return False
    return True


def _prepared(folder: Path, path: Path, suffix: str, now_s: float) -> Path:
    """Return a folder with the file and a fresh profile; what a crash left behind is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("run-*"):
        if old.lstat().st_mtime < now_s - _LEFT_OVER_S:
            shutil.rmtree(old, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    (run / "out").mkdir()
    (run / "profile" / "user").mkdir(parents=True)
    (run / "profile" / "user" / "registrymodifications.xcu").write_text(_PROFILE)
    shutil.copyfile(path, run / f"document{suffix}")
    return run


def _keep(made: Path, kept: Path, most_bytes: int, now_s: float) -> None:
    """Put the PDF where it is kept; the longest unused ones go when there is no more room."""
    os.utime(made, (now_s, now_s))
    made.replace(kept)
    by_age = sorted(kept.parent.glob("*.pdf"), key=lambda one: one.stat().st_mtime, reverse=True)
    whole = 0
    for one in by_age:
        whole += one.stat().st_size
        if whole > most_bytes and one != kept:
            one.unlink()


def _cleared(run: Path) -> None:
    shutil.rmtree(run, ignore_errors=True)
    _remove_dead_sockets()


def _remove_dead_sockets() -> None:
    """Remove the sockets of ended runs: inside the fence it cannot do so itself."""
    for path in Path(_SOCKETS).glob(f"OSL_PIPE_{os.getuid()}_SingleOfficeIPC_*"):
        with socket.socket(socket.AF_UNIX) as one, contextlib.suppress(FileNotFoundError):
            try:
                one.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
