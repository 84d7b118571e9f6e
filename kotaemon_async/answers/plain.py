"""A prompt that a model gets as it is: no documents, no rules, no record; for programs' own needs."""

from contextlib import aclosing
from dataclasses import dataclass

from kotaemon_async.answers.chain import MODELS, Chain, Completed
from kotaemon_async.answers.events import Restart
from kotaemon_async.answers.llm.base import Deadline, Delta, HistoryTurn, Prompt
from kotaemon_async.domain.model import ServedBy, Usage


@dataclass(frozen=True, slots=True)
class PlainPrompt:
    """What to say to a model: as the system, what was said before, and last."""

    text: str
    system: str = ""
    history: tuple[HistoryTurn, ...] = ()
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class PlainReply:
    """What a model said, and which one."""

    text: str
    served_by: ServedBy
    usage: Usage | None = None
    is_cut: bool = False


async def said_by_a_model(chain: Chain, plain: PlainPrompt, deadline: Deadline) -> PlainReply | None:
    """Return the reply of the first model that gives a whole one, None when there is none."""
    prompt = Prompt(
        plain.text, history=plain.history, wishes=plain.system, is_plain=True, max_tokens=plain.max_tokens
    )
    text = ""
    async with aclosing(chain.stream(prompt, deadline, only=MODELS)) as events:
        async for event in events:
            match event:
                case Delta():
                    text += event.text
                case Restart():
                    text = ""
                case Completed(provider, finish):
                    return PlainReply(text, provider.served_by, finish.usage, finish.cut)
    return None
