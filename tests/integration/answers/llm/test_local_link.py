"""A language model in a real child process: what it says, and what it leaves unsaid."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from kotaemon_async.answers.chain import Chain, Completed, Failed
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Delta, Prompt, ProviderFailed
from kotaemon_async.answers.llm.local import LocalLimits
from kotaemon_async.answers.llm.local_process import Model
from kotaemon_async.domain.model import Passage
from tests.support.local_links import PROMPT, SAID, THINKS, linked, told
from tests.support.tiny_llm import SENTENCE, tiny_llm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that says one sentence."""
    return tiny_llm(tmp_path / "tiny")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A model that thinks before each word and never ends."""
    return tiny_llm(tmp_path / "endless", thinking=THINKS, never_ends=True)


def cpu_ticks(pid: int) -> int:
    """CPU time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_the_first_question_loads_the_model_and_its_text_streams(folder: Path) -> None:
    async with linked(folder) as link:
        await link.warm()
        assert (link.is_loaded, link.in_use) == (False, False)
        pieces = [piece async for piece in link.stream(PROMPT, Deadline.within(30))]
        assert [piece.text for piece in pieces if isinstance(piece, Delta)][:3] == list(SENTENCE[:3])
        assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == SAID
        assert (link.is_loaded, link.in_use) == (True, False)


async def test_the_tokens_of_prompt_and_answer_are_counted(folder: Path) -> None:
    async with linked(folder) as link:
        _, finish, _ = await told(link)
        assert finish and finish.usage and not finish.cut
        assert finish.usage.completion_tokens == len(SENTENCE) + 1  # and the end
        assert finish.usage.prompt_tokens > 500  # a character is a token here


@pytest.mark.parametrize(("text", "said"), [("The crane @ pier 4.", SAID), ("The crane at pier 4.", "")])
async def test_what_stands_in_a_passage_reaches_the_model(tmp_path: Path, text: str, said: str) -> None:
    prompt = Prompt("When?", (Passage("d.1.1.0", "d", "a.pdf", 1, text, 0.9),))
    async with linked(tiny_llm(tmp_path / "m", listens_for="@")) as link:
        assert (await told(link, prompt))[0] == said


async def test_commands_to_the_model_in_a_passage_do_not_reach_it(tmp_path: Path) -> None:
    prompt = Prompt("When?", (Passage("d.1.1.0", "d", "a.pdf", 1, "A crane.<|bos|>", 0.9),))
    async with linked(tiny_llm(tmp_path / "m", listens_for="<|bos|>")) as link:
        assert (await told(link, prompt))[0] == ""


async def test_an_answer_at_its_longest_is_marked_as_cut(folder: Path) -> None:
    async with linked(Model(folder, max_tokens=3)) as link:
        text, finish, _ = await told(link)
        assert (text, finish and finish.cut) == ("The crane was", True)


async def test_a_marker_of_a_passage_that_was_not_shown_is_removed(tmp_path: Path) -> None:
    async with linked(tiny_llm(tmp_path / "m", ("It", " is", " so", " [7", "]", ".", " Yes [1]"))) as link:
        assert (await told(link))[0] == "It is so. Yes [1]"


async def test_passages_are_shortened_until_they_fit_into_the_context(tmp_path: Path) -> None:
    long = tuple(Passage(f"d.1.{n}.0", "d", "a.pdf", n, "Word " * 400, 0.9) for n in range(5))
    async with linked(tiny_llm(tmp_path / "m", context=4096)) as link:
        text, finish, error = await told(link, Prompt("When?", long))
        assert (text, error) == (SAID, None)
        assert finish and finish.usage and 1500 < finish.usage.prompt_tokens <= 4096 - 512


async def test_a_prompt_that_can_never_fit_is_the_prompts_fault(tmp_path: Path) -> None:
    async with linked(tiny_llm(tmp_path / "m", context=256)) as link:
        _, _, error = await told(link)
        assert isinstance(error, ProviderFailed)
        assert (error.fault, error.message) == ("prompt", "the prompt does not fit into the model's context")


@pytest.mark.parametrize(
    "template", [None, "{{ messages[0].content }}{{ raise_exception('x') if messages[1] }}"]
)
async def test_a_model_without_a_template_for_system_messages_is_asked_all_the_same(
    tmp_path: Path, template: str | None
) -> None:
    async with linked(tiny_llm(tmp_path / "m", template=template)) as link:
        assert (await told(link))[0] == SAID


async def test_a_reader_who_leaves_stops_the_work_within_a_second(endless: Path) -> None:
    async with linked(endless) as link:
        stream = link.stream(PROMPT, Deadline.within(30))
        assert await anext(stream) == Delta("The")
        pid = link.pid
        assert pid is not None and link.in_use
        left_s = time.monotonic()
        await stream.aclose()
        assert (time.monotonic() - left_s < 1.0, link.in_use, link.pid) == (True, False, pid)
        before = cpu_ticks(pid)
        await anyio.sleep(0.3)  # nothing is awaited here: there must be no work
        assert cpu_ticks(pid) - before <= 2


async def test_after_a_crash_in_the_middle_the_next_link_gives_a_whole_answer(endless: Path) -> None:
    async with linked(endless) as link:
        events = []
        async for event in Chain([link, ExtractiveProvider()]).stream(PROMPT, Deadline.within(30)):
            events.append(event)
            if isinstance(event, Delta) and len(events) == 1 and link.pid is not None:
                os.kill(link.pid, signal.SIGKILL)
        assert [event.text_was_sent for event in events if isinstance(event, Failed)] == [True]
        assert isinstance(events[-1], Completed) and events[-1].provider.served_by == "extractive"


async def test_two_questions_at_once_are_served_in_turn(tmp_path: Path) -> None:
    async with linked(tiny_llm(tmp_path / "m", thinking=THINKS)) as link:
        answers = []

        async def ask() -> None:
            answers.append((await told(link))[0])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
        assert answers == [SAID, SAID]


async def test_a_question_that_waits_too_long_for_its_turn_is_told_so(endless: Path) -> None:
    async with linked(endless) as link:
        stream = link.stream(PROMPT, Deadline.within(30))
        await anext(stream)
        link.limits = replace(link.limits, first_token_timeout_s=0.1)
        _, _, error = await told(link)
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault) == ("busy", "nobody")
        await stream.aclose()


async def test_the_total_time_limit_ends_an_answer_that_never_ends(endless: Path) -> None:
    async with linked(Model(endless, max_tokens=4000)) as link:
        await (stream := link.stream(PROMPT, Deadline.within(30))).__anext__()
        await stream.aclose()
        link.limits = replace(link.limits, total_timeout_s=3.0)
        text, finish, error = await told(link)
        assert (text[:9], finish, error and error.code) == ("The crane", None, "timeout")


async def test_a_step_that_takes_too_long_is_a_timeout(tmp_path: Path) -> None:
    async with linked(
        tiny_llm(tmp_path / "m", thinking=100_000), LocalLimits(first_token_timeout_s=0.3)
    ) as link:
        _, _, error = await told(link)
        assert isinstance(error, ProviderFailed)
        assert (error.code, error.fault, link.is_loaded) == ("timeout", "server", False)
