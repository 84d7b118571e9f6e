"""What may go wrong, brought about on a copy of the data and watched until it is mended."""

import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.app.services import Services
from kotaemon_async.app.verify import Asked, ask_for_samples, generation_of, indexed
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.api_keys import ApiKeys

#: So long a lost index or another key may go unnoticed.
NOTICE_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Copy:
    """The parts of a service over a copy of the data folder; nobody but the drill uses it."""

    services: Services
    folder: Path


#: Returns what it has shown; raises KotaemonError when what should have mended did not.
Drill = Callable[[Copy], Awaitable[str]]


async def lost_index(copy: Copy) -> str:
    """The folder of the vector index is gone; it is noticed and built anew from the ledger."""
    before = await generation_of(copy.services)
    await anyio.to_thread.run_sync(shutil.rmtree, copy.folder / "vectors")
    try:
        with anyio.fail_after(NOTICE_LIMIT_S):
            while await generation_of(copy.services) in {before, ""}:  # noqa: ASYNC110
                await anyio.sleep(_POLL_S)
    except TimeoutError:
        raise Unavailable("The lost index is not noticed.", code="vectors_unavailable") from None
    vectors = await indexed(copy.services)
    return f"{vectors} vectors again, {shown(await found_again(copy.services))}"


async def key_rotation(copy: Copy) -> str:
    """One key takes the place of another; who reads the keys all the while opens to the new one alone."""
    service, writer = ApiKeys.open(copy.folder), ApiKeys.open(copy.folder)
    old, old_secret = writer.create("drill")
    await _until(lambda: service.find(old_secret) is not None, "A new key is not taken.")
    _, new_secret = writer.create("drill")
    writer.end(old.id)
    await _until(
        lambda: service.find(new_secret) is not None and service.find(old_secret) is None,
        "The old key still opens, or the new one does not.",
    )
    return "the new key opens, the old one does not"


async def _until(look: Callable[[], bool], otherwise: str) -> None:
    try:
        with anyio.fail_after(NOTICE_LIMIT_S):
            while not look():  # noqa: ASYNC110
                await anyio.sleep(_POLL_S)
    except TimeoutError:
        raise Unavailable(otherwise, code="timeout") from None


async def found_again(services: Services) -> Asked:
    """What is found of the documents; raises Unavailable when that is not most of what is looked for."""
    asked = await ask_for_samples(services)
    if not asked.is_good:
        raise Unavailable(
            f"The copy does not find its own pages: {shown(asked)}.", code="vectors_unavailable"
        )
    return asked


def shown(asked: Asked) -> str:
    """In words."""
    if not asked.samples:
        return "no pages to ask for"
    lanes = ", ".join(f"{found} of {asked.samples} passages by {mode}" for mode, found in asked.found.items())
    return f"{lanes}, {'a cited answer' if asked.cited else 'no citation'}"


#: Run one after another on the same copy, each after what the one before has mended.
DRILLS: Final[Mapping[str, Drill]] = {"lost index": lost_index, "key rotation": key_rotation}
