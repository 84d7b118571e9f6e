"""What dead model servers cost a question, and what a reader who leaves ends, on a real process."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.chaos.answer_figures import Asker, asker, link, measured
from tests.support.answers import QUESTION
from tests.support.llm_server import LlmServer, llm_server
from tests.support.service import eventually

#: After this the link itself gives a silent model up.
LONGEST_PAUSE_S = 50.0


@pytest.mark.alone
def test_dead_models_cost_little_time_once_they_are_known(tmp_path: Path, model_folder: Path) -> None:
    figures = measured(tmp_path, model_folder)
    sys.stdout.write(f"{figures}\n")
    assert figures.problems == ()


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal(backend_options={"use_uvloop": True}) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(portal: BlockingPortal) -> Iterator[LlmServer]:
    """A model server that says two words and then nothing more."""
    with portal.wrap_async_context_manager(llm_server("stall")) as server:
        yield server


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, model_folder: Path, model: LlmServer) -> Iterator[Asker]:
    folder = tmp_path_factory.mktemp("left") / "service"
    with asker(folder, model_folder, [link("main", model.base_url, idle_timeout_s=LONGEST_PAUSE_S)]) as ready:
        yield ready


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("path", ["/api/v1/answers", "/v1/chat/completions"])
def test_a_reader_who_leaves_closes_the_connection_to_the_model_at_once(
    path: str, stream: bool, one: Asker, model: LlmServer, portal: BlockingPortal
) -> None:
    asked = len(model.requests)
    body = {"question": QUESTION, "messages": [{"role": "user", "content": QUESTION}], "model": "kotaemon"}
    kept = {"question", "stream"} if path.startswith("/api") else {"messages", "model", "stream"}
    leaving = posted(
        one, path, {key: value for key, value in {**body, "stream": stream}.items() if key in kept}
    )
    eventually(lambda: len(model.requests) > asked)
    assert not model.left.is_set()
    leaving.close()
    portal.call(left, model)
    assert one.states() == {"main": "closed"}


async def left(model: LlmServer) -> None:
    with anyio.fail_after(LONGEST_PAUSE_S / 2):  # nobody but the reader can have ended it
        await model.left.wait()
    model.left.clear()


def posted(one: Asker, path: str, body: dict[str, object]) -> socket.socket:
    """A connection over which the question was sent."""
    address = urlsplit(one.service.url)
    request = httpx.Request("POST", f"{one.service.url}{path}", json=body)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    opened = socket.create_connection((address.hostname or "", address.port or 0))
    opened.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + request.content)
    return opened
