"""The language models as people see them: in order, how each is, and what it says when it is tried."""

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.llm.base import Anew, Clock, Deadline, Delta, Prompt
from kotaemon_async.answers.llm.guarded import GuardedProvider, ProviderState
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.domain.model import ServedBy

#: What a model is asked that is tried, how long its reply may be, and how long it may take.
QUESTION: Final = "Say in one short sentence that you are there."
_TOKENS: Final = 400
TRY_S: Final = 30.0
_SHOWN_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Link:
    """A model's link by its name, which model it asks, as what it serves, and how it is."""

    name: str
    model: str
    served_by: ServedBy
    state: ProviderState


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying a link: its first words, or why there were none."""

    seconds: float
    text: str | None = None
    error: Unavailable | None = None


class Links:
    """The links of a chain; their order is the one in which they are asked."""

    def __init__(self, chain: Chain, settings: Sequence[LinkSettings], clock: Clock = time.monotonic) -> None:
        self._chain = chain
        self._settings = {one.name: one for one in settings}
        self._clock = clock

    def listed(self) -> list[Link]:
        """Return every link."""
        return [
            Link(one.name, _model(self._settings[one.name]), one.served_by, one.breaker.state())
            for one in self._chain.models
        ]

    async def tried(self, name: str) -> Trial:
        """Ask the link a small question now, even while questions are kept away from it.

        Raises: Refused `not_found`.
        """
        model = next((one for one in self._chain.models if one.name == name), None)
        if model is None:
            raise Refused("There is no language model of that name.", code="not_found")
        began_s = self._clock()
        try:
            text = await _reply(model, Deadline.within(TRY_S, self._clock))
        except Unavailable as error:
            return Trial(round(self._clock() - began_s, 3), error=error)
        return Trial(round(self._clock() - began_s, 3), text)


async def _reply(model: GuardedProvider, deadline: Deadline) -> str:
    """Return how the reply begins."""
    text = ""
    prompt = Prompt(QUESTION, is_plain=True, max_tokens=_TOKENS)
    async with aclosing(model.tried(prompt, deadline)) as pieces:
        async for piece in pieces:
            match piece:
                case Delta():
                    text += piece.text
                case Anew():
                    text = ""
    return text.strip()[:_SHOWN_CHARS]


def _model(link: LinkSettings) -> str:
    return link.model or ("" if link.folder is None else link.folder.stem)
