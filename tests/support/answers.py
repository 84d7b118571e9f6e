"""A whole service in this process behind its HTTP surface, whose parts can be made faulty for a question.

Ledger, vector index, embedding model, parser, worker and links are real; the model servers are scripted.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import anyio
import httpx

from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.answers.settings import AnswerSettings, LinkSettings, LlmSettings
from kotaemon_async.app.answers import answering_over
from kotaemon_async.app.links import model_link
from kotaemon_async.app.services import Services, open_services
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.ingest import ingest_document
from kotaemon_async.documents.queue.broker import WakeUp
from kotaemon_async.http.dependencies import Dependencies, HttpLimits
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.search.retrieval import Retrieval
from kotaemon_async.search.settings import EmbeddingSettings, RetrievalSettings, VectorSettings
from tests.support.fakes import serving, sse
from tests.support.faults import (
    FaultKind,
    faulty_broker,
    faulty_embedder,
    faulty_ledger,
    faulty_vectors,
    quietly,
)
from tests.support.llm_faults import FAULTS, Script
from tests.support.llm_server import LlmServer, llm_server

QUESTION: Final = "What did the repair of the crane cost?"
#: Words of it stand nowhere in the document.
OFF_TOPIC: Final = "Which astronauts visited Saturn?"
PAGE: Final = b"""# Harbour

The crane on pier four was repaired in October. The repair of the crane cost 83,000 euros.

Twelve ferries were in service during the year. The harbour master is called Ottilie Brandt.
"""
KEPT: Final = f'- {{question: "{QUESTION}", answer: "Ask the harbour office."}}'
#: How long every question here may take.
DEADLINE_S: Final = 10.0
#: Limits for servers that only a limit can tell from a good one.
HASTY: Final = {"first_token_timeout_s": 0.25, "idle_timeout_s": 0.15, "total_timeout_s": 0.5}
#: The same for servers that send words before.
HASTY_AFTER_WORDS: Final = HASTY | {"first_token_timeout_s": 1.2, "total_timeout_s": 1.2}
#: A lane's limit, where something of it hangs, and where nothing does.
HASTY_LANE_S: Final = 0.6
PATIENT_LANE_S: Final = 8.0
NAMES: Final = {"primary": "first", "local": "second"}
_LIMITS: Final = {"hasty": HASTY, "hasty after words": HASTY_AFTER_WORDS}
_WAITS: Final = {
    fault.script: "hasty after words" if fault.sends_text else "hasty" for fault in FAULTS if fault.waits
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP, and after how long; a plain answer has no events."""

    status: int
    took_s: float
    answer: dict[str, Any]
    events: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the events, in order."""
        return [name for name, _ in self.events]


class _Replaceable:
    """The parts that the HTTP surface knows; those behind it are exchanged."""

    def __init__(self, behind: Services) -> None:
        self.behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


class AnswerService:
    """Asks one question at a time, with the faults that are given."""

    def __init__(
        self, folder: Path, services: Services, client: httpx.AsyncClient, replaceable: _Replaceable
    ) -> None:
        self.client = client
        self._folder = folder
        self._services = services
        self._replaceable = replaceable
        self._servers: dict[str, LlmServer] = {}
        self._links: dict[tuple[str, str], ModelProvider] = {}
        self._kept = Knowledge(_written(folder / "kept.yaml", KEPT))
        self._kept.refresh()

    async def ask(
        self,
        faults: Mapping[str, str],
        *,
        stream: bool = False,
        kept: bool = False,
        filled: bool = False,
        question: str = QUESTION,
    ) -> Reply:
        """The reply while each of `faults` has its component fail; `filled`: it was asked before."""
        await self._services.ledger.database.write(lambda conn: conn.execute("DELETE FROM cached_answers"))
        if filled:
            async with self._behind({}, kept=kept):
                assert (await self._sent(question, stream=False)).answer["served_by"] == "primary"
        async with self._behind(faults, kept=kept):
            reply = await self._sent(question, stream=stream)
        if "vectors" in faults:
            await self.recover()
        return reply

    async def chat(self, faults: Mapping[str, str], question: str) -> list[dict[str, Any]]:
        """The chunks of a streamed chat over the OpenAI surface."""
        body = {"model": "kotaemon", "stream": True, "messages": [{"role": "user", "content": question}]}
        async with self._behind(faults, kept=False):
            reply = await self.client.post("/v1/chat/completions", json=body)
        lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    async def recover(self) -> None:
        """The vector index answers, and the follower says so."""

        async def is_well() -> bool:
            report = await self._services.spaces.active().follower.report()
            return "count" in report and "code" not in report

        await _soon(is_well)

    async def set_up(self, stack: AsyncExitStack) -> None:
        """Model servers, links to them, and one document that is ready."""
        refused = await stack.enter_async_context(llm_server("refuse"))
        for number, role in enumerate(NAMES):
            server = self._servers[role] = await stack.enter_async_context(llm_server())
            for kind in ("patient", *_LIMITS, "refuse"):
                url = refused.base_url if kind == "refuse" else server.base_url
                settings = _link_settings(NAMES[role], url, **_LIMITS.get(kind, {}))
                link = model_link(number, settings, ModelRegistry(ModelSettings()))
                stack.push_async_callback(link.aclose)
                await link.warm()
                self._links[role, kind] = link
        sent = await self.client.post("/api/v1/documents", files={"file": ("harbour.md", PAGE)})

        async def is_ready() -> bool:
            document = (await self.client.get(sent.headers["location"])).json()
            return bool(document["status"] == "ready")

        await _soon(is_ready)

    @asynccontextmanager
    async def _behind(self, faults: Mapping[str, str], *, kept: bool) -> AsyncIterator[None]:
        """While the block runs, questions meet the faulty parts, with breakers that know nothing yet."""
        async with AsyncExitStack() as stack:
            services, kinds = self._services, cast("Mapping[str, FaultKind]", faults)
            ledger = faulty_ledger(services.ledger, kinds["ledger"]) if "ledger" in kinds else services.ledger
            space = services.spaces.active()
            if "embedder" in kinds:
                space = replace(space, embedder=faulty_embedder(space.embedder, kinds["embedder"]))
            if "vectors" in kinds:
                faulty = stack.enter_context(faulty_vectors(space.vectors, kinds["vectors"]))
                space = replace(space, vectors=faulty)
            if "broker" in kinds:
                await self._ring(stack, kinds["broker"])
            retrieval = Retrieval(
                documents=ledger.documents,
                keywords=ledger.keywords,
                space=lambda: space,
                settings=_lanes({name for name, kind in faults.items() if kind == "hangs"}),
            )
            links = [self._link(role, cast("Script", faults.get(role, "ok"))) for role in NAMES]
            known = _with_knowledge(services.settings, kept)
            answering = answering_over(known, ledger, retrieval, lambda: space.embedder, links, self._kept)
            self._replaceable.behind = replace(
                services, ledger=ledger, retrieval=retrieval, answering=answering
            )
            yield

    def _link(self, role: str, script: Script) -> ModelProvider:
        self._servers[role].script = script
        kind = _WAITS.get(script, script if script == "refuse" else "patient")
        return self._links[role, kind]

    async def _ring(self, stack: AsyncExitStack, kind: FaultKind) -> None:
        """Somebody rings at the faulty broker all the time."""
        folder = self._folder / f"broker-{time.monotonic_ns()}"
        folder.mkdir()
        broker = await stack.enter_async_context(faulty_broker(folder, kind))
        stack.push_async_callback(broker.aclose)
        group = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(group.cancel_scope.cancel)

        async def notify() -> None:
            while True:
                await quietly(broker.notify([WakeUp("d:0:here:1", "d", "")]))
                await anyio.sleep(0.01)

        group.start_soon(notify)

    async def _sent(self, question: str, *, stream: bool) -> Reply:
        headers = {"X-Deadline-S": str(DEADLINE_S)}
        body = {"question": question, "stream": stream}
        began_s = time.monotonic()
        path = "/api/v1/answers"
        async with self.client.stream("POST", path, json=body, headers=headers) as reply:
            if not stream or reply.status_code != 200:
                whole = json.loads(await reply.aread())
                return Reply(reply.status_code, time.monotonic() - began_s, whole)
            events = [(event["event"], json.loads(event["data"])) async for event in sse(reply.aiter_lines())]
        return Reply(200, time.monotonic() - began_s, events[-1][1], tuple(events))


@asynccontextmanager
async def open_answer_service(folder: Path, model_folder: Path) -> AsyncIterator[AnswerService]:
    """A service in an empty folder."""
    settings = Settings(
        data_dir=folder / "data",
        embedding=EmbeddingSettings(folder=model_folder),
        vectors=VectorSettings(call_timeout_s=4),
        llm=LlmSettings(links=tuple(_link_settings(name, "http://127.0.0.1/v1") for name in NAMES.values())),
    )
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings))
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(services.spaces.follow)
        tasks.start_soon(services.dispatcher.run)
        tasks.start_soon(
            partial(services.broker.work, [ingest_document], {"ingest": services.ingest}, max_jobs=1)
        )
        replaceable = _Replaceable(services)
        client = await stack.enter_async_context(serving(cast("Dependencies", replaceable), HttpLimits()))
        service = AnswerService(folder, services, client, replaceable)
        await service.set_up(stack)
        yield service


async def _soon(look: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(60):
        while not await look():  # noqa: ASYNC110 - other tasks and children have no event of ours
            await anyio.sleep(0.02)


def _lanes(hung: Collection[str]) -> RetrievalSettings:
    """Short limits for the lanes that need one of the parts that hang."""
    return RetrievalSettings(
        vector_timeout_s=HASTY_LANE_S if {"embedder", "vectors", "ledger"} & set(hung) else PATIENT_LANE_S,
        keyword_timeout_s=HASTY_LANE_S if "ledger" in hung else PATIENT_LANE_S,
    )


def _with_knowledge(settings: Settings, kept: bool) -> Settings:
    answers = AnswerSettings(fresh_s=0, static_knowledge=Path("kept.yaml") if kept else None)
    return settings.model_copy(update={"answers": answers})


def _link_settings(name: str, base_url: str, **limits: Any) -> LinkSettings:
    return LinkSettings(name=name, base_url=base_url, model="m", thoughts_wait_s=0, **limits)


def _written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path
