"""Thoughts of models, in every form that was met, and quotations of their marks, which are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.llm.thoughts import ThoughtFilter, without_thoughts

ANSWER = "Three years [1]."
#: What comes before the answer, or around it.
THOUGHTS = [
    "<think>Look at [3] first.</think>\n\nThree years [1].",
    "<think>\n\n</think>\n\nThree years [1].",
    "<think></think>Three years [1].",
    "<think/>Three years [1].",
    " \n<THINK >Look.</ THINK>Three years [1].",
    '<thinking budget="low">\nLook.\n</thinking>\nThree years [1].',
    "<thought>Look.</thoughts>Three years [1].",
    "<reasoning>Look.</reasoning>\nThree years [1].",
    "<seed:think>Look.</seed:think>Three years [1].",
    "<antThinking>Look.</antThinking>Three years [1].",
    "<scratchpad>Look.</scratchpad>Three years [1].",
    "<analysis>Look.</analysis>Three years [1].",
    "&lt;think&gt;Look.&lt;/think&gt;Three years [1].",
    "◁think▷Look.◁/think▷Three years [1].",
    "[THINK]Look.[/THINK]Three years [1].",
    "<|begin_of_thought|>Look.<|end_of_thought|><|begin_of_solution|>Three years [1].<|end_of_solution|>",
    "<|START_THINKING|>Look.<|END_THINKING|><|START_RESPONSE|>Three years [1].<|END_RESPONSE|>",
    "<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>final<|message|>"
    "Three years [1].<|return|>",
    "<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>commentary<|message|>Hm.<|end|>"
    "<|start|>assistant<|channel|>final<|message|>Three years [1].",
    "analysisWe look first.assistantfinalThree years [1].",
    "<|channel>thought\nLook.<channel|>Three years [1].",
    "<unused94>thought\nLook.<unused95>Three years [1].",
    "Here is my thought process: Look.\nHere is my response:\nThree years [1].",
    "```thinking\nLook.\n```\nThree years [1].",
    '<details type="reasoning" done="true" duration="2">\n<summary>Thought</summary>\n> Look.\n</details>\n'
    "Three years [1].",
    ":::thinking\nLook.\n:::\nThree years [1].",
    "<think>Look.</think><answer>Three years [1].</answer>",
    "<think>Look.<think>Again.</think>And again.</think>Three years [1].",
    "<think>I write `<answer>` later.\n```\ncode\n```\n</think>Three years [1].",
    # the chat template has the opening mark
    "Look at [3] first.</think>\n\nThree years [1].",
    "Look at [3] first\n</think>\nThree years [1].",
    "let me look</think>Three years [1].",
    "Look.</thinking>Three years [1].",
    "```\ncode\n```\nLook.</think>Three years [1].",
    "Look.<|end_of_thought|>Three years [1].",
    # what a tokenizer leaves behind
    "Three years [1].<|im_end|>",
    "<|im_start|>assistant\nThree years [1].<|endoftext|>",
]
#: A mark in the middle of a sentence, in code, or in a list is a quotation.
QUOTATIONS = [
    "The tag `<think>` opens a thought and `</think>` closes it [1].",
    "The tag <think> opens a thought and </think> closes it [1].",
    "标签<think>表示开始思考，</think>表示结束思考[1]。",
    "It is written so [1]:\n```xml\n<think>\nLook.\n</think>\n```\nNothing else.",
    "- <think> opens it\n- </think> closes it [1]",
    "| <think> | opens |\n| </think> | closes |",
    "What opens a thought? <think> does [1].",
    "The template ends in <|channel|>analysis<|message|> there [1].",
    "Use [THINK] and [/THINK] here [1].",
    "a < b and c > d, R&D, x<y>z, 3:2 [1].",
    "<b>Three</b> years [1].",
    "Analysis of the text: three years [1].",
    "Here is my answer: three years [1].",
]


def filtered(text: str, size: int) -> str:
    """What is shown of a text that comes in pieces of so many characters."""
    words, shown = ThoughtFilter(), ""
    for start in range(0, len(text), size):
        piece = words.feed(text[start : start + size])
        shown = piece if words.is_void else shown + piece
    rest = words.rest()
    return (rest if words.is_void else shown + rest).strip()


@pytest.mark.parametrize("text", THOUGHTS)
def test_thoughts_are_left_out_in_every_form(text: str) -> None:
    assert without_thoughts(text) == ANSWER


@pytest.mark.parametrize("text", QUOTATIONS)
def test_a_quotation_of_a_mark_stays(text: str) -> None:
    assert without_thoughts(text) == text


@pytest.mark.parametrize("text", THOUGHTS + QUOTATIONS)
def test_it_does_not_matter_where_a_text_is_cut(text: str) -> None:
    assert {filtered(text, size) for size in range(1, len(text) + 1)} == {without_thoughts(text)}


@pytest.mark.parametrize(
    "text", ["<think>Look at [3].", "<|channel|>analysis<|message|>Look.<|end|>", "Look.</think>", "<think>"]
)
def test_nothing_but_thoughts_is_no_answer(text: str) -> None:
    assert without_thoughts(text) == ""


def test_thoughts_in_between_are_left_out() -> None:
    text = "Three years [1].\n<think>Sure?</think>\nEach week [2]. <think>Hm.</think> So [1]."
    assert without_thoughts(text).split() == ["Three", "years", "[1].", "Each", "week", "[2].", "So", "[1]."]


def test_a_thought_that_begins_behind_an_answer_and_never_ends_is_left_out() -> None:
    assert without_thoughts("Three years [1].\n<think>Or is it") == ANSWER


def test_words_before_a_lone_closing_mark_are_told_to_be_void() -> None:
    words = ThoughtFilter()
    shown = words.feed("Look at [3] first.\n")
    assert (shown, words.is_void) == ("Look at [3] first.\n", False)
    assert (words.feed("</think>\n\nThree"), words.is_void) == ("Three", True)
    assert (words.feed(" years."), words.is_void) == (" years.", False)


@given(st.text(alphabet="ab<>/|`[]:\n .think"), st.integers(1, 7))
def test_any_text_is_shown_alike_however_it_is_cut(text: str, size: int) -> None:
    assert filtered(text, size) == filtered(text, max(1, len(text)))


@given(st.text(alphabet="abcäß三年 .,!?()\n-*_#'\"0123456789"))
def test_a_text_without_marks_is_left_alone(text: str) -> None:
    assert without_thoughts(text) == text.strip()
