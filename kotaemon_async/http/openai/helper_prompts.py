"""Prompts that chat programs send for themselves: for a title, tags, follow-ups, search queries, a summary.

They ask nothing of the documents. They are known by their shape, not by one program's wording: a task over a
transcript, and a form that the reply has to have.

Source: Open WebUI (backend/open_webui/config.py), LibreChat, LobeChat, NextChat, Cherry Studio, Chatbox.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from kotaemon_async.answers.plain import PlainReply
from kotaemon_async.domain.model import Answer, Reason
from kotaemon_async.domain.text import one_line
from kotaemon_async.telemetry import traces

_TASK: Final = re.compile(
    r"^[ \t]{0,8}#{0,6}[ \t]{0,8}(?:task|your task|instructions?)\s*(?:is\b|:)"
    r"|^#{1,6}[ \t]{0,8}output\b|available tools:",
    re.I | re.M,
)
_TRANSCRIPT: Final = re.compile(
    r"<chat_history>|#{1,6}[ \t]{0,8}chat history|\|\|>\s*user\s*:|<conversation>|<text>|available tools:"
    r"|^[^\w\n]{0,8}(?:user|human|用户|用戶)[^\w\n]{0,8}[:：].*\n(?:.*\n){0,80}?"
    r"[^\w\n]{0,8}(?:assistant|ai|response|bot|助手)[^\w\n]{0,8}[:：]",
    re.I | re.M,
)
_IS_TRANSCRIPT: Final = re.compile(
    rf"{_TRANSCRIPT.pattern}|\bquery\W{{0,4}}history\b|\"role\"\s*:\s*\"user\"|^(?:user|用户|用戶)\s?[:：]",
    re.I | re.M,
)
_ASKS_JSON: Final = re.compile(r"\bjson\b", re.I)
_FORM: Final = re.compile(r'\{\s*"\w+"\s*:')
_TALK: Final = (
    r"(?:conversation|chat(?: history)?|discussion|dialog(?:ue)?|messages?|这句话|這句話"
    r"|会话|會話|对话|對話|聊天|话题|話題)"
)
_TITLE: Final = re.compile(
    r"\b(?:generate|write|provide|give|create|make|suggest|summari[sz]e|come up with|name)\b[^.\n]{0,120}"
    r"\b(?:titles?|a name)\b|\btitle for (?:this|the|our)\b|^[^\w\n]{0,8}title[^\w\n]{0,8}\Z"
    r"|\b(?:concise|short)\b[^.\n]{0,40}\btitle\b"
    r"|(?:总结|總結|概括|生成|起|取|拟|擬|写|寫|给出|給出|返回)[^。\n]{0,60}(?:标题|標題|题目|題目|名称|名稱|主题)",
    re.I | re.M,
)
_SUMMARY: Final = re.compile(
    rf"\bsummari[sz]e (?:the|this|our|above|following)[^.\n]{{0,30}}{_TALK}"
    rf"|\bsummary of (?:the|this|our)[^.\n]{{0,20}}{_TALK}|(?:总结|總結|概括)[^。\n]{{0,12}}{_TALK}",
    re.I,
)
_FOR_LATER: Final = re.compile(r"\bas a prompt\b|\bfuture context\b|上下文", re.I)
_SHORT: Final = re.compile(
    r"\b\d+(?:\s*-\s*\d+)?[- ]?(?:words?|characters?|letters?)|\bwords? or (?:less|fewer)"
    r"|\b(?:three|four|five|six|ten)\b[^.\n]{0,20}\bwords?\b|\bconcise\b|\bshort\b|\bbrief"
    r"|\d+\s*(?:个|個)?字|简短|簡短|简洁|簡潔|简要|簡要",
    re.I,
)
_EMOJI: Final = re.compile(r"\bemojis?\b|表情", re.I)
_EMOJI_TASK: Final = re.compile(
    r"facial expression|\b(?:single|fitting|one|suitable|matching|appropriate)\b[^.\n]{0,20}\bemoji", re.I
)
_MESSAGE: Final = re.compile(r"\bmessage\b\W*:", re.I)
#: A question over passages that the program has found itself is a question.
_GIVEN_CONTEXT: Final = re.compile(r"<user_query>|</context>", re.I)
_FIRST_USER_LINE: Final = re.compile(
    r"(?:^|\|\|>)[ \t>#*\-\"']{0,8}(?:user|human|用户|用戶)\W{0,4}[:：]\s*[\"“]?\s*(?P<line>\S[^\n]*)",
    re.I | re.M,
)
_TITLE_WORDS, _TITLE_CHARS = 8, 60
_CJK_TITLE_CHARS: Final = 20
_END_CHARS: Final = 6_000
_NO_TITLE: Final = "New chat"
_LONGEST_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class HelperPrompt:
    """What a program wants for itself: JSON of the given form, a title, an emoji or a summary."""

    kind: Literal["json", "title", "emoji", "summary"]
    form: dict[str, object]
    first_line: str

    def fits(self, reply: str) -> bool:
        """Return whether a model's reply can be used as it is."""
        text = reply.strip()
        if self.kind != "json":
            return 0 < len(text) <= _LONGEST_TITLE or (self.kind == "summary" and bool(text))
        start, end = text.find("{"), text.rfind("}")
        try:
            found = json.loads(text[start : end + 1]) if start >= 0 else None
        except ValueError:
            return False
        return isinstance(found, dict) and not self.form.keys().isdisjoint(found)

    def harmless(self) -> str:
        """Return a reply that can be used and says nothing wrong."""
        match self.kind:
            case "json":
                values = {key: self._value(key, shape) for key, shape in self.form.items()}
                return json.dumps(values, ensure_ascii=False)
            case "title":
                return title_of(self.first_line)
            case "emoji":
                return "💬"
            case "summary":
                return self.first_line

    def _value(self, key: str, shape: object) -> object:
        if key == "title":
            return title_of(self.first_line)
        if key == "tags":
            return ["General"]
        if key == "prompt":
            return self.first_line
        return [] if isinstance(shape, list) else {} if isinstance(shape, dict) else ""


def helper_prompt(system: str, turns: Iterable[str], text: str) -> HelperPrompt | None:
    """Return what the program wants, None for a question.

    `system` are its system messages, `turns` what the user wrote before, `text` the last user message.
    """
    before, text, system = [turn for turn in turns if turn.strip()], _ends(text), _ends(system)
    first = next(iter(before), "")
    if (kind := _kind(text, has_turns=bool(before))) is not None:
        return HelperPrompt(kind, _form(text), _first_line(text) or one_line(first))
    # A task in the system message has the transcript as the user's words; else it is a wish about answers.
    if _IS_TRANSCRIPT.search(text) and (kind := _kind(system, has_turns=True)) is not None:
        return HelperPrompt(kind, _form(system), _first_line(text) or one_line(first or text))
    return None


def plain_answer(question: str, helper: HelperPrompt, reply: PlainReply | None) -> Answer:
    """Return a model's reply if it can be used, else the harmless one; nothing of it is kept."""
    usable = reply if reply is not None and helper.fits(reply.text) else None
    reasons = (Reason("answers", "answer_cut"),) if usable is not None and usable.is_cut else ()
    return Answer(
        id="",
        question=question,
        answer=usable.text.strip() if usable is not None else helper.harmless(),
        served_by=usable.served_by if usable is not None else "static_knowledge",
        degraded=bool(reasons),
        reasons=reasons,
        citations=(),
        trace_id=traces.current().trace_id,
        usage=usable.usage if usable is not None else None,
    )


def _ends(text: str) -> str:
    """Return the text without the middle of a very long transcript: a task stands at its beginning or end."""
    return text if len(text) <= 2 * _END_CHARS else f"{text[:_END_CHARS]}\n{text[-_END_CHARS:]}"


def title_of(line: str) -> str:
    """Return the line as a title: its first words, without signs around them."""
    words = line.split()
    is_long = len(words) > _TITLE_WORDS
    title = " ".join(words[:_TITLE_WORDS])
    limit = _TITLE_CHARS if title.isascii() or " " in title else _CJK_TITLE_CHARS
    is_long, title = is_long or len(title) > limit, title[:limit]
    title = title.strip(" \t.,;:!?。，；：！？、\"'“”「」『』()（）*#")
    return f"{title}…" if title and is_long else title or _NO_TITLE


def _kind(text: str, *, has_turns: bool) -> Literal["json", "title", "emoji", "summary"] | None:
    if _GIVEN_CONTEXT.search(text):
        return None
    is_task, has_transcript = _TASK.search(text) is not None, _TRANSCRIPT.search(text) is not None
    is_short = _SHORT.search(text) is not None
    is_over_talk = has_transcript or (has_turns and re.search(_TALK, text, re.I) is not None)
    if _ASKS_JSON.search(text) and _FORM.search(text) and (is_task or has_transcript):
        return "json"
    if _EMOJI.search(text) and _EMOJI_TASK.search(text) and (is_task or _MESSAGE.search(text)):
        return "emoji"
    if _TITLE.search(text) and (is_short or is_task) and is_over_talk:
        return "title"
    is_for_later = has_turns and _FOR_LATER.search(text) is not None
    if _SUMMARY.search(text) and (is_task or is_for_later or (has_transcript and is_short)):
        return "summary"
    return None


def _form(text: str) -> dict[str, object]:
    """Return the first object of JSON in the text, {} without one; of a broken one only the names."""
    if '"tool_calls"' in text:  # behind the tools, which are objects too
        return {"tool_calls": []}
    found = _FORM.search(text)
    if found is None:
        return {}
    try:
        form, _ = json.JSONDecoder().raw_decode(text, found.start())
    except ValueError:
        names = re.findall(r'"(\w+)"\s*:\s*(\[)?', text[found.start() :].partition("}")[0])
        form = {name: [] if opens else "" for name, opens in names}
    return form if isinstance(form, dict) else {}


def _first_line(text: str) -> str:
    """Return the first words of the user in a transcript, "" without one."""
    *_, talk = re.split(r"<chat_history>|#{1,6}[ \t]{0,8}chat history:?|<conversation>", text, flags=re.I)
    found = _FIRST_USER_LINE.search(talk)
    return one_line(found["line"]).strip('"”') if found else ""
