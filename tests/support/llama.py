"""Providers with a model in a folder: a played one, or the tests' own small one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.llm.llama_server import SCRIPT, LlamaServer
from kotaemon_async.answers.llm.openai import OpenAIProvider
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.memory import processes
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from tests.support import scripted_llama_child
from tests.support.answering import source

SCRIPTED = Path(scripted_llama_child.__file__)
SAID = "The crane was repaired in October [1]."


def prompt_of(text: str) -> Prompt:
    found = source(text)
    return Prompt("When was the crane repaired?", (found.passage,), sources=(found,))


PROMPT = prompt_of("The crane was repaired in October.")


@dataclass
class Local:
    """A provider, and the registry that its model is counted in."""

    provider: OpenAIProvider
    registry: ModelRegistry
    folder: Path

    async def received(
        self, prompt: Prompt = PROMPT, seconds: float = 60.0
    ) -> tuple[str, Finish | None, Unavailable | None]:
        """The text, and how it ended."""
        text = ""
        try:
            async for piece in self.provider.stream(prompt, Deadline.within(seconds)):
                if isinstance(piece, Finish):
                    return text, piece, None
                text = text + piece.text if isinstance(piece, Delta) else ""
        except Unavailable as error:
            return text, None, error
        return text, None, None

    @property
    def asked(self) -> list[str]:
        """The user messages that reached a played model."""
        lines = (self.folder / "asked.jsonl").read_text().splitlines()
        return [json.loads(line)["messages"][1]["content"] for line in lines]

    @property
    def is_loaded(self) -> bool:
        return self.registry.loaded != ()


@asynccontextmanager
async def local(
    folder: Path, *, script: Path = SCRIPT, first_token_timeout_s: float = 60.0, **settings: Any
) -> AsyncIterator[Local]:
    """A provider of the model in the folder, which looks for idle models often."""
    registry = ModelRegistry(ModelSettings())
    made = LinkSettings(name="here", folder=folder, first_token_timeout_s=first_token_timeout_s, **settings)
    server = LlamaServer(made, registry, script)
    provider = OpenAIProvider(made, "primary", server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: registry.run(every_s=0.05))
        try:
            yield Local(provider, registry, folder)
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await provider.aclose()


@asynccontextmanager
async def played(tmp_path: Path, play: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Local]:
    """A provider whose model is played by a script."""
    (tmp_path / "play.json").write_text(json.dumps(play or {}))
    async with local(tmp_path, script=SCRIPTED, **settings) as made:
        yield made


def model_pid() -> int:
    """The one process of a model below this one."""
    (pid,) = [pid for pid, role in processes().items() if role == "llm"]
    return pid


async def first_words(one: Local) -> Any:
    """A stream that has begun."""
    stream = one.provider.stream(PROMPT, Deadline.within(60))
    assert isinstance(await anext(stream), Delta)
    return stream
