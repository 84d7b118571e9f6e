"""The matrix of answers finds what is wrong: a service that lies is caught, and its table says so."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.chaos.answer_figures import Figures
from tests.chaos.answer_matrix import Case, cases, outcome
from tests.chaos.answers import figures_table, matrix
from tests.support.answers import AnswerService, Reply

GOOD: dict[str, Any] = {
    "answer": "By 8 percent. [1]",
    "served_by": "local",
    "degraded": True,
    "reasons": [{"component": "first", "code": "llm_unavailable"}],
    "citations": [{"marker": 1}],
    "age_s": 0.0,
}
DEAD_FIRST = Case((("primary", "refuse"),))
EVENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("passages", {}),
    ("delta", {"text": GOOD["answer"]}),
    ("done", GOOD),
)


@dataclass
class Storyteller:
    """Says the same to every question."""

    plain: Reply
    streamed: Reply

    async def ask(self, _ills: object, *, stream: bool, **_: object) -> Reply:
        return self.streamed if stream else self.plain


async def problems(plain: Reply | None = None, streamed: Reply | None = None) -> tuple[str, ...]:
    told = Storyteller(plain or Reply(200, 0.1, GOOD), streamed or Reply(200, 0.1, GOOD, EVENTS))
    return (await outcome(cast("AnswerService", told), DEAD_FIRST)).problems


async def test_a_right_answer_has_no_problems() -> None:
    assert await problems() == ()


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(503, 0.1, GOOD), "HTTP 503"),
        (Reply(200, 60.0, GOOD), "in time: False instead of True"),
        (Reply(200, 0.1, {**GOOD, "served_by": "busy"}), "served_by: busy instead of local"),
        (Reply(200, 0.1, {**GOOD, "degraded": False}), "degraded: False instead of True"),
        (
            Reply(200, 0.1, {**GOOD, "reasons": []}),
            "reasons: [] instead of [('first', 'llm_unavailable')]",
        ),
        (Reply(200, 0.1, {**GOOD, "age_s": 9.0}), "has an age: True instead of False"),
    ],
)
async def test_a_wrong_answer_is_caught(reply: Reply, problem: str) -> None:
    assert await problems(plain=reply) == (problem,)


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        (EVENTS[1:], "the stream begins without passages"),
        ((*EVENTS, EVENTS[-1]), "the stream has another end than one done"),
        ((*EVENTS[:2], ("interrupted", GOOD)), "the stream has another end than one done"),
        ((EVENTS[0], ("restart", {}), *EVENTS[1:]), "1 restarts"),
        ((EVENTS[0], EVENTS[2]), "the words that were sent are not the answer's"),
    ],
)
async def test_a_wrong_stream_is_caught(events: tuple[Any, ...], problem: str) -> None:
    assert await problems(streamed=Reply(200, 0.1, GOOD, events)) == (problem,)


async def test_the_table_shows_every_cell_and_marks_the_wrong_ones() -> None:
    told = Storyteller(Reply(200, 0.1, GOOD), Reply(200, 0.2, GOOD, EVENTS))
    table = matrix([await outcome(cast("AnswerService", told), case) for case in cases()])
    assert len(table.splitlines()) <= 35
    assert "| gone: `refuse`, `rst`, `cut_first` | local, 200 ms | **WRONG** |" in table
    assert "| primary and broker | local, 200 ms |" in table


def test_times_beyond_the_promise_are_problems() -> None:
    assert Figures(60, 0.1, 0.149, 1.0).problems == ()
    late = Figures(60, 0.1, 0.2, 1.5)
    assert late.problems == ("a dead first link adds 100 ms", "extractive takes 1500 ms")
    assert "200 ms, 100 ms more (at most 50)" in figures_table(late)
