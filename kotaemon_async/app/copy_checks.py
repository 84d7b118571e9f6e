"""Checks of a copy of the data folder: opened with the service's parts, asked, broken on purpose."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.settings import LlmSettings
from kotaemon_async.app.services import Services, open_services
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.settings import BrokerSettings
from kotaemon_async.domain.callers import SERVICE
from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.domain.model import Mode, Passage, Scope
from kotaemon_async.domain.text import query_terms
from kotaemon_async.operations.doctor.derived import Derived
from kotaemon_async.operations.settings import BackupSettings
from kotaemon_async.stores.api_keys import checked_grant
from kotaemon_async.stores.ledger import Ledger

#: So long a lost index or another key may go unnoticed.
NOTICE_LIMIT_S: Final = 60.0
#: Passages that are looked for by their own words, of so many that are drawn, with at least so many words.
SAMPLES: Final = 5
_DRAWN: Final = 4 * SAMPLES
_WORDS: Final = 5
_QUESTION_CHARS: Final = 200
#: So long nothing may come into the index before it counts as stuck.
INDEX_LIMIT_S: Final = 120.0
_POLL_S: Final = 0.1
_SEARCH_LIMIT_S: Final = 30.0
_MODES: Final[tuple[Mode, ...]] = ("keyword", "vector")


@dataclass(slots=True)
class Step:
    """One thing that was tried; `detail` says what it has shown, or why it failed."""

    name: str
    detail: str = ""
    duration_s: float = 0.0
    is_good: bool = False


@dataclass(slots=True)
class CheckRun:
    """The steps in their order; the first that fails ends it."""

    clock: Callable[[], float] = time.monotonic
    steps: list[Step] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Return whether every step succeeded."""
        return all(step.is_good for step in self.steps)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Record the block as a step; raises what the block raises."""
        self.steps.append(step := Step(name))
        began_s = self.clock()
        try:
            yield step
            step.is_good = True
        except KotaemonError as error:
            step.detail = f"{error.code}: {error.message}"
            raise
        finally:
            step.duration_s = round(self.clock() - began_s, 3)


@dataclass(frozen=True, slots=True)
class Asked:
    """How many passages were looked for, how many each kind of search found, whether an answer cited one."""

    samples: int
    found: dict[Mode, int]
    cited: bool

    @property
    def is_good(self) -> bool:
        """Return whether most was found: a page may stand in many documents. Nothing to ask is good."""
        return not self.samples or (self.cited and all(2 * n > self.samples for n in self.found.values()))


def settings_for(settings: Settings, folder: Path) -> Settings:
    """Return settings for a copy in `folder`: same recipe and model, no neighbours, no work of its own."""
    unhurried = {"vector_timeout_s": _SEARCH_LIMIT_S, "keyword_timeout_s": _SEARCH_LIMIT_S}
    return settings.model_copy(
        update={
            "data_dir": folder,
            "faults": "",
            "broker": BrokerSettings(),
            "llm": LlmSettings(),
            "backups": BackupSettings(every_s=0),
            "retrieval": settings.retrieval.model_copy(update=unhurried),
            "answers": settings.answers.model_copy(update={"static_knowledge": None, "deadline_s": 60.0}),
        }
    )


@asynccontextmanager
async def opened_copy(settings: Settings, folder: Path) -> AsyncIterator[Services]:
    """Open the parts over the copy; only the one that fills the vector index from the ledger runs."""
    async with open_services(settings_for(settings, folder)) as services:
        # Not in a task group, which would hand on what the block raises as a group of one.
        following = asyncio.create_task(services.spaces.follow(), name="follower")
        try:
            yield services
        finally:
            following.cancel()
            await asyncio.wait({following})


async def indexed(services: Services, *, clock: Callable[[], float] = time.monotonic) -> int:
    """Return how many vectors the complete index has. Raises: Unavailable when it makes no progress."""
    follower = services.spaces.active().follower
    seen, since_s = None, clock()
    while True:
        report = await _report(services)
        if follower.outage is None and follower.behind == 0 and "count" in report:
            return int(str(report["count"]))
        now = (report.get("generation"), report.get("count"), str(report.get("rebuilding")))
        if now != seen:
            seen, since_s = now, clock()
        if clock() - since_s > INDEX_LIMIT_S:
            code = follower.outage or follower.waiting_code or "vectors_rebuilding"
            raise Unavailable("The vector index of the copy does not get on.", code=code)
        await anyio.sleep(_POLL_S)


async def generation_of(services: Services) -> str:
    """Return the name of the present index; empty while there is none."""
    return str((await _report(services)).get("generation", ""))


async def _report(services: Services) -> dict[str, object]:
    """Return the follower's report; empty when the index fails at that moment."""
    try:
        return await services.spaces.active().follower.report()
    except Unavailable:
        return {}


async def ask_for_samples(services: Services) -> Asked:
    """Look for passages by their own words and vectors, and ask a question in the words of one."""
    samples = await _samples(services)
    found = {mode: sum([await _is_found(services, one, mode) for one in samples]) for mode in _MODES}
    return Asked(len(samples), found, await _is_cited(services, samples))


async def _samples(services: Services) -> list[Passage]:
    """Return passages that can be asked for, from all over the ledger."""
    derived = Derived(services.ledger.database)
    chunks = await derived.texts(await derived.sample(_DRAWN))
    drawn = (await services.ledger.documents.passages([chunk.id for chunk in chunks])).values()
    wordy = [passage for passage in drawn if len(query_terms(passage.text)) >= _WORDS]
    return wordy[:: max(1, len(wordy) // SAMPLES)][:SAMPLES]


async def _is_found(services: Services, passage: Passage, mode: Mode) -> bool:
    """Return whether the text was found: the same words may stand in several documents."""
    found = await services.retrieval.search(passage.text, Scope(), mode=mode)
    return not found.degraded and passage.text in [one.text for one in found.passages]


async def _is_cited(services: Services, samples: Sequence[Passage]) -> bool:
    for passage in samples:
        answer = await services.answering.answer(Ask(passage.text[:_QUESTION_CHARS], SERVICE))
        if answer.citations:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Copy:
    """The parts of a service over a copy of the data folder; nobody but the drill uses it."""

    services: Services
    folder: Path


#: Returns what it has shown; raises KotaemonError when what should have mended did not.
Drill = Callable[[Copy], Awaitable[str]]


async def lost_index(copy: Copy) -> str:
    """Delete the folder of the vector index and wait until it is noticed and built anew from the ledger."""
    before = await generation_of(copy.services)
    index = copy.services.spaces.active().vectors.location.folder
    await anyio.to_thread.run_sync(shutil.rmtree, index)
    try:
        with anyio.fail_after(NOTICE_LIMIT_S):
            while await generation_of(copy.services) in {before, ""}:  # noqa: ASYNC110
                await anyio.sleep(_POLL_S)
    except TimeoutError:
        raise Unavailable("The lost index is not noticed.", code="vectors_unavailable") from None
    vectors = await indexed(copy.services)
    return f"{vectors} vectors again, {shown(await found_again(copy.services))}"


async def key_rotation(copy: Copy) -> str:
    """Replace one key by another while readers go on; afterwards only the new one opens."""
    service = copy.services.keys
    writer = await Ledger.open(copy.folder / "ledger.db")
    async with anyio.create_task_group() as tasks, aclosing(writer):
        tasks.start_soon(service.run)
        old = await writer.api_keys.create(checked_grant("drill"), time.time())
        await _until(lambda: service.find(old.secret) is not None, "A new key is not taken.")
        new = await writer.api_keys.rotate(old.key.id, 0.0, time.time())
        await _until(
            lambda: service.find(new.secret) is not None and service.find(old.secret) is None,
            "The old key still opens, or the new one does not.",
        )
        tasks.cancel_scope.cancel()
    return "the new key opens, the old one does not"


async def _until(look: Callable[[], bool], otherwise: str) -> None:
    try:
        with anyio.fail_after(NOTICE_LIMIT_S):
            while not look():  # noqa: ASYNC110
                await anyio.sleep(_POLL_S)
    except TimeoutError:
        raise Unavailable(otherwise, code="timeout") from None


async def found_again(services: Services) -> Asked:
    """Return what is found of the documents. Raises: Unavailable when most of it is not."""
    asked = await ask_for_samples(services)
    if not asked.is_good:
        raise Unavailable(
            f"The copy does not find its own pages: {shown(asked)}.", code="vectors_unavailable"
        )
    return asked


def shown(asked: Asked) -> str:
    """Return the outcome in words."""
    if not asked.samples:
        return "no pages to ask for"
    lanes = ", ".join(f"{found} of {asked.samples} passages by {mode}" for mode, found in asked.found.items())
    return f"{lanes}, {'a cited answer' if asked.cited else 'no citation'}"


#: Run one after another on the same copy, each after what the one before has mended.
DRILLS: Final[Mapping[str, Drill]] = {"lost index": lost_index, "key rotation": key_rotation}
