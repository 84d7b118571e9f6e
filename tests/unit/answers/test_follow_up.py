"""Follow-up questions are made to stand alone by rule."""

import pytest

from kotaemon_async.answers.follow_up import by_rule, leans


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("What was the revenue in 2018?", "and in 2019?", "What was the revenue in 2019?"),
        ("What was the revenue in 2018?", "And 2020", "What was the revenue in 2020?"),
        ("What was the revenue in 2018?", "How about 2017?", "What was the revenue in 2017?"),
        ("2018年的营业收入是多少？", "那2019年呢？", "2019年的营业收入是多少？"),
        ("How many came in March?", "and in April?", "How many came in April?"),
        ("第一季度的产量是多少？", "第二季度呢？", "第二季度的产量是多少？"),
    ],
)
def test_what_is_named_anew_takes_the_place_of_its_like(before: str, question: str, standalone: str) -> None:
    assert by_rule(question, [before]) == standalone


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("Who built the lighthouse?", "When did he die?"),
        ("Who built the lighthouse?", "Why?"),
        ("灯塔是谁建的？", "他什么时候去世？"),
        ("What was the revenue in 2018?", "And the profit in 2019?"),
        ("Which pump leaks?", "How often is it serviced?"),
    ],
)
def test_otherwise_both_questions_are_asked_together(before: str, question: str) -> None:
    assert by_rule(question, ["Earlier?", before]) == f"{before} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How often is the shaft seal of the main pump replaced?",
        "法国的首都是哪座城市？",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert by_rule(question, ["Who built the lighthouse?"]) == question


def test_without_a_question_before_nothing_is_changed() -> None:
    assert by_rule("and in 2019?", []) == "and in 2019?"


def test_a_long_question_says_itself_what_it_is_about() -> None:
    long = "How did this regulation change imported machinery tariffs between northern ports during wartime?"
    assert not leans(long)
