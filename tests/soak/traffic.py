"""Mixed traffic for a soak: habits of visitors, each at its own pace, and faults between them.

All paces together take about a fifth of one core, so that nothing queues up for long.
"""

import os
import random
import signal
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx

from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.domain.model import FINAL_STATUSES
from kotaemon_async.resilience.memory import processes
from tests.soak.files import bad_files, book, noisy_pdf, small_file
from tests.support.llm_faults import Script
from tests.support.llm_server import LlmServer

Json = dict[str, Any]
DOCUMENTS: Final = "/api/v1/documents"
#: So many documents stay; the oldest one goes when there are more.
LIBRARY: Final = 30
#: So many conversations stay, each of a few turns.
CONVERSATIONS: Final = 6
#: What the model server plays, and how often; while it fails the breaker opens, so nobody asks it.
SCRIPTS: Final[dict[Script, int]] = {"ok": 6, "500": 1, "hang": 1, "cut": 1, "rst": 1, "slow_tokens": 1}
#: Replies that are no fault of the service while parts of it are killed.
NOT_NOW: Final = frozenset({429, 503})
FINAL_LIMIT_S: Final = 60.0
#: Pages of 1.4 MB each as a picture; the cache takes 32 MiB.
POSTERS: Final = 26
#: So many pages keep a parser while the next document comes.
BOOK_PAGES: Final = 40
QUESTIONS: Final = (
    "How many litres of oil did lamp {number} burn a night?",
    "Who wound the clock of Arnholm?",
    "灯每晚烧掉多少升油？",
    "What colour is the book of the keeper?",
    "Which astronauts visited Saturn?",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two acts of each habit; `fault_s` is that between two kills of each kind of child."""

    upload_s: float = 3.0
    bad_file_s: float = 20.0
    ask_s: float = 4.0
    stream_s: float = 5.0
    leave_s: float = 7.0
    search_s: float = 2.0
    picture_s: float = 4.0
    converse_s: float = 15.0
    follow_s: float = 6.0
    look_s: float = 5.0
    script_s: float = 9.0
    fault_s: float = 150.0


@dataclass
class Traffic:
    """Visitors of one service; what they did and what was wrong is counted over several visits."""

    service: Throwaway
    llm: LlmServer
    draw: random.Random
    pace: Pace = field(default_factory=Pace)
    acts: Counter[str] = field(default_factory=Counter)
    served_by: Counter[str] = field(default_factory=Counter)
    trouble: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._library: deque[str] = deque()
        self._conversations: deque[str] = deque()
        self._serial = 0
        self._http = httpx.AsyncClient()

    async def visit(self, for_s: float, least_acts: int = 0) -> None:
        """All habits for so long, and for at least so many acts; no connection is open afterwards."""
        wanted = self.acts.total() + least_acts
        async with self._connected(), anyio.create_task_group() as group:
            for name, (every_s, act) in self.habits().items():
                group.start_soon(self._live, name, every_s, act)
            await anyio.sleep(for_s)
            while least_acts and (self.acts.total() < wanted or len(self.acts) < len(self.habits())):  # noqa: ASYNC110
                await anyio.sleep(0.2)
            group.cancel_scope.cancel()

    async def fill(self) -> None:
        """Large pictures, until the service's cache of them is full."""
        async with self._connected():
            poster = await self._hand_in("poster.pdf", noisy_pdf(POSTERS), "posters")
            await self._once_final(poster)
            for page in range(1, POSTERS + 1):
                await self._get(f"{DOCUMENTS}/{poster}/pages/{page}.png", width=1600)
            await self._request("DELETE", f"{DOCUMENTS}/{poster}")

    async def gather(self) -> None:
        """Work for all children at once, so that each of them is there afterwards, killed before or not."""
        async with self._connected():
            self._serial += 1
            books = [book(name, self._serial, BOOK_PAGES) for name in ("one", "two", "three")]
            ids = [await self._hand_in(*one) for one in books]
            for document_id in ids:
                await self._once_final(document_id)
            await self._get(f"{DOCUMENTS}/{ids[0]}/pages/1.png", width=400)
            for document_id in ids:
                await self._request("DELETE", f"{DOCUMENTS}/{document_id}")
            await self._search()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=10)
        async with httpx.AsyncClient(
            base_url=self.service.url, trust_env=False, timeout=60, limits=limits
        ) as self._http:
            yield

    def habits(self) -> dict[str, tuple[float, Callable[[], Awaitable[None]]]]:
        """Seconds between two acts, and the act."""
        pace = self.pace
        return {
            "upload and delete": (pace.upload_s, self._upload),
            "bad file": (pace.bad_file_s, self._bad_file),
            "upload cut short": (pace.leave_s, self._cut_upload),
            "question": (pace.ask_s, self._ask),
            "streamed question": (pace.stream_s, self._stream),
            "stream left early": (pace.leave_s, self._leave),
            "conversation": (pace.converse_s, self._converse),
            "search": (pace.search_s, self._search),
            "page picture": (pace.picture_s, self._picture),
            "feed of all documents": (pace.follow_s, self._follow),
            "metrics and health": (pace.look_s, self._look),
            "change of the model server": (pace.script_s, self._change_script),
            "kill of a vector child": (pace.fault_s, lambda: self._kill("vectors")),
            "kill of a parser child": (pace.fault_s, lambda: self._kill("parser")),
        }

    async def _live(self, name: str, every_s: float, act: Callable[[], Awaitable[None]]) -> None:
        """One act after the other, at times that are never the same."""
        while True:
            await anyio.sleep(every_s * self.draw.uniform(0.6, 1.4))
            try:
                await act()
            except httpx.TransportError as error:
                self.trouble[f"{name}: {type(error).__name__}"] += 1
            self.acts[name] += 1

    async def _upload(self) -> None:
        self._serial += 1
        self._library.append(await self._hand_in(*small_file(self._serial, self.draw)))
        while len(self._library) > LIBRARY:
            await self._request("DELETE", f"{DOCUMENTS}/{self._library.popleft()}")

    async def _bad_file(self) -> None:
        self._serial += 1
        for name, data in bad_files(self._serial):
            reply = await self._send_file(name, data)
            if reply.status_code == 202:
                self._library.append(reply.json()["id"])

    async def _cut_upload(self) -> None:
        """The sender goes away in the middle of the body."""

        async def body() -> AsyncIterator[bytes]:
            yield b'--edge\r\ncontent-disposition: form-data; name="file"; filename="half.txt"\r\n\r\n'
            yield b"half of a text " * 20_000
            await anyio.sleep_forever()

        kind = {"content-type": "multipart/form-data; boundary=edge"}
        with anyio.move_on_after(self.draw.uniform(0.05, 0.5)):
            await self._http.post(DOCUMENTS, content=body(), headers=kind)

    async def _ask(self) -> None:
        reply = await self._request("POST", "/api/v1/answers", json=self._question())
        self._note_answer(reply)

    async def _stream(self) -> None:
        async with self._streamed(self._question()) as lines:
            found = [line async for line in lines if line.startswith("event: ")]
        last = found[-1] if found else "nothing"
        if last not in {"event: done", "event: interrupted"}:
            self.trouble[f"a stream ended with {last}"] += 1

    async def _leave(self) -> None:
        async with self._streamed(self._question()) as lines:
            for _ in range(self.draw.randint(0, 4)):
                with suppress(StopAsyncIteration):
                    await anext(lines)

    def _question(self) -> Json:
        """A question within one of the conversations, so that its record goes with that."""
        text = self.draw.choice(QUESTIONS).format(number=self.draw.randint(1, 50))
        while len(self._conversations) < CONVERSATIONS:
            self._serial += 1
            self._conversations.append(f"soak-{self._serial}")
        talk = self.draw.choice(self._conversations)
        return {"question": text, "conversation_id": talk, "html": self.draw.random() < 0.3}

    async def _converse(self) -> None:
        """The oldest conversation is read, exported and deleted; a new one begins."""
        reply = await self._request("POST", "/api/v1/conversations", json={"title": "Soak"})
        self._conversations.append(reply.json()["id"])
        while len(self._conversations) > CONVERSATIONS:
            path = f"/api/v1/conversations/{self._conversations.popleft()}"
            await self._get(path)
            await self._get(f"{path}/export")
            await self._request("DELETE", path)

    async def _search(self) -> None:
        query = self.draw.choice(QUESTIONS).format(number=self.draw.randint(1, 50))
        mode = self.draw.choice(("hybrid", "hybrid", "vector", "keyword"))
        await self._request("POST", "/api/v1/search", json={"query": query, "mode": mode})

    async def _picture(self) -> None:
        if self._library:
            width = self.draw.choice((400, 800, 1200))
            await self._get(f"{DOCUMENTS}/{self.draw.choice(self._library)}/pages/1.png", width=width)

    async def _follow(self) -> None:
        with anyio.move_on_after(self.draw.uniform(0.2, 4.0)):
            async with self._http.stream("GET", f"{DOCUMENTS}/events") as reply:
                async for _ in reply.aiter_raw():
                    pass

    async def _look(self) -> None:
        for path in ("/metrics", "/healthz", DOCUMENTS, "/api/v1/incidents"):
            await self._get(path)

    async def _change_script(self) -> None:
        self.llm.script = self.draw.choices(list(SCRIPTS), list(SCRIPTS.values()))[0]
        for seen in (self.llm.requests, self.llm.headers, self.llm.keys):
            seen.clear()

    async def _kill(self, role: str) -> None:
        family = await anyio.to_thread.run_sync(lambda: processes(pid=self.service.process.pid))
        for pid in [pid for pid, name in family.items() if name == role]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _hand_in(self, name: str, data: bytes, collection: str = "soak") -> str:
        """The id of the accepted document."""
        reply = await self._send_file(name, data, collection)
        return str(reply.json()["id"])

    async def _send_file(self, name: str, data: bytes, collection: str = "soak") -> httpx.Response:
        form = {"data": {"collection": collection}, "files": {"file": (name, data)}}
        return await self._request("POST", DOCUMENTS, **form)

    async def _once_final(self, document_id: str) -> None:
        end_s = time.monotonic() + FINAL_LIMIT_S
        while (await self._get(f"{DOCUMENTS}/{document_id}")).json()["status"] not in FINAL_STATUSES:
            if time.monotonic() > end_s:
                raise TimeoutError(document_id)
            await anyio.sleep(0.1)

    @asynccontextmanager
    async def _streamed(self, question: Json) -> AsyncIterator[AsyncIterator[str]]:
        body = {**question, "stream": True}
        async with self._http.stream("POST", "/api/v1/answers", json=body) as reply:
            yield reply.aiter_lines()

    async def _get(self, path: str, **params: Any) -> httpx.Response:
        return await self._request("GET", path, params=params)

    async def _request(self, method: str, path: str, **given: Any) -> httpx.Response:
        reply = await self._http.request(method, path, **given)
        if reply.status_code >= 500 and reply.status_code not in NOT_NOW:
            self.trouble[f"{method} {path.split('/')[3]}: {reply.status_code}"] += 1
        return reply

    def _note_answer(self, reply: httpx.Response) -> None:
        if reply.status_code == 200:
            answer = reply.json()
            codes = ", ".join(f"{one['component']} {one['code']}" for one in answer["reasons"])
            self.served_by[answer["served_by"]] += 1
            if answer["served_by"] == "busy":
                self.trouble[f"nobody could answer: {codes}"] += 1
        else:
            self.trouble[f"a question was answered with {reply.status_code}"] += 1
