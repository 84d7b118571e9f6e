"""Use case: change the embedding model while the former one answers, and without asking for anything twice.

Chunk by chunk the new model embeds what is in the ledger, beside the vectors that answer. Then its index is
built, in a folder and a child of its own, and one transaction has it answer. Whatever ends the process, the
next one goes on from the ledger.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

import anyio
from loguru import logger

from kotaemon_async.domain.errors import KotaemonError, Misconfigured, Refused, Unavailable
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.spaces import VectorSpace, VectorSpaces
from kotaemon_async.stores.models import EmbeddingModel, Models, Roles
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

State = Literal["idle", "embedding", "indexing", "waiting", "stopped"]

BATCH: Final = 32
IDLE_ROUND_S: Final = 2.0
#: While documents are read, this many times as long as a batch took nothing is embedded.
YIELD_FACTOR: Final = 3.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
#: Chunks are not counted more often than this while nothing else changes.
REFRESH_S: Final = 1.0
#: Documents are not committed for so long at most while the second index catches up for the last time.
HOLD_S: Final = 10.0
#: A search that has begun ends within its deadlines; so long the former model and its index stay.
RETIRE_S: Final = 5.0


class SpaceMaker(Protocol):
    """Opens models and the indexes of their vectors."""

    async def embedder(self, name: str) -> Embedder:
        """Return the model, loaded. Raises: Misconfigured when its weights cannot be had."""
        ...

    def space(self, embedder: Embedder, *, beside: VectorSpace | None) -> VectorSpace:
        """Return the model with its index, in a folder where that of the other space is not."""
        ...

    async def remove(self, space: VectorSpace) -> None:
        """Delete the index of a closed space, unless another process uses it."""
        ...


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """How the change goes; `done` of `total` chunks have a vector of the model that will answer.

    `waiting_for` says what it waits for: disk, memory, documents that are read anew, or the vectors. A
    `message` says why the model that is set is not changed to; with a `code` nothing goes on.
    """

    state: State = "idle"
    active: str = ""
    target: str | None = None
    previous: str | None = None
    declined: str | None = None
    done: int = 0
    total: int = 0
    waiting_for: str | None = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None


@dataclass(slots=True)
class _Next:
    """The model that is changed to, and its index once there is enough to put into it."""

    embedder: Embedder
    space: VectorSpace | None = None


class ModelChange:
    """Works in small steps, at the low priority of ingestion, and less while documents are read."""

    def __init__(  # noqa: PLR0913
        self,
        models: Models,
        spaces: VectorSpaces,
        maker: SpaceMaker,
        *,
        wanted: str,
        batch: int = BATCH,
        shortage: Callable[[], str | None] = lambda: None,
        is_busy: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.status = ChangeStatus(active=spaces.embedder().name)
        self._models = models
        self._spaces = spaces
        self._maker = maker
        self._wanted = wanted
        self._batch = batch
        self._shortage = shortage
        self._is_busy = is_busy
        self._clock = clock
        self._sleep = sleep
        self._next: _Next | None = None
        self._unopened: Misconfigured | None = None
        self._open_at_s = 0.0
        self._counted_s = -REFRESH_S
        self._after_row = 0
        self._turn = anyio.Lock()
        self._wake_up = anyio.Event()

    def register_in(self, health: Health) -> None:
        """Make the change a part of what is reported of the model."""
        health.add_status("embedder", self.report)

    def report(self) -> dict[str, object]:
        """Return `change`, while there is one, and the code of why it cannot go on."""
        status = self.status
        names = ("state", "target", "done", "total", "waiting_for")
        found: dict[str, object] = {}
        if status.state != "idle":
            found["change"] = {name: getattr(status, name) for name in names}
        if status.message is not None:
            found["message"] = status.message
        return found | ({"code": status.code} if status.code else {})

    async def run(self) -> None:
        """Work until cancelled; what cannot go on is tried again, less and less often."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._wake_up = wake_up = anyio.Event()
            began_s = self._clock()
            try:
                async with self._turn:
                    moved = await self.step()
            except (Unavailable, Misconfigured) as error:
                self._note_trouble(error)
                with anyio.move_on_after(pause_s):
                    await wake_up.wait()
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
                continue
            pause_s = FIRST_PAUSE_S
            if moved:
                await self._sleep(YIELD_FACTOR * (self._clock() - began_s) if self._is_busy() else 0)
            else:
                with anyio.move_on_after(IDLE_ROUND_S):
                    await wake_up.wait()

    async def step(self) -> bool:
        """Do the next piece of work; return whether more is due. Raises: Unavailable, Misconfigured."""
        roles = await self._models.roles()
        if roles.active is not None and roles.active.name != self._spaces.embedder().name:
            await self._take_over(roles.active)  # another process has switched
            return True
        if (waits_for := self._shortage()) is None and self._spaces.active().vectors.outage is not None:
            # Another process has the index, and does the work; or it is about to come back.
            waits_for = "vectors"
        if waits_for is not None:
            is_due = roles.target is not None or not await self._is_settled(roles)
            await self._show("waiting" if is_due else "idle", roles, waits_for if is_due else None)
            return False
        if await self._models.move_some():
            return True
        if not await self._has_target(roles):
            return await self._settle(roles)
        roles = await self._models.roles()
        if roles.is_stopped:
            await self._drop_next(remove=False)
            await self._show("stopped", roles)
            return False
        return await self._change(roles)

    async def stop(self) -> None:
        """Let the change rest, over restarts too; what is embedded stays. Raises: Refused `conflict`."""
        async with self._turn:
            if not await self._models.set_stopped(True):
                raise Refused("No change of the embedding model is going on.", code="conflict")
            logger.info("model_change_stopped")
            await self._show_asked()

    async def resume(self) -> None:
        """Go on with a change that was stopped, or begin again the one that was taken back.

        Raises: Refused `conflict`.
        """
        async with self._turn:
            roles = await self._models.roles()
            if roles.target is None and roles.declined is not None:
                await self._models.allow()
            elif not await self._models.set_stopped(False):
                raise Refused("No change of the embedding model was stopped or taken back.", code="conflict")
            logger.info("model_change_resumed")
            await self._show_asked()

    async def take_back(self) -> None:
        """Give up the change that is going on, or else change back to the model that answered before.

        Raises: Refused `conflict` when there is neither, or the weights of that model are not here.
        """
        async with self._turn:
            roles = await self._models.roles()
            if roles.target is not None:
                await self._give_up(roles)
            elif roles.previous is not None:
                await self._open_previous(roles.previous)
                await self._models.turn_back()
            else:
                raise Refused("There is no embedding model to go back to.", code="conflict")
            logger.info("model_change_taken_back")
            await self._show_asked()

    async def aclose(self) -> None:
        """Close the model and the index that have not answered yet."""
        await self._drop_next(remove=False)

    async def _has_target(self, roles: Roles) -> bool:
        """Return whether there is a model to change to, after what the settings want was begun."""
        active, target, declined = roles.active, roles.target, roles.declined
        if declined is not None and declined.name != self._wanted:
            await self._models.allow()
        is_declined = declined is not None and declined.name == self._wanted
        is_active = active is not None and active.name == self._wanted
        if target is not None and is_active and not is_declined:
            await self._models.give_up(declined=False)
            await self._drop_next(remove=True)
            return False
        if is_active or is_declined or (target is not None and target.name == self._wanted):
            return target is not None
        return await self._has_begun()

    async def _has_begun(self) -> bool:
        """Begin the change that the settings want; return False while that model cannot be had."""
        if self._clock() < self._open_at_s:
            return False
        await self._drop_next(remove=True)
        try:
            model = await self._opened(self._wanted)
        except Misconfigured as error:
            if self._unopened is None:
                logger.bind(code=error.code, detail=error.message).warning("model_change_waits")
            self._unopened, self._open_at_s = error, self._clock() + LONGEST_PAUSE_S
            return False
        logger.bind(model=model.name, former=self._spaces.embedder().name).info("model_change_began")
        return True

    async def _opened(self, name: str) -> EmbeddingModel:
        """Return the model that is changed to, loaded, and noted in the ledger. Raises: Misconfigured."""
        if self._next is None:
            self._next, self._after_row = _Next(await self._maker.embedder(name)), 0
            await self._models.begin(_model_of(self._next.embedder))
            self._unopened = None
        return _model_of(self._next.embedder)

    async def _open_previous(self, model: EmbeddingModel) -> None:
        try:
            self._next, self._after_row = _Next(await self._maker.embedder(model.name)), 0
        except Misconfigured as error:
            raise Refused(error.message, code="conflict", hint=error.hint) from error

    async def _give_up(self, roles: Roles) -> None:
        """Drop the target; the model that the settings want is not begun again, but on the way back it is."""
        is_way_back = roles.active == roles.declined
        await self._models.give_up(declined=not is_way_back)
        if is_way_back:
            await self._models.allow()
        await self._drop_next(remove=True)

    async def _settle(self, roles: Roles) -> bool:
        """Embed what another model has although there is no change: this one had to answer at once."""
        if roles.active is None or await self._is_settled(roles):
            await self._show("idle", roles)
            return False
        if await self._embed(self._spaces.embedder(), roles.active):
            await self._show("embedding", roles)
            return True
        await self._show("waiting", roles, "documents")
        return False

    async def _is_settled(self, roles: Roles) -> bool:
        return roles.active is None or await self._models.has_all(roles.active)

    async def _change(self, roles: Roles) -> bool:
        if roles.target is None:
            return True
        target = await self._opened(roles.target.name)
        if self._next is None:
            return True
        if self._after_row or not await self._models.has_all(target):
            if await self._embed(self._next.embedder, target):
                await self._show("embedding", roles)
                return True
            await self._show("waiting", roles, "documents")
            return False
        await self._show("indexing", roles)
        space = await self._second_space(self._next)
        return await space.follower.step() or await self._switch(space, target)

    async def _embed(self, embedder: Embedder, model: EmbeddingModel) -> bool:
        """Embed the next chunks that the model lacks; return False when there are none."""
        chunks = await self._models.lacking(model, self._after_row, self._batch)
        if not chunks:
            passed, self._after_row = self._after_row, 0
            return passed > 0
        vectors = await embedder.embed_passages([chunk.text for chunk in chunks])
        await self._models.add(model, chunks, vectors)
        metrics.REEMBEDDED.inc(len(chunks))
        self._after_row = chunks[-1].row
        return True

    async def _second_space(self, found: _Next) -> VectorSpace:
        """Return the space that is built beside the one that answers."""
        if found.space is None:
            found.space = self._maker.space(found.embedder, beside=self._spaces.active())
            await found.space.vectors.tried()
        return found.space

    async def _switch(self, space: VectorSpace, target: EmbeddingModel) -> bool:
        """Have the second space answer, once nothing is missing in it; return whether it does."""
        async with self._spaces.commits:
            with anyio.move_on_after(HOLD_S):
                while await self._embed(space.embedder, target):
                    pass
                if await space.follower.catch_up() and await self._models.switch(space.vectors.generation):
                    former = self._spaces.replace(space)  # nothing may be awaited between these two
                    self._next = None
                    logger.bind(model=target.name, former=former.embedder.name).info("model_switched")
        if self._spaces.active() is not space:
            return False
        await self._retire(former)
        return True

    async def _take_over(self, active: EmbeddingModel) -> None:
        """Have the model answer that another process, or one before, has switched to."""
        found = self._next
        if found is None or found.embedder.name != active.name:
            await self._drop_next(remove=False)
            found = _Next(await self._maker.embedder(active.name))
        space = await self._second_space(found)
        self._next = None
        await self._retire(self._spaces.replace(space))

    async def _retire(self, former: VectorSpace) -> None:
        """Close a space that answered until now and delete its index, when its last search has ended."""
        try:
            await self._sleep(RETIRE_S)
        finally:
            with anyio.CancelScope(shield=True):
                await former.aclose()
        await self._maker.remove(former)

    async def _drop_next(self, *, remove: bool) -> None:
        """Close what has not answered yet; with `remove` delete its index."""
        found, self._next = self._next, None
        if found is None:
            return
        with anyio.CancelScope(shield=True):
            if found.space is None:
                await found.embedder.aclose()
                return
            await found.space.aclose()
            if remove:
                await self._maker.remove(found.space)

    async def _show_asked(self) -> None:
        """Show what a person has asked for, and do it."""
        roles = await self._models.roles()
        self._counted_s, self._open_at_s = -REFRESH_S, 0.0
        is_idle = roles.target is None
        await self._show("stopped" if roles.is_stopped else "idle" if is_idle else "embedding", roles)
        self._wake_up.set()

    async def _show(self, state: State, roles: Roles, waiting_for: str | None = None) -> None:
        """Note how far the change is, in the status and the metric."""
        before, now_s, target = self.status, self._clock(), _name(roles.target)
        is_same = (before.state, before.waiting_for, before.target) == (state, waiting_for, target)
        if is_same and now_s - self._counted_s < REFRESH_S:
            return
        self._counted_s = now_s
        model = roles.target or roles.active
        done, total = (0, 0) if model is None else await self._models.progress(model.name)
        metrics.REEMBEDDED_RATIO.set(done / total if total else 1)
        trouble = self._unopened
        self.status = ChangeStatus(
            state=state,
            active=self._spaces.embedder().name,
            target=target,
            previous=_name(roles.previous),
            declined=_name(roles.declined),
            done=done,
            total=total,
            waiting_for=waiting_for,
            message=None if trouble is None else trouble.message,
            hint=None if trouble is None else trouble.hint,
        )

    def _note_trouble(self, error: KotaemonError) -> None:
        if self.status.code != error.code or self.status.message != error.message:
            logger.bind(code=error.code, detail=error.message).warning("model_change_waits")
        self._counted_s = -REFRESH_S
        self.status = replace(
            self.status, state="waiting", code=error.code, message=error.message, hint=error.hint
        )


def _model_of(embedder: Embedder) -> EmbeddingModel:
    return EmbeddingModel(embedder.name, embedder.dimension)


def _name(model: EmbeddingModel | None) -> str | None:
    return None if model is None else model.name
