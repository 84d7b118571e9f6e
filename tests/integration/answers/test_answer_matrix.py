"""A question always gets an honest answer: the matrix of faults, asked for through the HTTP surface."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.answer_matrix import Case, cases, outcome
from tests.support.answers import OFF_TOPIC, QUESTION, AnswerService, open_answer_service
from tests.support.llm_faults import FAULTS


@pytest.fixture(scope="module")
async def service(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> AsyncIterator[AnswerService]:
    async with open_answer_service(tmp_path_factory.mktemp("service"), model_folder) as service:
        yield service


@pytest.mark.parametrize("case", cases(), ids=str)
async def test_whatever_fails_an_honest_answer_comes_in_time(case: Case, service: AnswerService) -> None:
    assert (await outcome(service, case)).problems == ()


CUT = [fault.script for fault in FAULTS if fault.sends_text and not fault.waits]


@pytest.mark.parametrize("script", CUT)
async def test_a_cut_answer_that_nothing_can_follow_is_interrupted_and_never_done(
    script: str, service: AnswerService
) -> None:
    faults = {"primary": script, "local": "refuse"}
    reply = await service.ask(faults, stream=True, question=OFF_TOPIC)
    assert (reply.status, set(reply.names[1:-1]), reply.names[-1]) == (200, {"delta"}, "interrupted")
    assert (reply.answer["answer"][:12], reply.answer["degraded"]) == ("Paris is the", True)
    plain = (await service.ask(faults, question=OFF_TOPIC)).answer
    assert ("Paris" in plain["answer"], plain["degraded"]) == (False, True)


@pytest.mark.parametrize("script", CUT)
@pytest.mark.parametrize("question", [QUESTION, OFF_TOPIC], ids=["restart", "interrupted"])
async def test_the_openai_surface_says_stop_only_after_a_whole_answer(
    script: str, question: str, service: AnswerService
) -> None:
    chunks = await service.chat({"primary": script, "local": "refuse"}, question)
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk.get("choices", ())]
    whole = question == QUESTION  # the sentences of the document follow the cut words
    assert ("stop" in reasons, "error" in chunks[-1]) == (whole, not whole)


async def test_the_health_report_shows_the_state_of_every_breaker(service: AnswerService) -> None:
    components = (await service.client.get("/healthz")).json()["components"]
    watched = ("embedder", "vectors", "broker", "link.first", "link.second")
    assert {components[name]["state"] for name in watched} == {"closed"}
    figures = (await service.client.get("/metrics")).text
    for name in watched:
        assert f'kotaemon_breaker_state{{component="{name.removeprefix("link.")}"}}' in figures
