"""The sources of an answer as lines of text, for footnotes and for conversations that are taken away."""

from collections.abc import Iterable
from typing import Final

from kotaemon_async.domain import places
from kotaemon_async.domain.model import Citation, Locator
from kotaemon_async.domain.text import one_line

#: The end of an id is by chance, its beginning by time.
_ID_CHARS: Final = 6


def source_line(
    one: Citation, among: Iterable[Citation], quote_chars: int | None = None, *, chinese: bool = False
) -> str:
    """Return marker, document, place and quote; two documents of one name are told apart by their ids.

    >>> one = Citation("c", 1, "d", "manual.pdf", 2, "Turn it off.", 0.9)
    >>> source_line(one, [one])
    '[1] manual.pdf, p. 2: “Turn it off.”'
    """
    name = one_line(one.document_name)
    if any(
        other.document_name == one.document_name for other in among if other.document_id != one.document_id
    ):
        name += f"（{_tail(one)}）" if chinese else f" ({_tail(one)})"
    if one.gone:
        name += "（文档已删除）" if chinese else " (no longer there)"
    quote = one_line(" ".join(part.quote for part in one.parts) or one.quote)
    if quote_chars is not None and len(quote) > quote_chars:
        quote = f"{quote[:quote_chars].rstrip()}…"
    comma, colon = ("，", "：") if chinese else (", ", ": ")
    return f"[{one.marker}] {name}{comma}{_where(one, chinese=chinese)}{colon}“{quote}”"


def _where(one: Citation, *, chinese: bool) -> str:
    pages = [part.page for part in one.parts]
    return places.said(one.place or Locator(number=one.page), chinese=chinese, pages=pages)


def _tail(one: Citation) -> str:
    return one.document_id[-_ID_CHARS:]
