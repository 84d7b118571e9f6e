"""The process: server, worker, follower and dispatcher in one task group, and how they stop."""

import gc
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio
import anyio.to_thread
import uvicorn
from loguru import logger

from kotaemon_async.app.keys import check_address, tell_who_is_let_in
from kotaemon_async.app.services import Services, open_services
from kotaemon_async.app.settings import Settings
from kotaemon_async.app.systemd import Notifier, Systemd
from kotaemon_async.documents.ingest import ingest_document
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.http.connection import connection_class
from kotaemon_async.http.connection_places import ConnectionPlaces, connections_within
from kotaemon_async.http.server import HttpLimits, make_app
from kotaemon_async.http.uploads import UploadLimits
from kotaemon_async.resilience import descriptors, faults, fences
from kotaemon_async.resilience.stalls import StallDetector
from kotaemon_async.resilience.supervisor import supervise
from kotaemon_async.search.vectors.pipe import VectorChild
from kotaemon_async.telemetry import logs, metrics

EXIT_MISCONFIGURED = 78
DRAIN_POLL_S = 0.05
KNOWLEDGE_EVERY_S = 2.0
#: For so long a thread that works goes on when the loop has something to do: a fifth of what Python says by
#: itself. Ticks that are more than 10 ms late become 1.7 from 2.6 in 100 while documents are read.
SWITCH_S = 0.001
#: Connections that wait to be taken; one more would be asked again by its client only after a second.
_BACKLOG = 4096


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(settings: Settings, vector_child: VectorChild | None = None) -> int:
    """Run the service and return the exit status: 0 after a drained stop, 78 for a wrong setting.

    `vector_child` is one that was launched ahead of time.
    """
    sys.setswitchinterval(SWITCH_S)
    fences.close_memory()
    _open_log(settings)
    fences.tell()
    try:
        anyio.run(_run, settings, vector_child, backend_options={"use_uvloop": True})
    except* Misconfigured as group:
        return_code = _misconfigured(_first(group))
    else:
        return_code = 0
    return return_code


def _open_log(settings: Settings) -> None:
    try:
        logs.configure(settings.logs)
    except OSError as error:
        raise Misconfigured(
            f"logs.file: {settings.logs.file} cannot be written: {error.strerror}."
        ) from error


def _first(group: BaseExceptionGroup[Misconfigured]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _misconfigured(error: BaseException) -> int:
    logger.bind(code="misconfigured").critical("start_refused")
    sys.stderr.write(f"{error}\n{getattr(error, 'hint', '')}\n")
    return EXIT_MISCONFIGURED


@dataclass(slots=True)
class _Stop:
    """What signals have asked for: to stop, and then not to wait for anything any more."""

    asked: anyio.Event = field(default_factory=anyio.Event)
    at_once: anyio.Event = field(default_factory=anyio.Event)
    starting: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    async def listen(self, signals: AsyncIterator[signal.Signals]) -> None:
        """Receive signals until cancelled; one that comes while the service starts ends the start."""
        async for received in signals:
            logger.bind(signal=received.name).info("service_stopping")
            if self.asked.is_set():
                self.at_once.set()
            self.asked.set()
            self.starting.cancel()


async def _run(settings: Settings, vector_child: VectorChild | None) -> None:
    began_s = time.monotonic()
    check_address(settings)
    with (
        _listening_socket(settings) as listener,
        anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals,
    ):
        async with anyio.create_task_group() as listening:
            stop = _Stop()
            listening.start_soon(stop.listen, signals)
            async with AsyncExitStack() as stack:
                with stop.starting:
                    services = await stack.enter_async_context(open_services(settings, vector_child))
                if not stop.starting.cancelled_caught:
                    await _serve(services, listener, stop, began_s)
            listening.cancel_scope.cancel()
    logger.info("service_stopped")


async def _serve(services: Services, listener: socket.socket, stop: _Stop, began_s: float) -> None:
    """Run the parts until the server ends."""
    server = _server(services, services.settings)
    notifier = Notifier.from_environment()
    systemd = Systemd(notifier, services.ledger.documents)
    async with anyio.create_task_group() as group:
        group.start_soon(_drain, services, server, stop)
        group.start_soon(_report_stop, systemd, stop)
        if notifier.is_listening:
            is_ready = partial(_is_ready, services, server)
            group.start_soon(_supervised, "manager", partial(systemd.run, is_ready))
        for name, start in _tasks(services).items():
            group.start_soon(_supervised, name, start)
        group.start_soon(_announce, services, server, began_s)
        await server.serve([listener])
        group.cancel_scope.cancel()


def _tasks(services: Services) -> dict[str, Callable[[], Awaitable[None]]]:
    return {
        "worker": lambda: _work(services),
        "keys": services.keys.run,
        "local_key": services.keys.local.run,
        "traces": services.tracing.run,
        **services.incidents.tasks(),
        "follower": services.spaces.follow,
        "dispatcher": services.dispatcher.run,
        "folders": services.folders.run,
        "model_change": services.model_change.run,
        "loop_lag": services.loop_lag.run,
        "stalls": StallDetector().run,
        "memory": services.memory.run,
        "models": services.models.run,
        "maintenance": services.maintenance.run,
        "keywords": lambda: _renew_keywords(services),
        "pictures": services.page_images.run,
        "ocr": services.recognition.run,
        "history": services.history.run,
        "turns": services.turns.run,
        "preferences": services.preferences.run,
        "overviews": services.overviews.run,
        "knowledge": lambda: services.knowledge.watch(every_s=KNOWLEDGE_EVERY_S),
    }


async def _is_ready(services: Services, server: uvicorn.Server) -> bool:
    """Return what /readyz would say."""
    return server.started and (await services.health.report())["status"] != "down"


async def _report_stop(systemd: Systemd, stop: _Stop) -> None:
    await stop.asked.wait()
    systemd.stopping()


async def _supervised(name: str, start: Callable[[], Awaitable[None]]) -> None:
    await supervise(name, start)


async def _work(services: Services) -> None:
    await services.broker.work(
        [ingest_document], {"ingest": services.ingest}, max_jobs=services.settings.ingest.concurrency
    )


async def _renew_keywords(services: Services) -> None:
    """Bring the keyword index of an earlier release to today's form, once."""
    began_s = time.monotonic()
    if count := await services.ledger.keywords.renew():
        duration_s = round(time.monotonic() - began_s, 3)
        logger.bind(count=count, duration_s=duration_s).info("keywords_renewed")
    await anyio.sleep_forever()


async def _drain(services: Services, server: uvicorn.Server, stop: _Stop) -> None:
    """Stop when asked to: not ready any more, streams and jobs finish within drain_s or are cancelled."""
    await stop.asked.wait()
    services.stopping.set()
    services.broker.rest()
    services.ingest.stop()
    faults.hit("app.stopping")
    with anyio.move_on_after(services.settings.http.drain_s):
        while _is_busy(services, server) and not stop.at_once.is_set():  # noqa: ASYNC110
            await anyio.sleep(DRAIN_POLL_S)
    await services.turns.aclose()
    if stop.at_once.is_set():
        server.config.timeout_graceful_shutdown = 0
    faults.hit("app.drained")
    server.should_exit = True


def _is_busy(services: Services, server: uvicorn.Server) -> bool:
    """Return whether anything is under way that may end by itself."""
    return bool(server.server_state.tasks or services.ingest.active or services.turns.active)


def _server(services: Services, settings: Settings) -> uvicorn.Server:
    places = _places(settings)
    limits = HttpLimits(
        settings.http,
        settings.answers.max_deadline_s,
        callers=settings.limits,
        max_streams=places.streams,
        upload=UploadLimits(whole_s=settings.http.max_upload_s),
    )
    config = uvicorn.Config(
        make_app(services, limits, keys=services.keys),
        http=connection_class(places),
        ws="none",
        backlog=_BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # http/forwarded.py believes listed addresses only; uvicorn all on this machine
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    return _Server(config)


def _places(settings: Settings) -> ConnectionPlaces:
    """Return room for as many connections as are set, or as there are descriptors for."""
    within = connections_within(descriptors.raise_limit())
    return ConnectionPlaces(min(settings.http.max_connections or within, within))


@contextmanager
def _listening_socket(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.http.host, settings.http.port))
        except OSError as error:
            raise Misconfigured(
                f"http.port: {settings.http.host}:{settings.http.port} cannot be opened: {error.strerror}.",
                hint="Stop the program that uses the port, or set KOTAEMON_HTTP__PORT to another one.",
            ) from error
        listener.listen(_BACKLOG)
        yield listener


async def _announce(services: Services, server: uvicorn.Server, began_s: float) -> None:
    settings = services.settings
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await anyio.sleep(0.01)
    # What was loaded stays to the end; looking through it again and again held the loop for 0.1 s each time.
    gc.freeze()
    gc.enable()
    await tell_who_is_let_in(settings, services.keys, services.audit)
    services.started.set()
    ready_s = round(time.monotonic() - began_s, 3)
    logger.bind(host=settings.http.host, port=settings.http.port, duration_s=ready_s).info("service_started")
    metrics.START_TIME.set_to_current_time()
    if sys.stdout.isatty():
        await anyio.to_thread.run_sync(_greet, settings, abandon_on_cancel=True)


def _greet(settings: Settings) -> None:
    """Print a greeting on a terminal; where a program reads, every line is a line of the log."""
    logs.flush()
    sys.stdout.write(
        f"\n  kotaemon_async is ready at http://{settings.http.host}:{settings.http.port}{settings.http.base_path}\n"
        f"  data folder   {settings.data_dir.absolute()}\n"
        f"  next          {sys.argv[0]} ingest FILE…\n"
        f'                {sys.argv[0]} ask "…"\n\n'
    )
    sys.stdout.flush()
