"""Parts as they are opened: from then on each is watched, and it is closed before those that came earlier."""

from contextlib import AsyncExitStack
from typing import Protocol, TypeVar, runtime_checkable

from kotaemon_async.telemetry.health import Health, Watched

Part = TypeVar("Part")


@runtime_checkable
class Closing(Protocol):
    """A part that holds something until it is closed."""

    async def aclose(self) -> None: ...


class Opening:
    """The parts so far; `health` asks all of them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.health = Health()
        self.stack = stack

    def keep(self, part: Part) -> Part:
        """Return the part once its check is in the health report and its closing on the stack."""
        if isinstance(part, Closing):
            self.stack.push_async_callback(part.aclose)
        if isinstance(part, Watched):
            part.register_in(self.health)
        return part
