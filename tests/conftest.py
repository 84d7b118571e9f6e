"""What every test may ask for."""

from pathlib import Path

import pytest

from kotaemon_async import minilm


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the service runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The prepared default model."""
    if not minilm.is_prepared(minilm.DEFAULT_FOLDER):
        pytest.fail(f"no model in {minilm.DEFAULT_FOLDER}; run: kotaemon-async models prepare", pytrace=False)
    return minilm.DEFAULT_FOLDER
