"""A model in a folder, served by a llama.cpp child of this process: loaded at its first question."""

import os
import re
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Self

import anyio
import anyio.to_thread
import msgspec

from kotaemon_async.answers.llm.base import Deadline, ProviderFailed
from kotaemon_async.answers.llm.openai import Connection, connected, time_limit
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.resilience.child import BadFrame, ChildGone, FramedChild, script_command
from kotaemon_async.resilience.models import LeasedModel, ModelRegistry
from kotaemon_async.telemetry import metrics

SCRIPT: Final = Path(__file__).with_name("llama_child.py")
_SOCKET: Final = "llm.sock"
#: A model may count so many times the tokens that a prompt is estimated to have.
_ESTIMATE_SPREAD: Final = 2
#: How long a process whose connection broke gets to be seen as dead.
_DEATH_S: Final = 1.0
#: What llama.cpp writes of a file that it cannot load.
_WHY: Final = re.compile(r"error loading model: (.+)")
_TOO_LARGE: Final = "the model needs more memory than memory_bytes"
_MEMORY_SIGNS: Final = (
    "failed to allocate",
    "insufficient memory",
    "mem_buffer != NULL",
    "bad_alloc",
    "MemoryError",
)


class LlamaServer:
    """The server of one model, which comes with its first question and goes when it is idle."""

    kind = "llama.cpp"
    address = None
    hold_s = 0.0  # llama.cpp knows its model's template and sends thoughts in a field of their own

    def __init__(self, settings: LinkSettings, models: ModelRegistry, script: Path = SCRIPT) -> None:
        self._model = LeasedModel(
            f"link.{settings.name}",
            models,
            partial(LlamaProcess.start, settings, script),
            LlamaProcess.aclose,
            is_alive=lambda process: process.is_alive,
            idle_release_s=settings.idle_release_s,
        )

    async def warm(self) -> None:
        """Do nothing: a model takes its memory when there is a question for it."""

    async def aclose(self) -> None:
        """End the process, also in the middle of an answer."""
        await self._model.aclose()

    @asynccontextmanager
    async def lease(self, due: Deadline) -> AsyncIterator[Connection]:
        """Hold the connection to the loaded model; what is not loaded in time goes on loading.

        Raises: Unavailable, and for a process that died in the block ProviderFailed with the reason.
        """
        async with AsyncExitStack() as stack:
            with time_limit(due, "the model is still being loaded", fault="nobody"):
                process = await stack.enter_async_context(self._model.lease())
            try:
                yield process.connection
            except ProviderFailed as error:
                if error.code == ProviderFailed.code and (reason := await process.exit_error()):
                    raise reason from error
                raise


class LlamaProcess:
    """A running child that has loaded its model."""

    def __init__(self, child: FramedChild, connection: Connection, closing: AsyncExitStack) -> None:
        self.connection = connection
        self._child = child
        self._closing = closing

    @classmethod
    async def start(cls, settings: LinkSettings, script: Path = SCRIPT) -> Self:
        """Return a process with the model in it; raises ProviderFailed."""
        async with AsyncExitStack() as closing:
            folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="kotaemon-llm-"))
            socket, key = f"{folder}/{_SOCKET}", secrets.token_urlsafe(32)
            place = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            closing.callback(os.close, place)
            try:
                # Ctrl-C in a terminal is for the service, which drains first.
                child = await FramedChild.start(
                    script_command(script), cwd="/", own_session=True, keep_errors=True
                )
            except OSError as error:
                raise ProviderFailed(f"the model's process cannot be started: {error}") from error
            closing.push_async_callback(child.aclose)
            report = await _loaded(child, settings, socket, key)
            # An address of a socket ends after 107 bytes; the temporary folder may be any number away.
            near = f"/proc/self/fd/{place}/{_SOCKET}"
            client = await connected("http://localhost/v1", key, near)
            closing.push_async_callback(client.close)
            return cls(child, Connection(client, report.commands, report.context_tokens), closing.pop_all())

    @property
    def is_alive(self) -> bool:
        """Return whether it runs."""
        return self._child.returncode is None

    async def exit_error(self) -> ProviderFailed | None:
        """Return why it is gone, None when it goes on running; a fresh one may do better."""
        with anyio.move_on_after(_DEATH_S):
            await self._child.wait()
        return None if self.is_alive else await _exit_error(self._child)

    async def aclose(self) -> None:
        """Kill the process and wait until it is gone; never cancelled."""
        if not self.is_alive:
            metrics.CHILD_RESTARTS.labels(child="llm").inc()
        with anyio.CancelScope(shield=True):
            await self._closing.aclose()


class _Report(msgspec.Struct):
    """How loading went."""

    commands: tuple[str, ...] = ()
    context_tokens: int | None = None
    error: str | None = None
    is_out_of_memory: bool = False


async def _loaded(child: FramedChild, settings: LinkSettings, socket: str, key: str) -> "_Report":
    """Wait until the child serves the model and return what it reports of it."""
    wanted = {
        "parent_pid": os.getpid(),
        "path": str(settings.folder and settings.folder.absolute()),
        "socket": socket,
        "api_key": key,
        "memory_bytes": settings.memory_bytes,
        "max_tokens": settings.max_tokens,
        "context_tokens": settings.prompt_budget_tokens * _ESTIMATE_SPREAD + settings.max_tokens,
    }
    try:
        report = await child.call(wanted, _Report, within_s=settings.load_timeout_s)
    except TimeoutError as error:
        message = f"the model was not loaded within {settings.load_timeout_s:g} s"
        raise ProviderFailed(message, code="timeout") from error
    except ChildGone as error:
        raise await _load_error(child, str(settings.folder)) from error
    except BadFrame as error:
        message = "the model's process wrote something unreadable"
        raise ProviderFailed(message, transient=True) from error
    if report.error is None:
        return report
    message = report.error
    if report.is_out_of_memory or _is_out_of_memory(child):
        message += f": {_TOO_LARGE}"
    elif (why := _WHY.search(child.error_tail())) is not None:
        message += f": {why[1]}"
    raise ProviderFailed(message, code="misconfigured", fault="setting")


async def _load_error(child: FramedChild, path: str) -> ProviderFailed:
    error = await _exit_error(child)
    if _is_out_of_memory(child):
        return ProviderFailed(f"{path}: {_TOO_LARGE}", code="misconfigured", fault="setting")
    return error


async def _exit_error(child: FramedChild) -> ProviderFailed:
    reason = await child.exit_reason()
    if _is_out_of_memory(child):
        return ProviderFailed("the model's process needed more memory than memory_bytes", fault="prompt")
    return ProviderFailed(f"the model's process died ({reason})", transient=True)


def _is_out_of_memory(child: FramedChild) -> bool:
    return any(sign in child.error_tail() for sign in _MEMORY_SIGNS)
