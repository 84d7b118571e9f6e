"""What is put into the text of an answer for OpenAI's clients comes out of it again."""

from dataclasses import replace

import msgspec
import pytest

from kotaemon_async.domain.model import Citation, Locator
from kotaemon_async.http.openai.bodies import ChatRequest, InvalidParam
from kotaemon_async.http.openai.text import begins_anew, footnotes, said

QUOTED = Citation("ans_1.1", 1, "doc_1", "manual.pdf", 2, "Turn the\nvalve  off.", 0.9)
SECOND = Citation("ans_1.2", 2, "doc_2", "notes.md", 1, "Wait.", 0.8)


def chat(*messages: tuple[str, object]) -> ChatRequest:
    given = [{"role": role, "content": content} for role, content in messages]
    return msgspec.convert({"model": "kotaemon", "messages": given}, ChatRequest)


def test_footnotes_are_paragraphs_in_the_order_of_their_markers() -> None:
    assert footnotes([SECOND, QUOTED]) == [
        "\n\n[1] manual.pdf, p. 2: “Turn the valve off.”",
        "\n\n[2] notes.md, p. 1: “Wait.”",
    ]
    assert footnotes([]) == []


def test_a_long_quote_is_shortened_in_its_footnote() -> None:
    long = Citation("c", 1, "d", "a.pdf", 1, "word " * 100, 0.5)
    (shown,) = footnotes([long])
    assert len(shown) < 280
    assert shown.endswith(" word…”")


def test_footnotes_of_places_are_taken_out_of_an_earlier_answer_in_both_languages() -> None:
    hidden = Locator("slide", 4, flags=("hidden",))
    places = (Locator("sheet", 2, "住宿标准", rows=(4, 5)), Locator("section", 3), hidden)
    cited = [replace(QUOTED, marker=n, place=place) for n, place in enumerate(places, 1)]
    for question in ("How?", "怎么办？"):
        assert said("Turn it. [1][2][3]" + "".join(footnotes(cited, question))) == "Turn it. [1][2][3]"
    assert footnotes(cited, "怎么办？")[1] == "\n\n[2] manual.pdf，第 3 部分：“Turn the valve off.”"


@pytest.mark.parametrize("question", ["How?", "怎么办？"])
def test_an_earlier_answer_comes_back_without_footnotes_and_void_beginnings(question: str) -> None:
    shown = (
        "It is"
        + begins_anew(question, "timeout")
        + "Turn it.\n\nThen wait. [1]"
        + "".join(footnotes([QUOTED, SECOND]))
    )
    assert said(shown) == "Turn it.\n\nThen wait. [1]"


@pytest.mark.parametrize(
    "thoughts",
    [
        '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> Look.\n</details>\n',
        ":::thinking\nLook.\n:::\n",
        "<think>Look.</think>\n\n",
    ],
)
def test_an_earlier_answer_comes_back_without_thoughts(thoughts: str) -> None:
    assert said(thoughts + "Turn it. [1]" + "".join(footnotes([QUOTED]))) == "Turn it. [1]"


def test_a_new_answer_is_announced_with_its_reason_in_the_language_of_the_question() -> None:
    assert "(timeout), please ignore it" in begins_anew("How?", "timeout")
    assert "（timeout），请忽略" in begins_anew("怎么办？", "timeout")


def test_the_last_user_message_is_the_question_and_those_before_are_history() -> None:
    asked = chat(
        ("system", "Be brief."),
        ("assistant", "Hello!"),
        ("user", "Revenue in 2018?"),
        ("assistant", "4 million. [1]\n\n[1] a.pdf, p. 1: “4 million”"),
        ("user", [{"type": "image_url", "image_url": {}}, {"type": "text", "text": "Why?"}]),
        ("user", [{"type": "text", "text": " And in 2019? "}]),
        ("assistant", "In 2019"),
    )
    assert asked.question() == ("And in 2019?", 5)
    assert asked.history(5) == (("Revenue in 2018?", "4 million. [1]"), ("Why?", ""))


def test_only_the_latest_messages_are_history() -> None:
    asked = chat(*(("user", f"question {number}") for number in range(100)))
    assert [question for question, _ in asked.history(99)] == [f"question {n}" for n in range(75, 99)]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([("system", "Be brief.")], "messages"),
        ([("user", " ")], "messages[0].content"),
        ([("user", None)], "messages[0].content"),
        (
            [("user", "Hi"), ("user", [{"type": "image_url", "image_url": {"url": "x"}}])],
            "messages[1].content",
        ),
    ],
)
def test_a_chat_without_a_question_names_what_is_missing(
    messages: list[tuple[str, object]], param: str
) -> None:
    with pytest.raises(InvalidParam) as refused:
        chat(*messages).question()
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("kind", "name"),
    [("image_url", "an image"), ("input_audio", "sound"), ("video_url", "a video"), ("file", "a file"),
     ("gif_url", "a part of type 'gif_url'")],
)  # fmt: skip
def test_a_part_of_a_question_that_is_no_text_is_refused_by_its_name(kind: str, name: str) -> None:
    with pytest.raises(InvalidParam, match=f"The question holds {name}.") as refused:
        chat(("user", [{"type": "text", "text": "What is this?"}, {"type": kind}])).question()
    assert refused.value.param == "messages[0].content"


def test_system_and_developer_messages_are_the_wishes() -> None:
    asked = chat(("system", "Be brief."), ("user", "Hi"), ("developer", " Be kind. "), ("system", None))
    assert asked.wishes() == "Be brief.\n\nBe kind."


CONTEXT = "### Task:\nRespond to the user query using the context.\n<context>\nThe seal.\n</context>\n\n"


@pytest.mark.parametrize(
    "message",
    [
        CONTEXT + "<user_query>\nHow often?\n</user_query>\n",
        CONTEXT + "How often?",
        "  How often? ",
        "<user_query>How often?</user_query>",
    ],
)
def test_a_question_is_taken_out_of_the_passages_that_a_program_put_around_it(message: str) -> None:
    assert chat(("user", message)).question() == ("How often?", 0)


@pytest.mark.parametrize(
    "message", ["What does </context> close?", CONTEXT.strip(), "Is <user_query> a tag?"]
)
def test_a_message_without_a_question_apart_is_one(message: str) -> None:
    assert chat(("user", message)).question() == (message, 0)
