"""How servers say that a prompt is too long for their model's context: each in its own words."""

import re
from typing import Final

from kotaemon_async.answers.llm.base import PromptTooLong

_SIGNS: Final = re.compile(
    r"context[ _-]?(?:length|window|size|limit)"
    r"|exceed_context|prompt_too_long|input_too_long|string_above_max_length|context the overflows"
    r"|maximum (?:model |context |input |prompt |allowed )+length"
    r"|(?:prompt|inputs?|messages?|requests?|text|sequence|tokens?)\b[^.\n]{0,80}?"
    r"\b(?:is |are |was )?(?:too (?:long|large)|longer than|exceed(?:s|ed)?\b|must be <=|over the limit)"
    r"|too many (?:input |prompt )?tokens|reduce the length|range of input length"
    r"|(?:超过|超出|超长)[^，。]{0,20}(?:长度|上下文|限制)|(?:长度|上下文|prompt|输入)[^，。]{0,20}(?:超过|超出|超长|过长)",
    re.IGNORECASE,
)
#: Of the reply, or of the words that a server was told to stop at, not of the prompt.
_OTHERS: Final = re.compile(r"max_(?:completion_)?tokens\W{0,3}(?:is |are )?too large", re.IGNORECASE)
_NUMBER: Final = r"(\d{1,3}(?:,\d{3})+|\d{2,})"
_CONTEXT: Final = re.compile(
    rf"\[\d+,\s*{_NUMBER}\]|{_NUMBER}(?:\s*tokens?)?\s+max(?:imum)?\b"
    r"|(?:maximum|context|limit|window|allowed|longer than|exceed\w*|at most|up to|[<>]=?)"
    rf"[^\d.;]{{0,60}}?{_NUMBER}",
    re.IGNORECASE,
)
_FIELDS: Final = (re.compile(r'"n_ctx"\s*:\s*(\d+)'), re.compile(r'"n_prompt_tokens"\s*:\s*(\d+)'))
#: No context is shorter.
_LEAST: Final = 64


def prompt_too_long(body: str) -> PromptTooLong | None:
    """Return what a refusal means that speaks of the prompt's length, None for any other."""
    if _SIGNS.search(body) is None or (_OTHERS.search(body) and "prompt" not in body):
        return None
    return refusal_of_length(body)


def refusal_of_length(body: str) -> PromptTooLong:
    """Return a refusal of a prompt that is too long, with the numbers that it names."""
    message = "the prompt does not fit into the model's context"
    context, counted = (int(found[1]) if (found := field.search(body)) else 0 for field in _FIELDS)
    if not context and (named := _CONTEXT.search(body)):
        context = next(_count(one) for one in named.groups() if one)
    if context < _LEAST:
        return PromptTooLong(message)
    numbers = re.findall(rf"(?<![\w.-]){_NUMBER}(?![\w-])", body)
    counted = counted or max((_count(one) for one in numbers), default=0)
    return PromptTooLong(
        message, context_tokens=context, prompt_tokens=counted if counted > context else None
    )


def _count(number: str) -> int:
    return int(number.replace(",", ""))
