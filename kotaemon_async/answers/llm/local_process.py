"""The process of a model as its parent sees it: frames of one request at a time, and its end."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio

from kotaemon_async.answers.llm.base import ProviderFailed
from kotaemon_async.answers.llm.prompt import Messages
from kotaemon_async.resilience.child import FramedChild

SCRIPT: Final = Path(__file__).with_name("local_child.py")
_FRAME_LIMIT_BYTES: Final = 1024**2
#: What a child needs of the environment; keys and passwords stay out.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "OMP_NUM_THREADS")
_GONE: Final = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)
#: How the child says that nothing more comes to a request.
_LAST: Final = frozenset({"end", "error", "too_long"})


@dataclass(frozen=True, slots=True)
class Model:
    """A folder in onnxruntime-genai's format, and what its process may take and say."""

    folder: Path
    memory_bytes: int = 8 * 1024**3
    max_tokens: int = 512


class LocalProcess:
    """A running child, which loads its model and then answers one request after the other."""

    def __init__(self, process: FramedChild) -> None:
        self._process = process
        self._last_id = 0
        self._open: int | None = None
        self._is_whole = True
        self.is_ready = False

    @classmethod
    async def start(cls, model: Model, script: Path = SCRIPT) -> "LocalProcess":
        """A child that has begun to load; raises ProviderFailed."""
        settings = {
            "parent_pid": os.getpid(),
            "folder": str(model.folder),
            "memory_bytes": model.memory_bytes,
            "max_tokens": model.max_tokens,
        }
        command = [sys.executable, "-I", "-X", "utf8", str(script), json.dumps(settings)]
        env = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            process = await FramedChild.start(
                command,
                env=env | {"ORT_DISABLE_TELEMETRY": "1"},
                cwd="/",
                own_session=True,  # Ctrl-C in a terminal is for the service, which drains first
                keep_errors=True,
            )
        except OSError as error:
            raise ProviderFailed(f"the model's process cannot be started: {error}") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked: it runs, and no request of it was left half sent."""
        return self._is_whole and self._process.returncode is None

    async def ready(self) -> None:
        """The model is loaded. A wait that is cancelled can be taken up again. Raises: ProviderFailed."""
        if not self.is_ready:
            _checked(await self._receive(), first=True)
            self.is_ready = True

    async def ask(self, words: Messages) -> dict[str, Any]:
        """The first frame of the reply; `receive` brings the others."""
        self._last_id += 1
        self._open = self._last_id
        await self._send({"id": self._open, "system": words.system, "user": words.user})
        return await self.receive()

    async def receive(self) -> dict[str, Any]:
        """The next frame of the reply; raises ProviderFailed."""
        while (frame := await self._receive()).get("id") != self._open:
            pass  # it was on its way when the request was given up
        if not _LAST.isdisjoint(frame):
            self._open = None
        return _checked(frame)

    async def settle(self, within_s: float) -> None:
        """A request that was given up has ended; if that takes longer, the process has."""
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(within_s):
                try:
                    if self._open is not None and self._is_whole:
                        await self._send({"stop": self._open})
                    while self._open is not None and self._is_whole:
                        await self.receive()
                except ProviderFailed:
                    self._open = None  # it has ended, one way or the other
            if self._open is not None:
                await self.end()

    async def end(self) -> None:
        """Kills the process and waits until it is gone; never cancelled."""
        await self._process.aclose()

    async def _send(self, frame: dict[str, object]) -> None:
        self._is_whole = False  # until all of it is sent
        try:
            await self._process.requests.send(json.dumps(frame).encode() + b"\n")
        except _GONE as error:
            raise await self._obituary() from error
        self._is_whole = True

    async def _receive(self) -> dict[str, Any]:
        """One frame; whatever is read when this is cancelled is there for the next call."""
        try:
            frame = json.loads(await self._process.replies.receive_until(b"\n", _FRAME_LIMIT_BYTES))
        except _GONE as error:
            raise await self._obituary() from error
        except (anyio.DelimiterNotFound, ValueError) as error:
            self._is_whole = False
            raise ProviderFailed("the model's process wrote something unreadable", transient=True) from error
        return dict(frame)

    async def _obituary(self) -> ProviderFailed:
        """Why the process is gone; a fresh one may do better."""
        self._is_whole = False
        reason = await self._process.exit_reason()
        if self._is_out_of_memory():
            return ProviderFailed("the model's process needed more memory than memory_bytes", fault="prompt")
        return ProviderFailed(f"the model's process died ({reason})", transient=True)

    def _is_out_of_memory(self) -> bool:
        last_words = self._process.error_tail()
        return any(sign in last_words for sign in ("bad_alloc", "MemoryError", "allocation failed"))


def _checked(frame: dict[str, Any], *, first: bool = False) -> dict[str, Any]:
    """Return the frame. Raises: ProviderFailed for an error of a setting, of memory or of the model."""
    error = frame.get("error")
    if error is None:
        return frame
    message = str(frame.get("message", error))
    if error == "setting" or (first and error == "memory"):
        raise ProviderFailed(message, code="misconfigured", fault="setting")
    raise ProviderFailed(f"the model failed: {message}", fault="prompt" if error == "memory" else "server")
