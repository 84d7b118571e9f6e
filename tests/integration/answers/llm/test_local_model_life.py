"""A language model in a real child process: how it comes, breaks and goes."""

import os
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from kotaemon_async.answers.chain import Chain
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Delta, ProviderFailed
from kotaemon_async.answers.llm.local import LocalLimits, LocalLink
from kotaemon_async.answers.llm.local_process import Model
from kotaemon_async.resilience.models import ModelRegistry
from tests.support import blocked_child
from tests.support.local_links import PROMPT, SAID, THINKS, linked, told, until_gone
from tests.support.service import is_alive
from tests.support.tiny_llm import tiny_llm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that says one sentence."""
    return tiny_llm(tmp_path / "tiny")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A model that thinks before each word and never ends."""
    return tiny_llm(tmp_path / "endless", thinking=THINKS, never_ends=True)


async def test_the_next_question_finds_the_same_process(folder: Path) -> None:
    async with linked(folder) as link:
        await told(link)
        first = link.pid
        assert (await told(link))[0] == SAID
        assert link.pid == first


async def test_a_count_of_models_makes_room_for_the_next_one(tmp_path: Path) -> None:
    registry = ModelRegistry(max_loaded=1)
    links = [LocalLink(name, "local", Model(tiny_llm(tmp_path / name))) for name in ("a", "b")]
    for link in links:
        registry.add(link.name, link)
        link.loading = partial(registry.loading, link.name)
        assert (await told(link))[0] == SAID
    assert [link.is_loaded for link in links] == [False, True]
    for link in links:
        await link.aclose()


async def test_the_process_that_was_stopped_answers_the_next_question(tmp_path: Path) -> None:
    async with linked(tiny_llm(tmp_path / "m", thinking=THINKS)) as link:
        stream = link.stream(PROMPT, Deadline.within(30))
        await anext(stream)
        pid = link.pid
        await stream.aclose()
        assert (await told(link))[0] == SAID
        assert link.pid == pid


async def test_a_reader_who_leaves_in_the_middle_of_a_long_step_ends_the_process(tmp_path: Path) -> None:
    async with linked(tiny_llm(tmp_path / "m", thinking=100_000)) as link:
        with anyio.move_on_after(1.5):
            await told(link)
        assert (link.is_loaded, link.in_use) == (False, False)


async def test_an_idle_model_gives_its_memory_back_and_is_loaded_again(folder: Path) -> None:
    async with linked(folder, LocalLimits(idle_release_s=0.2)) as link:
        assert (await told(link))[0] == SAID
        pid = link.pid
        assert pid is not None
        await until_gone(pid)
        assert (await told(link))[0] == SAID
        assert link.pid not in {None, pid}


async def test_a_model_in_use_is_not_released(folder: Path) -> None:
    async with linked(folder) as link:
        assert not await link.release()
        stream = link.stream(PROMPT, Deadline.within(30))
        await anext(stream)
        pid = link.pid
        assert pid is not None and not await link.release()
        await stream.aclose()
        assert await link.release()
        assert not is_alive(pid)


async def test_a_process_that_dies_in_the_middle_says_so_and_a_fresh_one_follows(endless: Path) -> None:
    async with linked(endless) as link:
        stream = link.stream(PROMPT, Deadline.within(30))
        await anext(stream)
        first = link.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ProviderFailed, match=r"died \(SIGKILL\)") as failure:
            _ = [piece async for piece in stream]
        assert (failure.value.transient, failure.value.code, failure.value.fault) == (
            True,
            "llm_unavailable",
            "server",
        )
        again = link.stream(PROMPT, Deadline.within(30))
        assert await anext(again) == Delta("The")
        assert link.pid not in {None, first}
        await again.aclose()


async def test_a_process_that_died_between_two_questions_is_replaced_unseen(folder: Path) -> None:
    async with linked(folder) as link:
        await told(link)
        pid = link.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until_gone(pid)
        assert (await told(link))[0] == SAID


async def test_a_question_that_cannot_wait_leaves_the_model_loading_for_the_next_one(folder: Path) -> None:
    async with linked(folder) as link:
        _, _, error = await told(link, seconds=0.01)
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault, link.is_loaded) == ("timeout", "nobody", True)
        pid = link.pid
        assert (await told(link))[0] == SAID
        assert link.pid == pid


async def test_a_model_that_loads_too_long_is_given_up(folder: Path) -> None:
    async with linked(folder, LocalLimits(load_timeout_s=0.01)) as link:
        _, _, error = await told(link)
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault, link.is_loaded) == ("timeout", "server", False)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: folder.rename(folder.with_name("gone")), "No such file"),
        (lambda folder: (folder / "genai_config.json").write_text("{"), "JSONDecodeError"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"no model"), "model.onnx"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
    ],
)
async def test_a_folder_without_a_model_is_a_wrong_setting(folder: Path, spoil: Any, reason: str) -> None:
    spoil(folder)
    async with linked(folder) as link:
        chain = Chain([link, ExtractiveProvider()])
        _ = [event async for event in chain.stream(PROMPT, Deadline.within(30))]
        state = chain.states()["here"]
        assert (state["state"], state["code"], link.is_loaded) == ("misconfigured", "misconfigured", False)
        assert re.search(f"{folder}.*{reason}", state["message"] or "")


async def test_a_missing_extra_is_a_wrong_setting_that_says_what_to_install(folder: Path) -> None:
    link = LocalLink("here", "primary", Model(folder), script=Path(blocked_child.__file__))
    _, _, error = await told(link)
    assert isinstance(error, ProviderFailed)
    assert (error.code, error.fault) == ("misconfigured", "setting")
    assert "pip install kotaemon-async[local]" in error.message
    await link.aclose()


@pytest.mark.parametrize(("memory_bytes", "code"), [(256 * 1024**2, "misconfigured"), (1024**3, None)])
async def test_weights_larger_than_the_memory_are_a_wrong_setting(
    tmp_path: Path, memory_bytes: int, code: str | None
) -> None:
    folder = tiny_llm(tmp_path / "m", weights_bytes=300 * 1024**2)
    async with linked(Model(folder, memory_bytes=memory_bytes)) as link:
        _, _, error = await told(link)
        assert (error and error.code) == code
        assert error is None or "memory_bytes" in error.message


async def test_the_process_has_no_network_reports_nothing_and_sees_no_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_API_KEY", "secret")
    async with linked(folder) as link:
        await told(link)
        proc = Path(f"/proc/{link.pid}")
        assert re.search(r"^Seccomp:\s+2$", (proc / "status").read_text(), re.MULTILINE)
        given = (proc / "environ").read_bytes().split(b"\0")
        assert b"ORT_DISABLE_TELEMETRY=1" in given
        assert b"LLM_API_KEY=secret" not in given


async def test_nothing_is_left_after_the_link_is_closed_in_the_middle_of_an_answer(endless: Path) -> None:
    async with linked(endless) as link:
        stream = link.stream(PROMPT, Deadline.within(30))
        await anext(stream)
        pid = link.pid
        assert pid is not None
        await link.aclose()
        assert not is_alive(pid)
        with pytest.raises(ProviderFailed):
            _ = [piece async for piece in stream]
        _, _, error = await told(link)
        assert error and error.code == "shutting_down"
