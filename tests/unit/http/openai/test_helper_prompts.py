"""Prompts that chat programs send for themselves, and questions that only look like them."""

import json

import pytest

from kotaemon_async.answers.plain import PlainReply
from kotaemon_async.http.openai.helper_prompts import HelperPrompt, helper_prompt, plain_answer, title_of

TALK = (
    "### Chat History:\n<chat_history>\nUSER: How often is the seal replaced?\nASSISTANT: Every 4200 hours.\n"
    "</chat_history>"
)
TITLE = "How often is the seal replaced"
BEFORE = ["How often is the seal replaced?"]

#: Of Open WebUI and programs like it: the last user message, and the harmless reply.
JSON_TASKS = [
    (
        "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n"
        '### Guidelines:\n- Be clear.\n### Output:\nJSON format: { "title": "your concise title here" }\n'
        f'### Examples:\n- {{ "title": "📉 Stock Market Trends" }},\n{TALK}',
        {"title": TITLE},
    ),
    (
        "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history.\n### Output:\n"
        f'JSON format: {{ "tags": ["tag1", "tag2", "tag3"] }}\n{TALK}',
        {"tags": ["General"]},
    ),
    (
        "### Task:\nSuggest 3-5 relevant follow-up questions or prompts.\n### Output:\n"
        f'JSON format: {{ "follow_ups": ["Question 1?", "Question 2?"] }}\n{TALK}',
        {"follow_ups": []},
    ),
    (
        "### Task:\nAnalyze the chat history to determine the necessity of generating search queries.\n"
        f'### Output:\nStrictly return in JSON format: \n{{\n  "queries": ["query1", "query2"]\n}}\n{TALK}',
        {"queries": []},
    ),
    (
        "### Task:\nYou are an autocompletion system. Continue the text in `<text>`.\n### Output:\n"
        'JSON format: { "text": "<your_completion>" }\n<type>search query</type>\n<text>How to</text>\n',
        {"text": ""},
    ),
    (
        "### Task:\nGenerate a detailed prompt for an image generation task.\n### Output:\n"
        f'Strictly return in JSON format:\n{{\n    "prompt": "Your detailed description here."\n}}\n{TALK}',
        {"prompt": "How often is the seal replaced?"},
    ),
    (
        '### Task:\n为对话生成标题。\n### Output:\nJSON 格式: { "title": "标题", "language": "zh" }\n'
        "<chat_history>\nUSER: 密封多久更换一次？\nASSISTANT: 每4200小时。\n</chat_history>",
        {"title": "密封多久更换一次", "language": ""},
    ),
    (
        f'Rate this conversation. Reply in JSON: {{"score": 1, "broken": [1, ], }}\n{TALK}',
        {"score": "", "broken": []},
    ),
]
TITLE_TASKS = [
    f"Create a concise, 3-5 word title for the chat. RESPOND ONLY WITH THE TITLE TEXT.\n{TALK}",
    "Detect user language and write in the same language an extremely concise title for this conversation, "
    "which you must accurately detect. Title in 5 Words or Less. No Punctuation or Quotation.\n||>User:\n"
    '"How often is the seal replaced?"\n||>Response:\n"Every 4200 hours."\n||>Title:',
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only "
    "return the title itself.\n\nConversation:\nUser: How often is the seal replaced?\nAI: Every 4200 hours.",
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise "
    "title in the detected language (5 words or less)\n\nUser: How often is the seal replaced?\nAI: Yearly.",
    "Based on the chat history, give this conversation a name.\nKeep it short - 10 characters max, no quotes."
    "\n\n```\nuser: How often is the seal replaced?\n\nassistant: Every 4200 hours.\n```\n",
    'Generate a title in less than 6 words for the following message:\n"""\nUser: How often is the seal '
    'replaced?\nAssistant: Every 4200 hours.\n"""',
]
#: What only a program says behind a conversation.
LAST_MESSAGES = [
    ("Please generate a four to five word title summarizing our conversation without any lead-in.", "title"),
    ("使用四到五个字直接返回这句话的简要主题，不要解释、不要标点", "title"),
    (
        "Summarize the discussion briefly in 200 words or less to use as a prompt for future context.",
        "summary",
    ),
    ("简要总结一下对话内容，用作后续的上下文提示，控制在 200 字以内", "summary"),
]
SYSTEMS = [
    "You are an assistant skilled in conversation. You need to summarize the user's conversation into a "
    "title within 10 words. Do not use punctuation marks",
    "你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题",
]
QUESTIONS = [
    "How often is the seal replaced?",
    "What is the title of the report?",
    "Summarize the document about Harvard.",
    "What did the conversation between Tesla and Edison mention?",
    "Give me a short title for the chapter on pumps.",
    "Which title did the chat history of Queen Anne have?",
    'What is the price? Answer in JSON format: {"price": "..."}',
    "Summarize the discussion in section 3 briefly.",
    "Summarize the conversation in the transcript of 4 May in 100 words.",
    "What does the emoji in chapter 3 stand for?",
    "总结一下这份文件",
    "会话的标题是什么？",
    "用户手册的标题是什么？",
    '### Task:\nRespond to the user query using the context, in JSON format: {"answer": ""}\n<context>\n'
    "User: x\nAssistant: y\n</context>\n\n<user_query>\nHow often?\n</user_query>\n",
]


def made(text: str) -> HelperPrompt:
    found = helper_prompt("", [], text)
    assert found is not None
    return found


@pytest.mark.parametrize(("text", "reply"), JSON_TASKS)
def test_a_task_that_asks_for_json_gets_json_of_its_form(text: str, reply: dict[str, object]) -> None:
    assert json.loads(made(text).harmless()) == reply


@pytest.mark.parametrize("text", TITLE_TASKS)
def test_a_title_is_made_of_the_first_question(text: str) -> None:
    assert (made(text).kind, made(text).harmless()) == ("title", TITLE)


@pytest.mark.parametrize(("text", "kind"), LAST_MESSAGES)
def test_a_task_behind_a_conversation_rests_on_its_first_question(text: str, kind: str) -> None:
    found = helper_prompt("", BEFORE, text)
    assert found is not None
    assert (found.kind, found.harmless()[: len(TITLE)]) == (kind, TITLE)
    assert helper_prompt("", [], text) is None


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_task_may_stand_in_the_system_message(system: str) -> None:
    found = helper_prompt(system, [], "user: How often is the seal replaced?\n\nassistant: Every 4200 hours.")
    assert found is not None
    assert found.harmless() == TITLE


def test_tools_to_choose_from_get_none_chosen() -> None:
    system = 'Available Tools: [{"name": "x"}]\n\n- Return only the JSON object: {"tool_calls": []}'
    found = helper_prompt(system, [], "Query: History:\nUSER: x\nQuery: x")
    assert found is not None
    assert json.loads(found.harmless()) == {"tool_calls": []}


def test_an_emoji_is_one() -> None:
    text = "Your task is to reflect the speaker's facial expression through a fitting emoji.\n\nMessage: hi"
    assert (made(text).kind, made(text).harmless()) == ("emoji", "💬")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_documents_is_one(question: str) -> None:
    assert helper_prompt("You are a helpful assistant. Answer briefly.", BEFORE, question) is None


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("", "New chat"),
        ("？！", "New chat"),
        ('"Why?"', "Why"),
        ("one two three four five six seven eight nine", "one two three four five six seven eight…"),
        ("密封" * 20, "密封" * 10 + "…"),
        ("x" * 100, "x" * 60 + "…"),
    ],
)
def test_a_title_is_short_and_never_empty(line: str, title: str) -> None:
    assert title_of(line) == title


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (None, '{"title": "How often is the seal replaced"}'),
        ('```json\n{"title": "Seals"}\n```', '```json\n{"title": "Seals"}\n```'),
        ("Seals", '{"title": "How often is the seal replaced"}'),
        ('{"name": "Seals"}', '{"title": "How often is the seal replaced"}'),
        ('{"title": ', '{"title": "How often is the seal replaced"}'),
    ],
)
def test_a_models_reply_is_taken_when_it_has_the_form(reply: str | None, text: str) -> None:
    helper = HelperPrompt("json", {"title": ""}, "How often is the seal replaced?")
    said = None if reply is None else PlainReply(reply, "primary")
    assert plain_answer("x", helper, said).answer == text


@pytest.mark.parametrize("filler", ["word " * 30_000, "\n" * 100_000, "USER: x\n" * 20_000, "{ " * 50_000])
def test_a_task_is_known_around_a_very_long_transcript(filler: str) -> None:
    task = '### Task:\nGenerate a title.\n### Output:\nJSON format: { "title": "x" }\n' + TALK
    assert made(task[:-15] + filler + "</chat_history>").harmless() == f'{{"title": "{TITLE}"}}'
    assert helper_prompt("", BEFORE, "How often? " + filler) is None


@pytest.mark.parametrize(
    "system",
    [
        "Give each answer a concise title, and keep the conversation friendly.",
        'Answer in JSON format: {"answer": "…"}. Your task is: help the user.',
        *SYSTEMS,
    ],
)
def test_a_wish_about_answers_makes_no_task_of_a_question(system: str) -> None:
    assert helper_prompt(system, BEFORE, "How often is the seal replaced?") is None


def test_a_transcript_may_come_as_messages_in_json() -> None:
    talk = '[{"role": "user", "content": "How often?"}, {"role": "assistant", "content": "Yearly."}]'
    found = helper_prompt(SYSTEMS[0], [], talk)
    assert found is not None
    assert found.kind == "title"
