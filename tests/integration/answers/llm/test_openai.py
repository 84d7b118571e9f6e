"""The link to a model server over a socket: what it brings, and everything that the server can do wrong."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from kotaemon_async.answers.chain import Chain, Completed, Failed, Passed
from kotaemon_async.answers.events import Restart
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.llm.guarded import ASK_AGAIN_S, CircuitOpen, Timing
from kotaemon_async.answers.llm.openai import OpenAIProvider
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Usage
from kotaemon_async.telemetry import metrics
from tests.support.answering import passage, source
from tests.support.llm_faults import FAULTS, Fault, Script
from tests.support.llm_server import LlmServer, llm_server, provider_of

PARIS = source("Paris is the capital of France.")
PROMPT = Prompt("Capital?", (PARIS.passage,), sources=(PARIS,))
SHORT = {"first_token_timeout_s": 0.3, "idle_timeout_s": 0.2, "total_timeout_s": 1.0}
#: The same with time for the first words to come.
SHORT_AFTER_WORDS = SHORT | {"first_token_timeout_s": 3.0, "total_timeout_s": 3.0}
#: Far less than what ends a call whose limits are not kept.
IN_TIME_S = 8.0
Received = list[Delta | Restart | Failed | Passed | Completed]

every_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.script)
every_passing_fault = pytest.mark.parametrize(
    "fault",
    [fault for fault in FAULTS if fault.code == "llm_unavailable" and fault.script != "content_filter"],
    ids=lambda fault: fault.script,
)


@dataclass
class Linked:
    """A chain of one model's link and the extractive one, whose breaker has a clock of its own."""

    server: LlmServer
    link: OpenAIProvider
    now_s: float = 1000.0
    pauses_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        timing = Timing(lambda: self.now_s, self.sleep, lambda: 0.0)
        self.chain = Chain([self.link, ExtractiveProvider()], timing)

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)

    async def received(self, seconds: float = 20.0) -> Received:
        return [event async for event in self.chain.stream(PROMPT, Deadline.within(seconds))]

    async def fails(self, times: int) -> None:
        for _ in range(times):
            await self.received()

    @property
    def state(self) -> str:
        return self.chain.states()["main"]["state"]


@asynccontextmanager
async def linked(*scripts: Script, **limits: Any) -> AsyncIterator[Linked]:
    async with llm_server(*scripts) as server:
        link = provider_of(server, key="k-secret", **limits)
        await link.warm()
        try:
            yield Linked(server, link)
        finally:
            await link.aclose()


def limits_of(fault: Fault) -> dict[str, float]:
    """Short ones for those that wait, with the time for a request to arrive and for words to be sent."""
    if not fault.waits:
        return {}
    return SHORT_AFTER_WORDS if fault.sends_text else SHORT | {"first_token_timeout_s": 1.0}


def moves(received: Received) -> list[Failed]:
    return [event for event in received if isinstance(event, Failed)]


def served_by(received: Received) -> str:
    assert isinstance(received[-1], Completed)
    return received[-1].provider.served_by


def retries(outcome: str) -> float:
    labels = {"link": "main", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("kotaemon_llm_retries_total", labels) or 0.0


async def parts(link: OpenAIProvider, seconds: float = 20.0) -> tuple[str, Finish | None, Unavailable | None]:
    text, finish = "", None
    try:
        async for piece in link.stream(PROMPT, Deadline.within(seconds)):
            if isinstance(piece, Delta):
                text += piece.text
            elif isinstance(piece, Anew):
                text = ""
            else:
                finish = piece
    except Unavailable as error:
        return text, finish, error
    return text, finish, None


async def test_a_whole_answer_streams_and_brings_its_token_counts() -> None:
    async with linked("ok") as one:
        assert await parts(one.link) == ("Paris is the capital [1].", Finish(Usage(120, 7)), None)
        assert one.server.keys == ["Bearer k-secret"]
        assert one.server.requests[0]["model"] == "m"
        assert "Paris is the capital of France." in one.server.requests[0]["messages"][1]["content"]


@pytest.mark.parametrize("script", ["hang", "slow_first"])
async def test_a_late_first_token_is_a_timeout_and_closes_the_connection(script: Script) -> None:
    async with linked(script, first_token_timeout_s=0.2) as one:
        text, _, error = await parts(one.link)
        assert (text, error and error.code) == ("", "timeout")
        with anyio.fail_after(60):
            await one.server.left.wait()


@pytest.mark.parametrize(("seconds", "limits"), [(0.3, {}), (20.0, {"total_timeout_s": 0.3})])
async def test_the_questions_deadline_and_the_total_limit_end_a_stream_that_stalls(
    seconds: float, limits: dict[str, float]
) -> None:
    async with linked("stall", **limits) as one:
        started_s = time.monotonic()
        _, _, error = await parts(one.link, seconds)
        assert error and error.code == "timeout"
        assert time.monotonic() - started_s < IN_TIME_S


async def test_an_answer_at_the_length_limit_is_marked_as_cut() -> None:
    async with linked("length") as one:
        _, finish, _ = await parts(one.link)
        assert finish == Finish(Usage(120, 7), cut=True)


async def test_a_marker_of_a_passage_that_was_not_shown_is_removed() -> None:
    async with linked("ok") as one:
        one.server.words = ("Paris [", "9] is", " it [1", "].")
        assert (await parts(one.link))[0] == "Paris is it [1]."


@every_fault
async def test_every_fault_moves_on_in_time_and_says_why(fault: Fault) -> None:
    async with linked(fault.script, **limits_of(fault)) as one:
        started_s = time.monotonic()
        received = await one.received()
        assert time.monotonic() - started_s < IN_TIME_S
        (move,) = moves(received)
        assert (move.error.code, move.text_was_sent) == (fault.code, fault.sends_text)
        assert (served_by(received), one.state) == ("extractive", fault.state)


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("drip_head", "the first token"),
        ("drip_comments", "the first token"),
        ("drip_roles", "the first token"),
        ("comments_after_text", "the next token"),
        ("drip_reasoning", "the next token"),
        ("slow_tokens", "the next token"),
    ],
)
async def test_bytes_that_are_no_tokens_extend_no_limit_and_tokens_not_the_last(
    script: Script, wanted: str
) -> None:
    total_s = 3.0 if script in {"drip_reasoning", "slow_tokens"} else 20.0
    short = SHORT if wanted == "the first token" else SHORT_AFTER_WORDS
    async with linked(script, **short | {"total_timeout_s": total_s}) as one:
        with anyio.fail_after(60):
            (move,) = moves(await one.received())
        assert move.error.message == f"the model server kept us waiting for {wanted}"


@every_fault
async def test_only_what_a_moment_heals_is_tried_twice(fault: Fault) -> None:
    async with linked(fault.script, **limits_of(fault)) as one:
        await one.received()
        asked = 0 if fault.script in {"refuse", "accept_and_hang"} else 1 + fault.heals
        assert (len(one.server.requests), one.pauses_s) == (asked, [0.1] * fault.heals)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.heals], ids=lambda fault: fault.script)
async def test_a_second_try_that_works_is_all_the_reader_sees(fault: Fault) -> None:
    before = retries("healed")
    async with linked(fault.script, "ok") as one:
        received = await one.received()
        assert (served_by(received), moves(received), one.state) == ("primary", [], "closed")
        assert retries("healed") == before + 1


@every_passing_fault
async def test_a_server_in_trouble_is_soon_left_alone(fault: Fault) -> None:
    async with linked(fault.script) as one:
        await one.fails(5)
        asked = len(one.server.requests)
        (move,) = moves(await one.received())
        assert (one.state, len(one.server.requests)) == ("open", asked)
        assert (type(move.error), move.error.code) == (CircuitOpen, fault.code)


@pytest.mark.parametrize("script", ["429", "503_wait"])
async def test_retry_after_is_waited_for(script: Script) -> None:
    async with linked(script) as one:
        await one.received()
        assert one.chain.states()["main"] == {
            "state": "open",
            "code": "llm_unavailable",
            "message": f"the model server replied {script[:3]}",
            "retry_in_s": 7.0,
            "last_success_age_s": None,
        }
        one.now_s += 7
        one.server.script = "ok"
        assert served_by(await one.received()) == "primary"


@pytest.mark.parametrize("script", ["401", "403", "404"])
async def test_a_wrong_setting_is_told_and_asked_about_again_after_a_while(script: Script) -> None:
    async with linked(script) as one:
        await one.fails(2)
        state = one.chain.states()["main"]
        assert (state["state"], state["code"], state["retry_in_s"]) == ("misconfigured",) * 2 + (ASK_AGAIN_S,)
        assert f"replied {script}: " in (state["message"] or "")
        assert "secret" not in str(state)
        one.server.script = "ok"
        one.now_s += ASK_AGAIN_S
        assert (served_by(await one.received()), one.state) == ("primary", "closed")
        assert len(one.server.requests) == 2


async def test_the_key_does_not_follow_a_redirect() -> None:
    async with llm_server("ok") as elsewhere, linked("307") as one:
        one.server.location = f"{elsewhere.base_url}/chat/completions"
        await one.received()
        assert (one.server.keys, elsewhere.keys) == (["Bearer k-secret"], [])


@pytest.mark.parametrize("script", ["slow_first", "stall"])
async def test_a_reader_who_leaves_closes_the_connection_and_blames_nobody(script: Script) -> None:
    async with linked(script, first_token_timeout_s=10, idle_timeout_s=10) as one:
        for number in range(6):
            one.server.left.clear()
            with anyio.fail_after(60):
                async with anyio.create_task_group() as group:
                    group.start_soon(one.received)
                    while len(one.server.requests) == number:  # noqa: ASYNC110 - a list has no event
                        await anyio.sleep(0.01)
                    group.cancel_scope.cancel()
                await one.server.left.wait()
        assert one.state == "closed"


@pytest.mark.parametrize(("slot_s", "seconds"), [(0.05, 20.0), (10.0, 0.1)])
async def test_a_full_link_moves_on_in_time_and_is_not_to_blame(slot_s: float, seconds: float) -> None:
    async with linked("stall", max_concurrency=1, idle_timeout_s=60) as one:
        first = one.chain.stream(PROMPT, Deadline.within(60))
        await anext(first)
        one.link.settings = one.link.settings.model_copy(update={"first_token_timeout_s": slot_s})
        codes = [moves(await one.received(seconds))[0].error.code for _ in range(6)]
        assert (codes, one.state) == (["busy"] * 6, "closed")
        await first.aclose()


@pytest.mark.parametrize("script", ["end_and_rst", "tiny_writes"])
async def test_an_answer_with_its_finish_reason_is_whole_however_it_came(script: Script) -> None:
    async with linked(script) as one:
        received = await one.received()
        text = "".join(event.text for event in received if isinstance(event, Delta))
        assert (text, served_by(received)) == ("Paris is the capital [1].", "primary")


async def test_no_compressed_reply_is_asked_for() -> None:
    async with linked("ok") as one:
        await one.received()
        assert one.server.headers[0]["accept-encoding"] == "identity"


async def test_a_model_gets_no_more_of_the_passages_than_its_budget() -> None:
    async with linked("ok", prompt_budget_chars=500) as one:
        prompt = Prompt("Capital?", (passage("x" * 2_000),))
        async for _ in one.chain.stream(prompt, Deadline.within(5)):
            pass
        assert one.server.requests[0]["messages"][1]["content"].count("x" * 500) == 1


LONG = Prompt("Capital?", tuple(passage("Paris is the capital of France. " * 60) for _ in range(6)))
REFUSALS: list[tuple[int, object]] = [
    (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}),
    (400, {"object": "error", "message": "The input (9000 tokens) is longer than the context (4096)."}),
    (413, "no"),
    (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens"}),
    (500, {"error": {"message": "Requested tokens (9000) exceed context window of 4096"}}),
    (0, {"error": {"message": "the request exceeds the available context size, try increasing it"}}),
]  # fmt: skip


def characters(request: dict[str, Any]) -> int:
    return sum(len(one["content"]) for one in request["messages"])


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_prompt_that_is_too_long_is_shortened_and_sent_once_more(refusal: tuple[int, object]) -> None:
    async with linked("ok") as one:
        one.server.context_chars, one.server.refusal = 7_000, refusal
        received = [event async for event in one.chain.stream(LONG, Deadline.within(5))]
        assert (served_by(received), moves(received), one.state) == ("primary", [], "closed")
        first, second = map(characters, one.server.requests)
        assert second <= 7_000 < first


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_prompts_that_stay_too_long_make_nobody_misconfigured(refusal: tuple[int, object]) -> None:
    async with linked("ok") as one:
        one.server.context_chars, one.server.refusal = 500, refusal
        for _ in range(5):
            (move,) = moves(await one.received())
            assert move.error.code == "prompt_too_long"
        assert one.state == "closed"
        one.server.context_chars = 10**9
        assert served_by(await one.received()) == "primary"


async def test_a_context_that_was_named_is_kept_to_from_then_on() -> None:
    async with linked("ok") as one:
        said = "This model's maximum context length is 2000 tokens. However, you requested 4000 tokens."
        one.server.context_chars, one.server.refusal = 9_000, (400, {"error": {"message": said}})
        for _ in range(3):
            _ = [event async for event in one.chain.stream(LONG, Deadline.within(5))]
        assert [characters(request) <= 9_000 for request in one.server.requests] == [False, True, True, True]


async def test_a_server_that_tells_the_context_of_its_model_gets_no_longer_prompt() -> None:
    async with linked("ok") as one:
        one.server.models = {"data": [{"id": "m", "max_model_len": 1_000}]}
        for _ in range(2):
            _ = [event async for event in one.chain.stream(LONG, Deadline.within(5))]
        assert [characters(request) < 4_000 for request in one.server.requests] == [True, True]
        assert one.server.models_asked == 1


async def test_a_short_prompt_asks_for_no_context_and_a_server_that_cannot_say_is_asked_once() -> None:
    async with linked("ok") as one:
        await one.received()
        assert one.server.models_asked == 0
        for _ in range(2):
            _ = [event async for event in one.chain.stream(LONG, Deadline.within(5))]
        assert one.server.models_asked == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking", "reasoning_details"])
async def test_thoughts_in_fields_of_their_own_and_in_the_text_are_both_left_out(field: str) -> None:
    async with linked("ok") as one:
        one.server.words = ({field: "Look at [1]."}, "<thi", "nk>Look at [1].</th", "ink>\n\n", "Paris [1].")
        one.server.cut_after = 9
        assert (await parts(one.link))[0] == "Paris [1]."


async def test_text_that_comes_in_typed_parts_is_read_without_the_thoughts_among_them() -> None:
    async with linked("ok") as one:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Look."}]}
        one.server.words = ({"content": [thought]}, {"content": [{"type": "text", "text": "Paris [1]."}]})
        assert (await parts(one.link))[0] == "Paris [1]."


async def test_a_character_that_comes_in_halves_is_joined_and_a_lone_half_replaced() -> None:
    async with linked("ok") as one:
        one.server.words = ("Go \ud83d", "\ude80 now\ud83d [1]", " \ude80", "\ud83d")
        assert (await parts(one.link))[0] == "Go \U0001f680 now\ufffd [1] \ufffd\ufffd"


async def test_words_before_a_lone_closing_mark_are_held_back_or_taken_back() -> None:
    async with linked("ok", hold_s=5.0) as one:
        one.server.words = ("Look at [1] first.", "</think>\n\n", "Paris [1].")
        assert [event for event in await one.received() if not isinstance(event, Completed)] == [
            Delta("Paris [1].")
        ]
    async with linked("ok") as one:
        one.server.words = ("Look at [1] first.", "</think>\n\n", "Paris [1].")
        received = await one.received()
        assert received[:-1] == [
            Delta("Look at [1] first."),
            Restart("main", "thoughts"),
            Delta("Paris [1]."),
        ]


async def test_a_model_that_leaves_the_opening_mark_out_once_is_waited_for_the_next_time() -> None:
    async with linked("ok") as one:
        one.server.words = ("Look at [1] first.", "</think>", "Paris [1].")
        assert len(await one.received()) == 4
        assert (await one.received())[:-1] == [Delta("Paris [1].")]
        one.server.words = ("Paris ", "[1].")
        assert (await one.received())[:-1] == [Delta("Paris [1].")]
        assert (await one.received())[:-1] == [Delta("Paris"), Delta(" [1].")]
