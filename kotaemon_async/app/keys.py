"""Opens the keys of a data folder, and refuses an address on which everybody would be let in."""

import time
from pathlib import Path
from typing import Final

import anyio.to_thread
from loguru import logger

from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.addresses import is_loopback
from kotaemon_async.domain.callers import SERVICE
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.operations.audit import OK, AuditTrail
from kotaemon_async.stores import former_keys
from kotaemon_async.stores.audit import AuditEntry
from kotaemon_async.stores.former_keys import TakenOver, take_over
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.local_key import LocalKey

#: The first schema in which collections belong to somebody.
_OWNED: Final = 6
_MOST_COLLECTIONS: Final = 10_000


def check_address(settings: Settings) -> None:
    """Raise Misconfigured where nobody could call, or where others would not be asked who they are."""
    host, auth = settings.http.host, settings.http.auth
    if auth == "proxy" and not settings.http.trusted_proxies:
        raise Misconfigured(
            "http.trusted_proxies: http.auth is proxy, so it has to name the proxy's address.",
            hint="Set it, as KOTAEMON_HTTP__TRUSTED_PROXIES='[\"127.0.0.1\"]' for a proxy on this machine.",
        )
    if is_loopback(host) or auth in ("keys", "proxy"):
        return
    if auth == "open":
        raise Misconfigured(
            f"http.auth: open lets everybody do everything, and others reach {host}.",
            hint="Set http.auth to keys (KOTAEMON_HTTP__AUTH=keys) or proxy, or http.host to 127.0.0.1.",
        )
    if not former_keys.are_in_use(settings.data_dir.absolute()):
        raise Misconfigured(
            f"http.host: others reach {host}, and there is no key yet that they would be asked for.",
            hint="Run: kotaemon-async keys create NAME --scope admin, or set http.auth to keys or proxy, "
            "or http.host to 127.0.0.1.",
        )


async def open_keys(folder: Path, ledger: Ledger, now_s: float) -> KnownKeys:
    """Open the keys of the folder, those of an earlier release too. Raises: Misconfigured, Unavailable."""
    taken = await take_over(folder, ledger.api_keys, now_s)
    if taken is not None:
        _tell(taken)
    if 0 < ledger.database.found_version < _OWNED:
        count = len(await ledger.collections.page(SERVICE, _MOST_COLLECTIONS))
        if count:
            logger.bind(component="keys", count=count).warning("collections_public")
    keys = KnownKeys(ledger.api_keys, ledger.sessions, LocalKey(folder))
    await keys.refresh()
    await anyio.to_thread.run_sync(keys.local.try_look)
    return keys


async def tell_who_is_let_in(settings: Settings, keys: KnownKeys, audit: AuditTrail) -> None:
    """Say that everybody is let in: in the log behind a proxy, in the audit although there are keys."""
    http = settings.http
    is_open = http.auth == "open" or (not http.auth and not keys.in_use)
    if is_open and (http.trusted_proxies or http.allowed_hosts):
        logger.bind(component="keys").warning("open_behind_proxy")
    if http.auth == "open" and keys.in_use:
        setting = "http.auth=open"
        await audit.write(AuditEntry(time.time(), SERVICE.id, "", "service.open", setting, "", OK))


def _tell(taken: TakenOver) -> None:
    bound = logger.bind(component="keys", count=taken.count)
    if taken.is_readable:
        bound.warning("keys_imported")
    else:
        bound.error("keys_file_damaged")
