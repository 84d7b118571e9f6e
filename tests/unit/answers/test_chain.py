"""The chain of links, and the link without a model."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.chain import Chain, Completed, Failed, Passed
from kotaemon_async.answers.events import Restart
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, Finish, NoAnswer, Piece, Prompt
from kotaemon_async.answers.llm.guarded import CircuitOpen, Timing
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from tests.support.answering import DOWN, Model, source


@dataclass
class Times:
    """A clock that links move on, and what was left when each was asked."""

    now_s: float = 0.0
    shares_s: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now_s


class Greedy(Model):
    """Uses up a part of its time, then fails."""

    def __init__(self, times: Times, used_share: float) -> None:
        super().__init__(DOWN)
        self.times, self.used_share = times, used_share

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        self.times.shares_s.append(deadline.left_s())
        self.times.now_s += deadline.left_s() * self.used_share
        async for piece in super().stream(prompt, deadline):
            yield piece


def link(name: str, *pieces: Piece | Exception) -> Model:
    return Model(*pieces, name=name)


def fallbacks(source: str, target: str) -> float:
    labels = {"from": source, "to": target, "reason": "llm_unavailable"}
    return metrics.REGISTRY.get_sample_value("kotaemon_fallbacks_total", labels) or 0.0


async def events(*links: Model) -> list[tuple[str, object]]:
    received: list[tuple[str, object]] = []
    async for event in Chain(links).stream(Prompt("Q?"), Deadline(10.0, lambda: 0.0)):
        match event:
            case Delta():
                received.append(("delta", event.text))
            case Restart():
                received.append(("restart", (event.link, event.reason)))
            case Failed():
                received.append(("failed", (event.provider.name, event.error.code, event.text_was_sent)))
            case Passed():
                received.append(("passed", event.provider.name))
            case Completed():
                received.append(("completed", event.provider.name))
    return received


async def test_the_first_link_that_can_gives_the_answer() -> None:
    received = await events(link("a", Delta("x"), Finish()), link("b", Delta("y"), Finish()))
    assert received == [("delta", "x"), ("completed", "a")]


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [(None, ["one"]), ("two", ["two", "one"]), ("three", ["one"]), ("extractive", ["one"])],
)
async def test_the_link_that_is_named_is_asked_first(wanted: str | None, asked: list[str]) -> None:
    two = link("two", DOWN)
    chain = Chain([link("one", Delta("1"), Finish()), two, ExtractiveProvider()])
    prompt = Prompt("Q?", link=wanted)
    found = [event async for event in chain.stream(prompt, Deadline(10.0, lambda: 0.0))]
    names = [event.provider.name for event in found if isinstance(event, Completed | Failed)]
    assert (names, two.asked.is_set()) == (asked, wanted == "two")


async def test_a_failure_before_the_first_token_moves_on() -> None:
    received = await events(link("a", DOWN), link("b", Delta("y"), Finish()))
    assert received == [("failed", ("a", "llm_unavailable", False)), ("delta", "y"), ("completed", "b")]


async def test_a_failure_after_the_first_token_says_that_text_was_sent() -> None:
    received = await events(link("a", Delta("x"), DOWN), link("b", Delta("y"), Finish()))
    assert received[1:3] == [
        ("failed", ("a", "llm_unavailable", True)),
        ("restart", ("b", "llm_unavailable")),
    ]


async def test_a_restart_names_who_speaks_next_and_why_words_broke_off() -> None:
    passes, silent = link("b", NoAnswer("no")), link("c", Unavailable("late", code="timeout"))
    received = await events(link("a", Delta("x"), DOWN), passes, silent, link("d", Delta("y"), Finish()))
    assert received == [
        ("delta", "x"),
        ("failed", ("a", "llm_unavailable", True)),
        ("passed", "b"),
        ("failed", ("c", "timeout", False)),
        ("restart", ("d", "llm_unavailable")),
        ("delta", "y"),
        ("completed", "d"),
    ]


async def test_a_step_is_counted_to_the_next_provider_that_did_not_just_pass() -> None:
    before = fallbacks("a", "c")
    await events(link("a", DOWN), link("b", NoAnswer("no")), link("c", Delta("y"), Finish()))
    assert fallbacks("a", "c") == before + 1


async def test_who_is_skipped_is_not_asked() -> None:
    chain = Chain([link("a", Delta("x"), Finish()), ExtractiveProvider()])
    prompt = Prompt("pump?", sources=(source("The pump is red."),))
    asked = chain.stream(prompt, Deadline(10.0, lambda: 0.0), skip={"primary"})
    assert [one.provider.name async for one in asked if isinstance(one, Completed)] == ["extractive"]


async def test_an_answer_without_a_finish_is_not_complete() -> None:
    received = await events(link("a", Delta("x")))
    assert received == [("delta", "x"), ("failed", ("a", "llm_unavailable", True))]


async def test_only_unavailable_moves_on() -> None:
    with pytest.raises(ZeroDivisionError):
        await events(link("a", ZeroDivisionError()), link("b", Finish()))


async def test_a_link_leaves_time_for_the_one_that_follows() -> None:
    first, last = link("a", DOWN), link("b", Finish())
    await events(first, last)
    assert (first.left_s, last.left_s) == ([8.0], [10.0])


@given(st.floats(0.01, 300), st.integers(1, 6), st.floats(0, 1))
async def test_whatever_links_use_up_each_has_a_share_and_none_passes_the_deadline(
    seconds: float, count: int, used_share: float
) -> None:
    received = Times()
    chain = Chain([Greedy(received, used_share) for _ in range(count)])
    _ = [event async for event in chain.stream(Prompt("Q?", ()), Deadline.within(seconds, received.clock))]
    assert len(received.shares_s) == count
    assert min(received.shares_s) >= min(seconds, 8.0) * 0.25**count * 0.99
    assert received.now_s <= seconds * 1.0001


async def test_a_link_that_is_kept_back_moves_on_at_once_with_its_last_code() -> None:
    first = link("a", Unavailable("key", code="misconfigured"))
    chain = Chain([first, link("b", Delta("y"), Finish())])
    for asked in (True, False):
        first.left_s.clear()
        received = [event async for event in chain.stream(Prompt("Q?", ()), Deadline(10.0, lambda: 0.0))]
        assert isinstance(received[0], Failed)
        assert (isinstance(received[0].error, CircuitOpen), received[0].error.code) == (
            not asked,
            "misconfigured",
        )
        assert bool(first.left_s) is asked


async def test_states_name_the_models_in_order_and_no_other_link() -> None:
    chain = Chain([link("b", DOWN), link("a", DOWN), ExtractiveProvider()])
    assert [(name, state["state"]) for name, state in chain.states().items()] == [
        ("b", "closed"),
        ("a", "closed"),
    ]


async def test_a_model_whose_calls_all_failed_is_degraded_and_has_no_success_to_show() -> None:
    chain, health = Chain([link("a", DOWN)]), Health()
    chain.register_in(health)
    assert await shown(health) == ("ok", None, None)
    _ = [event async for event in chain.stream(Prompt("Q?"), Deadline.within(1.0))]
    assert await shown(health) == ("degraded", "llm_unavailable", None)


async def test_a_model_that_answered_shows_how_long_ago() -> None:
    times = Times()
    health, model = Health(), link("a", Delta("x"), Finish())
    chain = Chain([model], Timing(clock=times.clock))
    chain.register_in(health)
    _ = [event async for event in chain.stream(Prompt("Q?"), Deadline.within(1.0))]
    times.now_s, model.pieces = 40.0, (DOWN,)
    _ = [event async for event in chain.stream(Prompt("Q?"), Deadline.within(1.0))]
    assert await shown(health) == ("ok", None, 40.0)


async def shown(health: Health) -> tuple[str, str | None, float | None]:
    component = (await health.report())["components"]["link.a"]  # type: ignore[index]
    return component["status"], component.get("code"), component["last_success_age_s"]


async def test_words_that_prove_to_be_thoughts_are_taken_back_by_a_restart_of_the_same_link() -> None:
    found = await events(link("a", Delta("Hm."), Anew(), Delta("Paris"), Finish()))
    assert found[:2] == [("delta", "Hm."), ("restart", ("a", "thoughts"))]
    assert found[2] == ("delta", "Paris")
    assert "restart" not in dict(await events(link("a", Anew(), Delta("Paris"), Finish())))


async def test_thoughts_that_were_taken_back_leave_nothing_broken_off() -> None:
    found = await events(link("a", Delta("Hm."), Anew(), DOWN), link("b", Delta("Paris"), Finish()))
    assert [kind for kind, _ in found].count("restart") == 1
