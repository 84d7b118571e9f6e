"""What every test may ask for."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from kotaemon_async.resilience import faults
from kotaemon_async.search.embedding.models import ENGLISH, MULTILINGUAL, PREPARE
from kotaemon_async.search.settings import DEFAULT_FOLDER

# Compiling a service that tests start some hundred times takes a third of each start: it is done once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the service runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder of the prepared models, the default one among them."""
    if not MULTILINGUAL.is_prepared(DEFAULT_FOLDER):
        pytest.fail(f"no model in {DEFAULT_FOLDER}; run: {PREPARE}", pytrace=False)
    return DEFAULT_FOLDER


@pytest.fixture(scope="session")
def english_folder() -> Path:
    """The folder of the prepared models, the English one among them: 83 MB that few tests are worth."""
    if not ENGLISH.is_prepared(DEFAULT_FOLDER):
        pytest.skip(f"no English model in {DEFAULT_FOLDER}; run: {PREPARE} --model english")
    return DEFAULT_FOLDER


@pytest.fixture(scope="session")
def llm_folder() -> Path:
    """The folder of a small language model."""
    from tests.support import smollm

    if not smollm.is_prepared():
        pytest.fail(f"no model in {smollm.FOLDER}; run: python -m tests.support.smollm", pytrace=False)
    return smollm.FOLDER


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No fault point stays armed after its test."""
    yield
    faults.arm("")


_ended: dict[str, int] = {}


def pytest_sessionfinish(exitstatus: int) -> None:
    """Remembers how the run ended."""
    _ended["status"] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Ends a finished run at once: seen on 2026-11-23, one that did not end for a thread left behind.

    A worker of pytest-xdist has sent all of its reports by then.
    """
    if "status" in _ended:
        left = {one.name for one in threading.enumerate() if not one.daemon} - {"MainThread"}
        if left:
            sys.stderr.write(f"threads at the end: {', '.join(sorted(left))}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_ended["status"])
