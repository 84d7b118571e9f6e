"""The vector child as its parent sees it: a process and a stream that carries requests and replies."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.child import (
    BadFrame,
    ChildGone,
    FramedChild,
    plain_environment,
    script_command,
)

#: One request at a time: more threads would only cost memory.
ONE_THREAD_EACH: Final = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKIO_WORKER_THREADS": "1"}
#: Nobody waits for an answer while a stopped service is looked at.
PROBE_TIMEOUT_S: Final = 120.0
PROBE_GRACE_S: Final = 20.0
CHILD: Final = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """Where the index lives and what it holds: vectors of one model and length."""

    folder: Path
    model: str
    dimension: int

    @property
    def model_tag(self) -> str:
        """Return a few characters for the model's name, which may hold any."""
        return hashlib.sha256(self.model.encode()).hexdigest()[:12]

    @property
    def is_used(self) -> bool:
        """Return whether a whole index of the model is there, as the child's mark in the folder says."""
        try:
            mark = (self.folder / "generation").read_text("ascii", "replace")
        except OSError:
            return False
        return mark.strip().endswith(f"-{self.model_tag}-{self.dimension}")


class VectorRequest(msgspec.Struct, omit_defaults=False):
    """What the child is asked; each `op` reads its own fields."""

    op: Literal["apply", "fill", "search", "count", "ids_present", "ids", "compare"]
    id: int = 0
    ids: list[str] = []
    document_ids: list[str] = []
    collections: list[str] = []
    vectors: bytes = b""
    deletes: list[str] = []
    limit: int = 0
    offset: int = 0
    done: bool = False
    scope_collections: list[str] | None = None
    by_graph: bool = False
    exact_rows: int = 0


class VectorReply(msgspec.Struct):
    """What the child says; an error that has a `reason` is the folder's: lost, changed, model, broken.

    `is_exact` says that its matrix is complete, `by` whether a search has read that or Chroma's graph.
    """

    id: int
    error: str | None = None
    reason: str = ""
    generation: str = ""
    count: int = 0
    places: int = 0
    ids: list[str] = []
    differing: list[str] = []
    scores: list[float] = []
    is_exact: bool = False
    by: Literal["", "exact", "graph"] = ""


def unavailable(message: str, *, retry_after_s: float | None = None) -> Unavailable:
    return Unavailable(message, code="vectors_unavailable", retry_after_s=retry_after_s)


class VectorChild:
    """The running process and its stream."""

    def __init__(self, process: FramedChild) -> None:
        self.process = process
        self._last_id = 0

    @classmethod
    def launch(cls) -> Self:
        """Start a child, which loads Chroma while its parent does something else; `open` comes next.

        Raises: Unavailable when it cannot be started.
        """
        command = script_command(CHILD, str(os.getpid()))
        try:
            return cls(FramedChild.launch(command, env=plain_environment() | ONE_THREAD_EACH))
        except OSError as error:
            raise unavailable("The vector index's process cannot be started.") from error

    async def open(self, location: IndexLocation, *, within_s: float) -> VectorReply:
        """Let it open the folder and return what that has come to; raises as `exchange` does."""
        where = {"folder": str(location.folder), "dimension": location.dimension, "model": location.model_tag}
        with _translated():
            await self.process.connect()
            return await self.process.call(where, VectorReply, within_s=within_s)

    async def exchange(self, request: VectorRequest, *, within_s: float) -> VectorReply:
        """Return the reply.

        Raises: Unavailable when the child dies, takes too long or writes nonsense; it can only be ended then.
        """
        self._last_id += 1
        request.id = self._last_id
        with _translated():
            reply = await self.process.call(request, VectorReply, within_s=within_s)
        if reply.id != request.id:
            raise unavailable("The vector index's process answered another question.")
        return reply


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise unavailable("The vector index's process did not answer.") from error
    except ChildGone as error:
        raise unavailable("The vector index's process died.") from error
    except BadFrame as error:
        raise unavailable("The vector index's process wrote something unreadable.") from error


async def probe(location: IndexLocation) -> str | None:
    """Say in one word why the index of a stopped service has to begin anew; None when it can be used.

    Raises: Unavailable when that cannot be said at the moment.
    """
    if not location.folder.exists():
        return "lost"
    child = VectorChild.launch()
    try:
        hello = await child.open(location, within_s=PROBE_TIMEOUT_S)
    except Unavailable:
        return "broken"
    finally:
        await child.process.aclose(grace_s=PROBE_GRACE_S)
    if hello.error is not None and not hello.reason:
        raise unavailable(f"The vector index cannot be opened: {hello.error}")
    return hello.reason or None
