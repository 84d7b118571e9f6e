"""Puts together what keeps memory within its limit: the guard, the models, and who gives back what."""

from dataclasses import dataclass
from functools import partial

from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.answers.llm.local import LocalLink
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.resilience.capacity import DiskCapacity, Shortage, shortage_of
from kotaemon_async.resilience.memory import limit_bytes
from kotaemon_async.resilience.memory_guard import MemoryGuard
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.search import retrieval
from kotaemon_async.stores.ledger import Ledger


def guard_of(settings: Settings) -> MemoryGuard:
    """The guard of all processes' memory, which has not looked yet."""
    memory = settings.memory
    return MemoryGuard(
        limit=lambda: memory.limit_bytes or limit_bytes(),
        settings=memory,
    )


def models_of(settings: Settings) -> ModelRegistry:
    """The place of all models, none of them loaded."""
    return ModelRegistry(max_loaded=settings.models.max_loaded, idle_release_s=settings.models.idle_release_s)


def count_model(models: ModelRegistry, link: ModelProvider) -> None:
    """A model that runs here is one of those that are counted; others need no memory of ours."""
    if isinstance(link, LocalLink):
        name = f"link.{link.name}"
        models.add(name, link)
        link.loading = partial(models.loading, name)


def give_back_under_pressure(
    guard: MemoryGuard, models: ModelRegistry, sandbox: Sandbox, ledger: Ledger
) -> None:
    """All that is only there for speed is given back when the guard asks for it."""
    guard.on_pressure("caches", retrieval.forget)
    guard.on_pressure("ledger", ledger.database.shrink)
    guard.on_pressure("parsers", sandbox.release_idle)
    guard.on_pressure("models", models.release_idle)


@dataclass(frozen=True, slots=True)
class WorkCapacity:
    """Whether there is room for work: on the disk to go on, and of memory to begin."""

    disk: DiskCapacity
    memory: MemoryGuard

    def may_start(self) -> bool:
        """Whether another document may begin."""
        return self.shortage() is None

    def shortage(self) -> Shortage | None:
        """What documents have to wait for."""
        return shortage_of(disk=self.disk.may_work(), memory=self.memory.may_start())
