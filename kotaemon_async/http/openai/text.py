"""What an answer looks like where there is only text: footnotes, and the sign of a new answer."""

import re
from collections.abc import Sequence
from typing import Final

from kotaemon_async.answers import phrases
from kotaemon_async.answers.llm.thoughts import without_thoughts
from kotaemon_async.domain.model import Citation
from kotaemon_async.http.sources import source_line

_QUOTE_CHARS: Final = 240
_GAP: Final = "\n\n"
_USER_QUERY: Final = re.compile(r"<user_query>\s*(\S.*?)\s*</user_query>", re.DOTALL)
_FOOTNOTE: Final = re.compile(r"\[\d{1,3}\] [^\n]+?(?:, [^\n]+?: |，[^\n]+?：)“[^\n]*”")
_RULE: Final = f"{_GAP}---{_GAP}"
_BROKE_OFF: Final = f"{_RULE}*The answer above broke off"
_BROKE_OFF_ZH: Final = f"{_RULE}*以上回答已中断"
#: More footnotes than any answer has; a longer tail of such lines is text like any other.
_MAX_FOOTNOTES: Final = 30


def footnotes(citations: Sequence[Citation], question: str = "") -> list[str]:
    """Return one paragraph for each citation, by marker, to stand behind the answer to the question.

    >>> footnotes([Citation("c", 1, "d", "manual.pdf", 2, "Turn it off.", 0.9)])
    ['\n\n[1] manual.pdf, p. 2: “Turn it off.”']
    """
    ordered = sorted(citations, key=lambda one: one.marker)
    chinese = phrases.is_chinese(question)
    return [f"{_GAP}{source_line(one, citations, _QUOTE_CHARS, chinese=chinese)}" for one in ordered]


def begins_anew(question: str, reason: str) -> str:
    """Return a note for readers, whose program cannot take words back, that the text so far is void."""
    if phrases.is_chinese(question):
        return f"{_BROKE_OFF_ZH}（{reason}），请忽略。以下是新的完整回答：*{_GAP}"
    return f"{_BROKE_OFF} ({reason}), please ignore it. A whole new answer begins here:*{_GAP}"


def asked_within(message: str) -> str:
    """Return the question of a message, without passages that the program has put around it.

    Source: Open WebUI, the template of its own retrieval: `<context>`, and the question in `<user_query>` or
    behind it.
    """
    if (marked := _USER_QUERY.search(message)) is not None:
        return marked[1].strip()
    _, context, after = message.rpartition("</context>")
    return (after.strip() if context and "<context>" in message else "") or message.strip()


def said(text: str) -> str:
    """Return an earlier answer from a chat program without footnotes, void beginnings and thoughts."""
    text = without_thoughts(text)
    for sign in (_BROKE_OFF, _BROKE_OFF_ZH):
        _, found, after = text.rpartition(sign)
        text = after.partition(_GAP)[2] if found else text
    for _ in range(_MAX_FOOTNOTES):
        before, _, last = text.rstrip().rpartition(_GAP)
        if _FOOTNOTE.fullmatch(last) is None:
            break
        text = before
    return text.strip()
