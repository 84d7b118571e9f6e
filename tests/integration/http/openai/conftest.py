"""The service with an answer that has all that there is to tell, and the unmodified `openai` client."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from openai import AsyncOpenAI

from tests.support.fakes import Fakes
from tests.support.openai_chat import SCRIPT


@pytest.fixture(autouse=True)
def scripted(services: Fakes) -> None:
    services.answering.script = [*SCRIPT]


@pytest.fixture
async def client(http: AsyncClient) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="any", max_retries=0) as made:
        yield made
