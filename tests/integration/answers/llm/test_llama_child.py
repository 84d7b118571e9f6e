"""A real model in llama.cpp's server: what it may do, and when it stops. What it says does not matter."""

import re
import shutil
import tempfile
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from kotaemon_async.answers.llm.base import Deadline, Prompt, ProviderFailed
from kotaemon_async.answers.llm.child_gguf import model_file
from tests.support.llama import first_words, local, model_pid, prompt_of


def cpu_ticks(pid: int) -> int:
    """CPU time that the process has used, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def until_idle(pid: int) -> None:
    """Nothing is computed any more, a batch of the prompt later."""
    with anyio.fail_after(60):
        before = -100
        while (now := cpu_ticks(pid)) - before > 2:
            before = now
            await anyio.sleep(0.3)


async def test_an_answer_is_counted_and_cut_at_its_longest(llm_folder: Path) -> None:
    async with local(llm_folder, max_tokens=8) as one:
        text, finish, _ = await one.received()
        assert text and finish and finish.usage and finish.cut
        assert finish.usage.completion_tokens == 8
        assert finish.usage.prompt_tokens > 100


async def test_a_temporary_folder_whose_path_is_too_long_for_a_socket_is_none(
    llm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (far := tmp_path / ("far" * 40)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(far))
    async with local(llm_folder, max_tokens=8) as one:
        text, _, error = await one.received()
    assert (bool(text), error, list(far.iterdir())) == (True, None, [])


async def test_a_reader_who_leaves_stops_the_answer(llm_folder: Path) -> None:
    async with local(llm_folder, max_tokens=2000) as one:
        async with aclosing(await first_words(one)):
            pid = model_pid()
        await until_idle(pid)
        async with aclosing(await first_words(one)):
            assert model_pid() == pid


async def test_a_reader_who_leaves_stops_the_reading_of_the_prompt(llm_folder: Path) -> None:
    async with local(llm_folder) as one:
        async with aclosing(await first_words(one)):
            pid = model_pid()
        await until_idle(pid)
        with anyio.move_on_after(0.5) as gone:
            await one.received(prompt_of("One crane, two cranes, three cranes. " * 300))
        assert gone.cancelled_caught
        await until_idle(pid)


async def test_the_commands_of_the_model_are_known(llm_folder: Path) -> None:
    async with local(llm_folder) as one, one.provider.server.lease(Deadline.within(60)) as connection:
        assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= set(connection.commands)
        assert connection.context_tokens == 2 * 3_200 + 512


async def test_a_prompt_longer_than_the_context_is_told_from_a_wrong_request(
    llm_folder: Path,
) -> None:
    async with local(llm_folder, prompt_budget_tokens=500) as one:
        _, _, error = await one.received(Prompt("When? " * 5_000))
        assert error and error.message == "the prompt does not fit into the model's context"


async def test_the_process_has_no_network_and_sees_no_keys(
    llm_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_API_KEY", "secret")
    async with local(llm_folder) as one, one.provider.server.lease(Deadline.within(60)):
        proc = Path(f"/proc/{model_pid()}")
        assert re.search(r"^Seccomp:\s+2$", (proc / "status").read_text(), re.MULTILINE)
        assert b"secret" not in (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()


@pytest.mark.parametrize("memory_mib", [256, 300])  # refused while loading; dies while loading
async def test_a_context_larger_than_the_memory_is_a_wrong_setting(llm_folder: Path, memory_mib: int) -> None:
    async with local(llm_folder, memory_bytes=memory_mib * 1024**2, prompt_budget_tokens=100_000) as one:
        _, _, error = await one.received()
        assert error and (error.code, "memory_bytes" in error.message) == ("misconfigured", True)


async def test_a_file_that_is_cut_off_is_a_wrong_setting_with_the_reason(
    llm_folder: Path, tmp_path: Path
) -> None:
    with model_file(llm_folder).open("rb") as source, (tmp_path / "m.gguf").open("wb") as target:
        shutil.copyfileobj(source, target)
        target.truncate(8 * 1024**2)
    async with local(tmp_path) as one:
        _, _, error = await one.received()
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault) == ("misconfigured", "setting")
        assert re.search(rf"{tmp_path}: it cannot be loaded: .*file bounds", error.message)
