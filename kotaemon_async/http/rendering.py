"""Answers as HTML that is safe to show: Markdown from models and documents, with citations as buttons.

Everything that is not on the list below is taken out by nh3, whatever it pretends to be. Links and pictures
stay the text that they are written as: a document may have made the model write them, and following one would
tell another host what was read.
"""

import html
import re
from collections.abc import Collection
from functools import cache
from typing import Final

import anyio.to_thread
import msgspec
import nh3
from markdown_it import MarkdownIt

from kotaemon_async.answers import quotes
from kotaemon_async.http.bodies import AnswerBody

_TAGS: Final = frozenset(
    {"p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "button"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
)
#: "*" stands for what nh3 would allow everywhere.
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": set(),
    "ol": {"start"},
    "button": {"type", "class", "data-marker"},
}
#: The rest of a longer text is shown as it is: rendering takes time, and no answer is as long.
_MOST_CHARS: Final = 20_000
_TAG: Final = re.compile("<[^>]*>")
_PLACE: Final = re.compile("\ue000(\\d{1,3}a?)\ue001")
#: Markers that stand again behind the next sentences of the same block, with no others between.
_AGAIN: Final = re.compile(
    "((?:\ue000\\d{1,3}\ue001)+)(?=(?:(?!</?(?:p|li|h\\d|td|th|blockquote|pre|br|hr)\\b)[^\ue000])+\\1(?!\ue000))"
)


async def rendered(body: AnswerBody) -> AnswerBody:
    """Return the answer with its text as safe HTML beside it."""
    markers = {citation.marker for citation in body.citations}
    return msgspec.structs.replace(body, html=await answer_html_aside(body.answer, markers))


async def answer_html_aside(text: str, markers: Collection[int]) -> str:
    """Return answer_html's text, made off the loop: a list of a thousand points takes a tenth of a second."""
    return await anyio.to_thread.run_sync(answer_html, text, markers)


@cache
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    return parser.enable(["table", "strikethrough"]).disable(["link", "image", "autolink", "reference"])


def answer_html(text: str, markers: Collection[int]) -> str:
    """Return the text as safe HTML; each known marker is a button of the class `chip` with `data-marker`.

    Of a run of sentences with the same markers the last ones stand for all; those before are `chip again`.
    """
    plain = text[:_MOST_CHARS].replace("\ue000", "").replace("\ue001", "")
    # Markers become characters that Markdown does not touch, so that [1] is never taken for a link.
    placed = quotes.MARKER.sub(lambda match: _placed(match[0], markers), plain)
    rest = f"<p>{html.escape(text[_MOST_CHARS:])}</p>" if len(text) > _MOST_CHARS else ""
    # Not within tags: in a title a button would end it.
    marked = _TAG.sub(lambda match: _PLACE.sub("", match[0]), _markdown().render(placed))
    chips = _PLACE.sub(_chip, _AGAIN.sub(_noted_again, marked)) + rest
    return nh3.clean(chips, tags=set(_TAGS), attributes=_ATTRIBUTES)


def _placed(marker: str, known: Collection[int]) -> str:
    numbers = [number for number in quotes.markers(marker) if number in known]
    blank = " " if marker[:1] in " \t" and numbers else ""
    return blank + "".join(f"\ue000{number}\ue001" for number in numbers) if numbers else marker


def _chip(match: re.Match[str]) -> str:
    number, again = match[1].rstrip("a"), " again" if match[1].endswith("a") else ""
    return f'<button type="button" class="chip{again}" data-marker="{number}">{number}</button>'


def _noted_again(match: re.Match[str]) -> str:
    return match[1].replace("\ue001", "a\ue001")
