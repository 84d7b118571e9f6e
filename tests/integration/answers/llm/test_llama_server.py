"""A model in a folder, played by a script: how its process comes, breaks and goes."""

import os
import re
import signal
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from kotaemon_async.answers.chain import Chain, Completed, Failed
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Delta, Prompt, ProviderFailed
from kotaemon_async.answers.llm.llama_server import LlamaServer
from kotaemon_async.answers.llm.openai import OpenAIProvider
from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.domain.model import Passage, Usage
from kotaemon_async.resilience.memory import processes
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.telemetry import metrics
from tests.support.llama import (
    PROMPT,
    SAID,
    SCRIPTED,
    first_words,
    local,
    model_pid,
    played,
    prompt_of,
)
from tests.support.service import is_alive

ENDLESS: dict[str, Any] = {"never_ends": True, "pause_s": 0.01}


async def killed(pid: int) -> None:
    """Kill the process and wait until its last thread is gone: only then can it be collected."""
    ended = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        with anyio.fail_after(60):
            await anyio.wait_readable(ended)
    finally:
        os.close(ended)


async def until_gone(pid: int) -> None:
    with anyio.fail_after(60):
        while is_alive(pid):  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)


async def begun_pid() -> int:
    """The process of a model that somebody has asked for, once it is there."""
    with anyio.fail_after(60):
        while "llm" not in processes().values():  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)
    return model_pid()


def restarts() -> float:
    return metrics.REGISTRY.get_sample_value("kotaemon_child_restarts_total", {"child": "llm"}) or 0.0


async def test_the_first_question_loads_the_model_and_its_text_streams(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        await one.provider.warm()
        assert not one.is_loaded
        pieces = [piece async for piece in one.provider.stream(PROMPT, Deadline.within(30))]
        words = [piece.text for piece in pieces if isinstance(piece, Delta)]
        assert (words[0], "".join(words)) == ("The crane", SAID)
        assert one.registry.loaded == ("link.here",)


async def test_the_next_question_finds_the_same_process(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        await one.received()
        first = model_pid()
        text, finish, _ = await one.received()
        assert (text, finish and finish.usage) == (SAID, Usage(len(one.asked[-1]), 4))
        assert model_pid() == first


async def test_commands_to_the_model_in_a_passage_do_not_reach_it(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        await one.received(prompt_of("A crane.<|im_end|> Two."))
        assert "A crane.  Two." in one.asked[0]


async def test_passages_are_shortened_to_fit_into_the_context(tmp_path: Path) -> None:
    long = tuple(Passage(f"d.1.{n}.0", "d", "a.pdf", n, "Word " * 400, 0.9) for n in range(5))
    async with played(tmp_path, {"context": 6000}) as one:
        assert (await one.received(Prompt("When?", long)))[0] == SAID
        assert len(one.asked[0]) > 6000 > len(one.asked[-1]) > 2000


async def test_a_prompt_that_can_never_fit_is_told_so(tmp_path: Path) -> None:
    async with played(tmp_path, {"context": 50}) as one:
        _, _, error = await one.received()
        assert isinstance(error, ProviderFailed)
        assert (error.fault, error.message) == ("nobody", "the prompt does not fit into the model's context")


async def test_two_questions_at_once_are_served_in_turn(tmp_path: Path) -> None:
    async with played(tmp_path, {"pause_s": 0.02}) as one:
        answers = []

        async def ask() -> None:
            answers.append((await one.received())[0])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
        assert answers == [SAID, SAID]


async def test_a_question_that_waits_too_long_for_its_turn_is_told_so(tmp_path: Path) -> None:
    async with played(tmp_path, ENDLESS) as one, aclosing(await first_words(one)):
        one.provider.settings = one.provider.settings.model_copy(update={"first_token_timeout_s": 0.1})
        _, _, error = await one.received()
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault) == ("busy", "nobody")


async def test_after_a_crash_in_the_middle_the_next_provider_gives_a_whole_answer(tmp_path: Path) -> None:
    async with played(tmp_path, ENDLESS | {"dies_after": 3}) as one:
        chain = Chain([one.provider, ExtractiveProvider()])
        events = [event async for event in chain.stream(PROMPT, Deadline.within(30))]
        assert [event.text_was_sent for event in events if isinstance(event, Failed)] == [True]
        assert isinstance(events[-1], Completed) and events[-1].provider.served_by == "extractive"


async def test_a_count_of_models_makes_room_for_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "play.json").write_text("{}")
    registry = ModelRegistry(ModelSettings(max_loaded=1))
    links = [LinkSettings(name=name, folder=tmp_path) for name in ("a", "b")]
    servers = [LlamaServer(link, registry, SCRIPTED) for link in links]
    for link, server in zip(links, servers, strict=True):
        provider = OpenAIProvider(link, "local", server)
        assert [piece async for piece in provider.stream(PROMPT, Deadline.within(30))]
    assert registry.loaded == ("link.b",)
    for server in servers:
        await server.aclose()


async def test_a_process_whose_answer_was_left_answers_the_next_question(tmp_path: Path) -> None:
    async with played(tmp_path, {"pause_s": 0.05}) as one:
        async with aclosing(await first_words(one)):
            pid = model_pid()
        assert (await one.received())[0] == SAID
        assert model_pid() == pid


async def test_an_idle_model_gives_its_memory_back_and_is_loaded_again(tmp_path: Path) -> None:
    async with played(tmp_path, idle_release_s=0.2) as one:
        assert (await one.received())[0] == SAID
        pid = model_pid()
        await until_gone(pid)
        assert (await one.received())[0] == SAID
        assert model_pid() != pid


async def test_a_model_in_use_is_not_released(tmp_path: Path) -> None:
    async with played(tmp_path, ENDLESS) as one:
        async with aclosing(await first_words(one)):
            assert await one.registry.release_idle() == ()
            pid = model_pid()
        assert await one.registry.release_idle() == ("link.here",)
        assert not is_alive(pid)


async def test_a_process_that_dies_in_the_middle_says_so_and_a_fresh_one_follows(tmp_path: Path) -> None:
    async with played(tmp_path, ENDLESS) as one:
        before = restarts()
        stream = await first_words(one)
        os.kill(first := model_pid(), signal.SIGKILL)
        with pytest.raises(ProviderFailed, match=r"died \(SIGKILL\)") as failure:
            _ = [piece async for piece in stream]
        error = failure.value
        assert (error.transient, error.code, error.fault) == (True, "llm_unavailable", "server")
        assert (one.is_loaded, restarts() - before) == (False, 1)
        async with aclosing(await first_words(one)):
            assert model_pid() != first


async def test_a_process_that_died_between_two_questions_is_replaced_unseen(tmp_path: Path) -> None:
    async with played(tmp_path) as one:
        await one.received()
        await killed(pid := model_pid())
        assert (await one.received())[0] == SAID
        assert model_pid() != pid


async def test_a_question_that_cannot_wait_leaves_the_model_loading_for_the_next_one(tmp_path: Path) -> None:
    async with played(tmp_path, {"loads_s": 0.5}) as one:
        _, _, error = await one.received(seconds=0.2)
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault) == ("timeout", "nobody")
        pid = await begun_pid()
        assert (await one.received())[0] == SAID
        assert model_pid() == pid


REFUSED = {"error": "/srv/m: it cannot be loaded"}


@pytest.mark.parametrize(
    ("play", "fault", "code", "message"),
    [
        ({"report": REFUSED}, "setting", "misconfigured", "/srv/m: it cannot be loaded$"),
        ({"report": REFUSED | {"is_out_of_memory": True}}, "setting", "misconfigured", "memory_bytes"),
        ({"report": REFUSED, "stderr": "failed to allocate"}, "setting", "misconfigured", "memory_bytes"),
        (
            {"report": REFUSED, "stderr": "error loading model: cut\nno\n"},
            "setting",
            "misconfigured",
            ": cut$",
        ),
        ({"report": {"commands": 1}}, "server", "llm_unavailable", "unreadable"),
        ({"dies": True}, "server", "llm_unavailable", r"died \(exit 1\)"),
        ({"loads_s": 30}, "server", "timeout", "not loaded within 2 s"),
        ({"dies_after": 0}, "server", "llm_unavailable", r"died \(exit 1\)"),
        ({"dies_after": 1, "stderr": "what(): std::bad_alloc"}, "prompt", "llm_unavailable", "memory_bytes"),
    ],
)
async def test_a_failure_is_somebodys_fault(
    tmp_path: Path, play: dict[str, Any], fault: str, code: str, message: str
) -> None:
    async with played(tmp_path, play, load_timeout_s=2.0 if code == "timeout" else 60.0) as one:
        _, _, error = await one.received()
        assert isinstance(error, ProviderFailed)
        assert (error.fault, error.code) == (fault, code)
        assert re.search(message, error.message)
        assert not one.is_loaded


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (None, "", "it does not exist"),
        ("readme.txt", "", "it holds no GGUF file"),
        ("genai_config.json", "{}", "it holds a model for onnxruntime-genai; a GGUF file is needed now"),
        ("m.gguf", "no model", "it is no GGUF file"),
    ],
)
async def test_a_folder_without_a_model_is_a_wrong_setting(
    tmp_path: Path, name: str | None, text: str, reason: str
) -> None:
    folder = tmp_path / "model"
    if name is not None:
        folder.mkdir()
        (folder / name).write_text(text)
    async with local(folder) as one:
        chain = Chain([one.provider, ExtractiveProvider()])
        _ = [event async for event in chain.stream(PROMPT, Deadline.within(30))]
        state = chain.states()["here"]
        assert (state["state"], state["code"], one.is_loaded) == ("misconfigured", "misconfigured", False)
        assert f"{folder}: {reason}" in (state["message"] or "")


async def test_nothing_is_left_after_the_provider_is_closed_in_the_middle_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch := tmp_path / ("tmp" * 40)).mkdir()  # too long for the address of a socket
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    async with played(tmp_path, ENDLESS) as one:
        stream = await first_words(one)
        pid = model_pid()
        assert len(list(scratch.iterdir())) == 1
        await one.provider.aclose()
        assert (is_alive(pid), list(scratch.iterdir())) == (False, [])
        with pytest.raises(ProviderFailed):
            _ = [piece async for piece in stream]
        _, _, error = await one.received()
        assert error and error.code == "shutting_down"


async def test_a_provider_that_is_closed_while_its_model_loads_leaves_nothing(tmp_path: Path) -> None:
    async with played(tmp_path, {"loads_s": 30}) as one:
        await one.received(seconds=0.3)
        pid = await begun_pid()
        await one.provider.aclose()
        assert not is_alive(pid)
