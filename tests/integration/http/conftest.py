"""The service behind its HTTP surface, with scripted answers; a module's LIMITS are its limits."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import Fakes, fake_services, serving


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> HttpLimits:
    given: HttpLimits = getattr(request.module, "LIMITS", HttpLimits())
    return given


@pytest.fixture
async def services(tmp_path: Path, limits: HttpLimits) -> AsyncIterator[Fakes]:
    async with fake_services(tmp_path, max_upload_bytes=limits.settings.max_upload_bytes) as opened:
        yield opened


@pytest.fixture
async def http(services: Fakes, limits: HttpLimits) -> AsyncIterator[AsyncClient]:
    async with serving(services, limits) as found:
        yield found


@pytest.fixture
def client(http: AsyncClient) -> AsyncClient:
    return http
