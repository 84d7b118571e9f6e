"""Use case: what an admin may choose in the page, below what the environment and the settings file say."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
from loguru import logger

from kotaemon_async.answers.settings import AnswerDefaults
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.domain.sections import SettingSource
from kotaemon_async.stores.preferences import ChosenPreferences

#: How soon a choice holds in a second process on the same data folder.
REFRESH_EVERY_S: Final = 2.0
#: What may be chosen, by the name of the setting: a setting that is not here is not the page's.
CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "answers.length": frozenset({"short", "normal", "long"}),
    "answers.language": frozenset({"", "en", "zh"}),
}


@dataclass(frozen=True, slots=True)
class GivenSetting:
    """A setting as the environment, the file or its default has it, and the variable that would set it.

    The value of a list is left out.
    """

    value: str
    source: SettingSource
    variable: str


class Preferences:
    """The choices, known without asking the ledger again, so that an answer never waits for them.

    `told` are settings that the page shows and does not choose.
    """

    def __init__(
        self,
        store: ChosenPreferences,
        given: Mapping[str, GivenSetting],
        told: Mapping[str, GivenSetting],
        clock: Callable[[], float],
    ) -> None:
        self.told = told
        self._store = store
        self._given = given
        self._clock = clock
        self._chosen: Mapping[str, str] = {}

    def all(self) -> dict[str, GivenSetting]:
        """Return what holds now, by the name of the setting."""
        return {name: self._now(name, given) for name, given in self._given.items()}

    def answers(self) -> AnswerDefaults:
        """Return how answers are where a question does not say it."""
        now: dict[str, Any] = {name.partition(".")[2]: one.value for name, one in self.all().items()}
        return AnswerDefaults(**now)

    async def choose(self, chosen: Mapping[str, str | None]) -> None:
        """Keep choices, all or none; None takes one back.

        Raises: Refused `conflict` for what the environment or the file sets, `bad_request`; Unavailable.
        """
        for name, value in chosen.items():
            given = self._given[name]
            if given.source != "default":
                place = f"by {given.variable}" if given.source == "environment" else "in the settings file"
                raise Refused(f"{name} is set {place}.", code="conflict", hint="Change it there.")
            if value is not None and value not in CHOICES[name]:
                raise Refused(f"{value!r} is none of the values of {name}.")
        await self._store.choose(chosen, self._clock())
        await self.refresh()

    async def refresh(self) -> None:
        """Take over what the ledger holds; a value that this release does not know counts as none."""
        found = await self._store.all()
        self._chosen = {name: value for name, value in found.items() if value in CHOICES.get(name, ())}

    async def run(self, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Take over what another process was told, until cancelled."""
        is_away = False
        while True:
            await sleep(REFRESH_EVERY_S)
            try:
                await self.refresh()
                is_away = False
            except Unavailable as error:
                if not is_away:
                    logger.bind(component="ledger", code=error.code).warning("preferences_not_read")
                is_away = True

    def _now(self, name: str, given: GivenSetting) -> GivenSetting:
        if given.source != "default" or name not in self._chosen:
            return given
        return GivenSetting(self._chosen[name], "page", given.variable)
