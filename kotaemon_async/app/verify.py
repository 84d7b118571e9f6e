"""Opens a restored data folder with the service's own parts, and asks it for what stands in its documents."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.settings import LlmSettings
from kotaemon_async.app.services import Services, open_services
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.settings import BrokerSettings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Mode, Passage, Scope
from kotaemon_async.domain.text import query_terms
from kotaemon_async.operations.doctor.derived import Derived
from kotaemon_async.operations.settings import BackupSettings

#: Passages that are looked for by their own words, of so many that are drawn, with at least so many words.
SAMPLES: Final = 5
_DRAWN: Final = 4 * SAMPLES
_WORDS: Final = 5
_QUESTION_CHARS: Final = 200
#: So long nothing may come into the index before it counts as stuck.
INDEX_PATIENCE_S: Final = 120.0
_POLL_S: Final = 0.1
_PATIENT_S: Final = 30.0
_MODES: Final[tuple[Mode, ...]] = ("keyword", "vector")


@dataclass(frozen=True, slots=True)
class Asked:
    """How many passages were looked for, how many each kind of search found, whether an answer cited one."""

    samples: int
    found: dict[Mode, int]
    cited: bool

    @property
    def is_good(self) -> bool:
        """Whether most was found: a page may stand in many documents. Without any there is nothing to ask."""
        return not self.samples or (self.cited and all(2 * n > self.samples for n in self.found.values()))


def settings_for(settings: Settings, folder: Path) -> Settings:
    """The settings for a copy in `folder`: the same recipe and model, no neighbours, no work of its own."""
    patient = {"vector_timeout_s": _PATIENT_S, "keyword_timeout_s": _PATIENT_S}
    return settings.model_copy(
        update={
            "data_dir": folder,
            "faults": "",
            "broker": BrokerSettings(),
            "llm": LlmSettings(),
            "backups": BackupSettings(every_s=0),
            "retrieval": settings.retrieval.model_copy(update=patient),
            "answers": settings.answers.model_copy(update={"static_knowledge": None, "deadline_s": 60.0}),
        }
    )


@asynccontextmanager
async def opened_copy(settings: Settings, folder: Path) -> AsyncIterator[Services]:
    """The parts over the copy, with the one running that fills the vector index from the ledger."""
    async with open_services(settings_for(settings, folder)) as services:
        # Not in a task group, which would hand on what the block raises as a group of one.
        following = asyncio.create_task(services.follower.run(), name="follower")
        try:
            yield services
        finally:
            following.cancel()
            await asyncio.wait({following})


async def indexed(
    services: Services, *, clock: Callable[[], float] = time.monotonic, patience_s: float = INDEX_PATIENCE_S
) -> int:
    """How many vectors the index has when it is complete; raises Unavailable when it does not get on."""
    follower = services.follower
    seen, since_s = None, clock()
    while True:
        report = await _report(services)
        if follower.outage is None and follower.behind == 0 and "count" in report:
            return int(str(report["count"]))
        now = (report.get("generation"), report.get("count"), str(report.get("rebuilding")))
        if now != seen:
            seen, since_s = now, clock()
        if clock() - since_s > patience_s:
            code = follower.outage or follower.waiting_code or "vectors_rebuilding"
            raise Unavailable("The vector index of the copy does not get on.", code=code)
        await anyio.sleep(_POLL_S)


async def generation_of(services: Services) -> str:
    """The name of the present index; empty while there is none."""
    return str((await _report(services)).get("generation", ""))


async def _report(services: Services) -> dict[str, object]:
    """Of the follower; empty when the index fails at that moment."""
    try:
        return await services.follower.report()
    except Unavailable:
        return {}


async def ask_for_samples(services: Services) -> Asked:
    """Looks for passages by their own words and by their vectors, and asks a question in the words of one."""
    samples = await _samples(services)
    found = {mode: sum([await _is_found(services, one, mode) for one in samples]) for mode in _MODES}
    return Asked(len(samples), found, await _is_cited(services, samples))


async def _samples(services: Services) -> list[Passage]:
    """Passages that can be asked for, from all over the ledger."""
    derived = Derived(services.ledger.database)
    chunks = await derived.texts(await derived.sample(_DRAWN))
    drawn = (await services.ledger.documents.passages([chunk.id for chunk in chunks])).values()
    wordy = [passage for passage in drawn if len(query_terms(passage.text)) >= _WORDS]
    return wordy[:: max(1, len(wordy) // SAMPLES)][:SAMPLES]


async def _is_found(services: Services, passage: Passage, mode: Mode) -> bool:
    """By its text: the same words may stand in several documents."""
    found = await services.retrieval.search(passage.text, Scope(), mode=mode)
    return not found.degraded and passage.text in [one.text for one in found.passages]


async def _is_cited(services: Services, samples: Sequence[Passage]) -> bool:
    for passage in samples:
        answer = await services.answering.answer(Ask(question=passage.text[:_QUESTION_CHARS]))
        if answer.citations:
            return True
    return False
