"""Who is let in is said where it is everybody although others may come."""

from typing import Any, cast

import pytest

from kotaemon_async.app.keys import tell_who_is_let_in
from kotaemon_async.app.settings import Settings
from kotaemon_async.http.settings import HttpSettings
from tests.support.log_records import logged


class Keys:
    def __init__(self, *, in_use: bool) -> None:
        self.in_use = in_use


class Trail:
    def __init__(self) -> None:
        self.entries: list[Any] = []

    async def write(self, entry: Any) -> None:
        self.entries.append(entry)


@pytest.mark.parametrize(
    ("http", "in_use", "said"),
    [
        ({"allowed_hosts": ["docs.example.com"]}, False, 1),
        ({"trusted_proxies": ["127.0.0.1"], "auth": "open"}, True, 1),
        ({"allowed_hosts": ["docs.example.com"]}, True, 0),
        ({"trusted_proxies": ["127.0.0.1"], "auth": "proxy"}, False, 0),
        ({}, False, 0),
    ],
    ids=str,
)
async def test_an_open_service_behind_a_proxy_says_so(http: dict[str, Any], in_use: bool, said: int) -> None:
    settings = Settings(http=HttpSettings(**http))
    with logged("open_behind_proxy") as lines:
        await tell_who_is_let_in(settings, cast("Any", Keys(in_use=in_use)), cast("Any", Trail()))
    assert len(lines) == said


async def test_a_setting_that_lets_everybody_in_beside_keys_is_in_the_audit() -> None:
    trail = Trail()
    settings = Settings(http=HttpSettings(auth="open"))
    await tell_who_is_let_in(settings, cast("Any", Keys(in_use=True)), cast("Any", trail))
    assert [(one.action, one.object) for one in trail.entries] == [("service.open", "http.auth=open")]
