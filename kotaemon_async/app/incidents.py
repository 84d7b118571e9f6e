"""Puts together what notices incidents and tells of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kotaemon_async.app.opening import Opening
from kotaemon_async.app.settings import Settings
from kotaemon_async.operations.incidents.incidents import Incidents
from kotaemon_async.operations.incidents.readings import SignalReader
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.operations.incidents.watch import IncidentWatch
from kotaemon_async.operations.incidents.webhook import Webhook
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import TelemetryFile


@dataclass(frozen=True, slots=True)
class IncidentParts:
    """The watch, and who tells the world."""

    watch: IncidentWatch
    webhook: Webhook | None
    is_enabled: bool

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What has to run for it, by name."""
        found: dict[str, Callable[[], Awaitable[None]]] = {}
        if self.is_enabled:
            found["incidents"] = self.watch.run
        if self.is_enabled and self.webhook is not None:
            found["webhook"] = self.webhook.run
        return found


def incidents_of(
    settings: Settings, opening: Opening, ledger: Ledger, file: TelemetryFile, links: Sequence[str]
) -> IncidentParts:
    """The parts, watched and closed with the others."""
    wanted = settings.incidents
    webhook = opening.keep(Webhook(wanted.webhook_url)) if wanted.webhook_url else None
    incidents = Incidents(signals_of(links), links, sensitivity=wanted.sensitivity_ratio)
    watch = IncidentWatch(
        SignalReader(opening.health, ledger.check).read,
        incidents,
        IncidentStore(file, IncidentBounds(wanted.keep_rows, wanted.keep_s)),
        every_s=wanted.every_s,
        notify=() if webhook is None else (webhook.notify,),
    )
    return IncidentParts(opening.keep(watch), webhook, wanted.enabled)
