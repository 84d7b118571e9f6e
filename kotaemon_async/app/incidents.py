"""Puts together what watches for incidents, and who tells the world of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kotaemon_async.app.opening import Opened, Opening
from kotaemon_async.app.settings import Settings
from kotaemon_async.operations.incidents.incidents import Incidents
from kotaemon_async.operations.incidents.readings import SignalReader
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.operations.incidents.watch import IncidentWatch
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore

if TYPE_CHECKING:
    from kotaemon_async.operations.incidents.webhook import Webhook


@dataclass(frozen=True, slots=True)
class IncidentParts:
    """The watch, and who tells the world."""

    watch: IncidentWatch
    webhook: "Webhook | None"
    is_enabled: bool

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what has to run for it, by name."""
        found: dict[str, Callable[[], Awaitable[None]]] = {}
        if self.is_enabled:
            found["incidents"] = self.watch.run
        if self.is_enabled and self.webhook is not None:
            found["webhook"] = self.webhook.run
        return found


def incidents_over(
    settings: Settings, opened: Opened, opening: Opening, links: Sequence[str]
) -> IncidentParts:
    """Make the watch over everything that is opened, and over the model links of these names."""
    wanted = settings.incidents
    webhook = None
    if wanted.webhook_url:
        # httpx, which nothing else of the service needs, takes a tenth of a second to import.
        from kotaemon_async.operations.incidents.webhook import Webhook  # noqa: PLC0415

        webhook = opening.keep(Webhook(wanted.webhook_url))
    incidents = Incidents(signals_of(links), links, sensitivity=wanted.sensitivity_ratio)
    watch = IncidentWatch(
        SignalReader(opening.health, opened.ledger.check).read,
        incidents,
        IncidentStore(opened.traces.file, IncidentBounds(wanted.keep_rows, wanted.keep_s)),
        every_s=wanted.every_s,
        notify=() if webhook is None else (webhook.notify,),
    )
    return IncidentParts(opening.keep(watch), webhook, wanted.enabled)
