"""Greetings, thanks and questions about the service itself are known, and nothing else is taken for one."""

import pytest

from kotaemon_async.answers.small_talk import DialogueAct, act_of, documents_listed, reply, without_manners
from kotaemon_async.domain.model import Scope
from kotaemon_async.stores.documents import Shelf
from tests.support.answering import Pages


@pytest.mark.parametrize(
    ("act", "messages"),
    [
        (
            "greeting",
            [
                "hello",
                "Hi there!!",
                "hey",
                "Good morning everyone",
                "hello, how are you?",
                "你好",
                "您好！",
                "大家好",
                "在吗？",
            ],
        ),
        (
            "thanks",
            [
                "thanks",
                "Thanks, that is all",
                "thank you very much for your help!",
                "ok, thanks 🙏",
                "谢谢",
                "非常感谢！",
                "好的，谢谢你",
            ],
        ),
        ("farewell", ["bye", "Good night", "see you later", "再见", "拜拜"]),
        ("acknowledgement", ["ok", "I see.", "great!", "that's all", "好的", "明白了", "知道了"]),
        (
            "capabilities",
            [
                "what can you do?",
                "Hello, who are you?",
                "how can you help me",
                "help",
                "你能做什么？",
                "能做什么？",
                "可以帮我做些什么",
                "你是谁",
                "你好，你有什么功能",
            ],
        ),
        (
            "documents",
            [
                "which documents are there?",
                "What files do you have",
                "list all documents",
                "有哪些文档？",
                "你有哪些文件",
                "列出所有文档",
            ],
        ),
        (
            "more",
            ["go on", "Continue please", "tell me more", "what else?", "继续", "还有吗？", "好的，继续说"],
        ),
    ],
)
def test_a_message_of_nothing_but_such_phrases_is_known(act: DialogueAct, messages: list[str]) -> None:
    assert {message: act_of(message) for message in messages} == dict.fromkeys(messages, act)


@pytest.mark.parametrize(
    "question",
    [
        "hello, when was the bridge built?",
        "Thanks, and when did he die?",
        "help me understand the treaty",
        "Which documents are required for a visa?",
        "tell me more about the bridge",
        "Who sent the thank you letters?",
        "What is IT?",
        "Why?",
        "你好，桥是什么时候建的？",
        "申请签证需要哪些文件？",
        "谢谢的意思",
        "税",
        "🚀",
        "()",
    ],
)
def test_a_question_is_none_whatever_is_said_around_it(question: str) -> None:
    assert act_of(question) is None


@pytest.mark.parametrize(
    ("message", "question"),
    [
        ("Hello, when was the bridge built?", "when was the bridge built?"),
        ("Good morning! Where is Sund? Thank you.", "Where is Sund?"),
        ("你好，桥是什么时候建的？谢谢！", "桥是什么时候建的？"),
        ("Version 3.5, or 3.6?", "Version 3.5, or 3.6?"),
        ("thanks", "thanks"),
    ],
)
def test_manners_are_taken_off_a_question(message: str, question: str) -> None:
    assert without_manners(message) == question


@pytest.mark.parametrize(
    ("message", "begins"),
    [("hello", "Hello!"), ("你好", "您好！"), ("谢谢", "不客气"), ("thanks", "You are welcome")],
)
async def test_a_reply_is_in_the_language_of_the_message(message: str, begins: str) -> None:
    act = act_of(message)
    assert act is not None
    assert (await reply(act, message, Scope(), Pages())).startswith(begins)


async def test_documents_are_listed_by_name_and_counted() -> None:
    listed = await reply("documents", "which documents are there?", Scope(), Pages())
    assert listed == "There are 2 documents:\n\n- a.pdf\n- b.pdf"


def test_what_is_not_listed_and_not_ready_is_counted() -> None:
    shelf = Shelf(("a.pdf",), 41, 2)
    assert documents_listed(shelf, "which?").endswith("- … and 40 more\n\n2 more not read to the end yet.")
    assert documents_listed(shelf, "有哪些？").startswith("共有 41 个文档：")
    assert documents_listed(Shelf((), 0, 0), "which?") == "There are no documents to ask about yet."
