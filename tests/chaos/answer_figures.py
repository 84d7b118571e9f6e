"""How long answers take, through HTTP on real processes, while model servers are dead."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.answers import PAGE, QUESTION
from tests.support.documents import english_pdf
from tests.support.llm_faults import Script
from tests.support.llm_server import llm_server
from tests.support.service import serving, upload_all

ADDED_LIMIT_S: Final = 0.05
EXTRACTIVE_LIMIT_S: Final = 1.0
#: Other programs can only add time, so the quietest of some rounds shows best what the service takes.
_LEAST_ROUNDS: Final = 2
_MOST_ROUNDS: Final = 6
#: So many questions open the breakers of dead links.
_OPENING: Final = 6
_SCRIPTS: Final[tuple[Script, ...]] = ("ok", "refuse", "hang")


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from question to whole answer, at the 95th percentile of `questions` each."""

    questions: int
    alive_p95_s: float
    dead_first_p95_s: float
    extractive_p95_s: float

    @property
    def added_s(self) -> float:
        """What a dead first link with an open breaker adds."""
        return max(0.0, self.dead_first_p95_s - self.alive_p95_s)

    @property
    def problems(self) -> tuple[str, ...]:
        """Which of the promised times are not kept."""
        late = {
            f"a dead first link adds {self.added_s * 1000:.0f} ms": self.added_s > ADDED_LIMIT_S,
            f"extractive takes {self.extractive_p95_s * 1000:.0f} ms": (
                self.extractive_p95_s > EXTRACTIVE_LIMIT_S
            ),
        }
        return tuple(words for words, is_late in late.items() if is_late)


class Asker:
    """One service with a few pages, and a client of it."""

    def __init__(self, service: Throwaway, client: httpx.Client) -> None:
        self.service, self.client = service, client
        self.times_s: list[float] = []

    def ask(self, served_by: str) -> None:
        """One question, timed; it has to be answered by the given tier."""
        began_s = time.perf_counter()
        answer = self.client.post("/api/v1/answers", json={"question": QUESTION}).json()
        self.times_s.append(time.perf_counter() - began_s)
        assert answer["served_by"] == served_by, answer

    def states(self) -> dict[str, str]:
        """How each link stands, by its name."""
        components = self.client.get("/healthz").json()["components"]
        return {
            name.removeprefix("link."): component["state"]
            for name, component in components.items()
            if name.startswith("link.")
        }


def measured(folder: Path, model_folder: Path, *, questions: int = 60) -> Figures:
    """The figures, over services in an empty folder."""
    with start_blocking_portal(backend_options={"use_uvloop": True}) as portal, ExitStack() as stack:
        urls = {script: stack.enter_context(_base_url(portal, script)) for script in _SCRIPTS}
        alive, dead_first = (
            stack.enter_context(asker(folder / name, model_folder, links))
            for name, links in (
                ("alive", [link("second", urls["ok"])]),
                ("dead-first", [link("first", urls["refuse"]), link("second", urls["ok"])]),
            )
        )
        for one, tier, count in ((alive, "primary", _OPENING), (dead_first, "local", _OPENING)):
            _ask(one, tier, count)
        assert dead_first.states()["first"] == "open", dead_first.states()
        alive_s, dead_first_s = _quietest(alive, dead_first, questions)
        links = [link("first", urls["refuse"]), link("second", urls["hang"], first_token_timeout_s=0.5)]
        with asker(folder / "all-dead", model_folder, links) as all_dead:
            _ask(all_dead, "extractive", _OPENING)
            assert set(all_dead.states().values()) == {"open"}, all_dead.states()
            _ask(all_dead, "extractive", questions)
        return Figures(questions, alive_s, dead_first_s, _p95(all_dead.times_s[-questions:]))


def _quietest(alive: Asker, dead_first: Asker, questions: int) -> tuple[float, float]:
    """The least p95 of each over some rounds; more of them while the difference is too large."""
    rounds: list[tuple[float, float]] = []
    while True:
        rounds.append(_round(alive, dead_first, questions))
        alive_s, dead_first_s = (min(p95_s) for p95_s in zip(*rounds, strict=True))
        is_quiet = len(rounds) >= _LEAST_ROUNDS and dead_first_s - alive_s <= ADDED_LIMIT_S
        if is_quiet or len(rounds) == _MOST_ROUNDS:
            return alive_s, dead_first_s


def _round(alive: Asker, dead_first: Asker, questions: int) -> tuple[float, float]:
    """Both p95, asked by turns, so that both meet the same machine."""
    for _ in range(questions):
        alive.ask("primary")
        dead_first.ask("local")
    return _p95(alive.times_s[-questions:]), _p95(dead_first.times_s[-questions:])


def link(name: str, base_url: str, **limits: float) -> dict[str, Any]:
    """A link as it stands in the setting."""
    return {"name": name, "base_url": base_url, "model": "m", "thoughts_wait_s": 0, **limits}


@contextmanager
def asker(folder: Path, model_folder: Path, links: Sequence[dict[str, Any]]) -> Iterator[Asker]:
    """A service with these links that knows about the crane, and gives no answer twice."""
    folder.mkdir()
    env = {
        "KOTAEMON_LLM__LINKS": json.dumps(links),
        "KOTAEMON_ANSWERS__FRESH_S": "0",
        "KOTAEMON_ANSWERS__STALE_S": "0",
    }
    with (
        serving(folder, model_folder, env) as service,
        httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client,
    ):
        upload_all(service, folder, {"harbour.md": PAGE, "other.pdf": english_pdf(20)})
        yield Asker(service, client)


@contextmanager
def _base_url(portal: BlockingPortal, script: Script) -> Iterator[str]:
    with portal.wrap_async_context_manager(llm_server(script)) as server:
        yield server.base_url


def _ask(one: Asker, served_by: str, count: int) -> None:
    for _ in range(count):
        one.ask(served_by)


def _p95(times_s: Sequence[float]) -> float:
    return sorted(times_s)[math.ceil(0.95 * len(times_s)) - 1]
