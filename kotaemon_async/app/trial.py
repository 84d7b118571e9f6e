"""A trial in steps: what each has shown, how long it took, and where it ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kotaemon_async.domain.errors import KotaemonError


@dataclass(slots=True)
class Step:
    """One thing that was tried; `detail` says what it has shown, or why it failed."""

    name: str
    detail: str = ""
    duration_s: float = 0.0
    is_good: bool = False


@dataclass(slots=True)
class Trial:
    """The steps in their order; the first that fails ends it."""

    clock: Callable[[], float] = time.monotonic
    steps: list[Step] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every step was."""
        return all(step.is_good for step in self.steps)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """The step that the block is; raises what the block raises."""
        self.steps.append(step := Step(name))
        began_s = self.clock()
        try:
            yield step
            step.is_good = True
        except KotaemonError as error:
            step.detail = f"{error.code}: {error.message}"
            raise
        finally:
            step.duration_s = round(self.clock() - began_s, 3)
