"""Puts together what the page may choose and what it tells of the settings."""

import time
from typing import Final

from kotaemon_async.app.settings import Settings, source_of, variable_of
from kotaemon_async.operations.preferences import CHOICES, GivenSetting, Preferences
from kotaemon_async.stores.ledger import Ledger

#: What the page shows of the settings and cannot choose.
_TOLD: Final = (
    *("http.auth", "llm.links", "library.watch"),
    *("backups.folder", "backups.every_s", "backups.keep_files", "backups.verify"),
)


async def open_preferences(settings: Settings, ledger: Ledger) -> Preferences:
    """Return the preferences with what was chosen before. Raises: Unavailable."""
    given = {name: _given(settings, name) for name in CHOICES}
    told = {name: _given(settings, name) for name in _TOLD}
    preferences = Preferences(ledger.preferences, given, told, time.time)
    await preferences.refresh()
    return preferences


def _given(settings: Settings, dotted: str) -> GivenSetting:
    section, _, name = dotted.partition(".")
    value = getattr(getattr(settings, section), name)
    shown = "" if value is None or isinstance(value, tuple) else str(value)
    return GivenSetting(shown, source_of(settings, dotted), variable_of(dotted))
