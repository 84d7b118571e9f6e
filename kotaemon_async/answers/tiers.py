"""The order in which a question is answered: models, stale cache, extractive, static knowledge."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from kotaemon_async.answers.llm.base import Link
from kotaemon_async.answers.llm.chain import Chain, guarded
from kotaemon_async.answers.state import AnswerState
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry.health import Health

MODELS: Final[frozenset[ServedBy]] = frozenset({"primary", "local"})


@dataclass(frozen=True, slots=True)
class Tiers:
    """Who answers: the whole chain, those that need no passages, and those that judge them."""

    chain: Chain
    without_passages: Chain
    without_extractive: Chain

    @classmethod
    def of(cls, models: Sequence[Link], kept: Link | None, extractive: Link, static: Link | None) -> "Tiers":
        """The order of the promise: models, stale cache, extractive, static knowledge."""
        models = [guarded(model) for model in models]
        chain = [*models, kept, extractive, static]
        return cls(
            Chain([link for link in chain if link is not None]),
            Chain([link for link in (kept, static) if link is not None]),
            Chain([link for link in (*models, kept, static) if link is not None]),
        )

    def register_in(self, health: Health) -> None:
        """How each model's link stands is part of the report, without asking it."""
        for name in self.chain.states():
            health.register(f"link.{name}", partial(self._link_stands, name))

    async def _link_stands(self, name: str) -> dict[str, object]:
        """One that is left alone carries its code, which makes it degraded."""
        return {key: value for key, value in self.chain.states()[name].items() if value is not None}

    def next_model(self) -> Link | None:
        """The model that a question would be asked of now."""
        models = [link for link in self.chain.links if link.served_by in MODELS]
        states = self.chain.states()
        return next((link for link in models if states[link.name]["retry_in_s"] == 0), None)

    def chain_for(self, state: AnswerState) -> Chain:
        """No model is asked to answer from nothing, and no sentence that misses the question is picked."""
        if not state.passages:
            return self.without_passages
        return self.chain if state.relevant else self.without_extractive
