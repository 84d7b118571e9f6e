"""A page of a text as HTML for readers: headings, paragraphs, lists, tables and code out of its blocks; pure.

All that stands in the document is escaped: no markup of its own gets through.
"""

import html
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from kotaemon_async.domain.finding import Span
from kotaemon_async.domain.model import Block, Page
from kotaemon_async.domain.text import joined

#: Markdown's deepest heading; the names of parts of the page around it are above them.
_DEEPEST: Final = 6
_LINE: Final = re.compile(r"[^\n]+")
_PARAGRAPH: Final = re.compile(r"\S(?:.|\n(?!\s*\n))*")
_POINT: Final = re.compile(r"\s*(?:([-*+•‣◦▪·–])|(\d{1,3})[.)、])\s+")
_FENCE: Final = re.compile(r"\A\s*(`{3,}|~{3,})[^\n]*\n|\n?\s*(`{3,}|~{3,})\s*\Z")
_NOTES: Final = frozenset({"note", "comment", "caption", "attachment", "page_header", "page_footer"})


#: Signs of Markdown within a line: what they stand around is kept, they are not.
_SIGNS: Final = (
    ("code", re.compile(r"(`+)(?P<kept>[^`\n]+)\1")),
    ("strong", re.compile(r"(\*\*|__)(?=\S)(?P<kept>[^\n]+?)(?<=\S)\1")),
    ("em", re.compile(r"(?<![\w*])(\*|(?<!_)_)(?=[^\s*_])(?P<kept>[^*_\n]+?)(?<=\S)\1(?![\w*])")),
    ("", re.compile(r"!?\[(?P<kept>[^\]\n]+)\]\([^()\s]*\)")),
)


def page_html(
    page: Page,
    hits: Sequence[Span] = (),
    quotes: Sequence[Span] = (),
    *,
    begun: Sequence[Span] = (),
    is_markdown: bool = False,
) -> str:
    """Return the page, with what was found in `<mark class="hit">` and a quote in `<mark class="quote">`.

    Further parts of a hit, and what of it has `begun` on the page before, have the class `more` too. Lines
    of Markdown go on as one, and its signs for strong words, code and links are not shown.
    """
    marks = [(*one, "quote") for one in quotes] + [(*one, "hit") for one in hits]
    marks += [(*one, "hit more") for one in begun]
    writer = _Writer(page.text, marks, is_markdown=is_markdown)
    blocks = page.blocks or [Block("paragraph", *one.span()) for one in _PARAGRAPH.finditer(page.text)]
    return "".join(part for block in blocks for part in writer.block(block))


class _Writer:
    """Writes parts of one text."""

    def __init__(self, text: str, marks: Sequence[tuple[int, int, str]], *, is_markdown: bool) -> None:
        self._text = text
        self._marks = marks
        self._is_markdown = is_markdown

    def block(self, block: Block) -> Iterator[str]:
        """Yield the HTML of a block."""
        start, end, kind = block.start, block.end, block.kind
        if kind == "heading":
            level = min(max(block.level, 1), _DEEPEST)
            yield f'<h{level} dir="auto">{self._lines(start, end)}</h{level}>'
        elif kind == "table":
            yield from self._table(block)
        elif kind == "code":
            whole = self._text[start:end]
            begin, stop = _FENCE.match(whole), list(_FENCE.finditer(whole))[-1:]
            first = begin.end() if begin else 0
            last = stop[0].start() if begin and stop and stop[0].start() >= first else len(whole)
            yield f"<pre><code>{self._marked(start + first, start + last)}</code></pre>"
        elif kind == "list":
            yield from self._list(start, end)
        else:
            name = f' class="{kind.replace("_", "-")}"' if kind in _NOTES else ""
            for one in _PARAGRAPH.finditer(self._text, start, end):
                yield f'<p{name} dir="auto">{self._lines(*one.span())}</p>'

    def _list(self, start: int, end: int) -> Iterator[str]:
        """Yield the points of a list; lines without a sign go on with the point before."""
        points: list[tuple[int, int, str]] = []
        for line in _LINE.finditer(self._text, start, end):
            sign = _POINT.match(line[0])
            if sign or not points:
                number, begin = (sign[2] or "", sign.end()) if sign else ("", 0)
                points.append((line.start() + begin, line.end(), number))
            else:
                points[-1] = (points[-1][0], line.end(), points[-1][2])
        is_ordered = bool(points and points[0][2])
        name, first = ("ol", f' start="{int(points[0][2])}"') if is_ordered else ("ul", "")
        items = (f'<li dir="auto">{self._lines(begin, stop)}</li>' for begin, stop, _ in points)
        yield f'<{name}{first} dir="auto">{"".join(items)}</{name}>'

    def _table(self, block: Block) -> Iterator[str]:
        """Yield a table; one that goes on from an earlier page begins with the names of its columns."""
        heads, body = list[str](), list[str]()
        if block.header and not block.head_lines:
            names = (f'<th dir="auto">{html.escape(one.strip())}</th>' for one in block.header.split("|"))
            heads.append(f"<tr>{''.join(names)}</tr>")
        for number, line in enumerate(_LINE.finditer(self._text, block.start, block.end)):
            is_head = number < block.head_lines
            (heads if is_head else body).append(
                self._row(line.start(), line.end(), "th" if is_head else "td")
            )
        head = f"<thead>{''.join(heads)}</thead>" if heads else ""
        yield f"<table>{head}<tbody>{''.join(body)}</tbody></table>"

    def _row(self, start: int, end: int, name: str) -> str:
        cells: list[str] = []
        while start <= end:
            stop = self._text.find("|", start, end)
            stop = end if stop < 0 else stop
            cells.append(f'<{name} dir="auto">{self._marked(start, stop, is_cell=True)}</{name}>')
            start = stop + 1
        return f"<tr>{''.join(cells)}</tr>"

    def _lines(self, start: int, end: int) -> str:
        if not self._is_markdown:
            return self._marked(start, end).replace("\n", "<br>")
        lines = [line.span() for line in _LINE.finditer(self._text, start, end)]
        parts = [self._inline(*line) for line in lines]
        for at, ((_, last), (first, _)) in enumerate(pairwise(lines), 1):
            # Between Chinese characters nothing takes the place of a line break.
            parts[at] = joined(self._text[last - 1], self._text[first])[1:-1] + parts[at]
        return "".join(parts)

    def _inline(self, start: int, end: int) -> str:
        """Return a line of Markdown: what its signs stand around in elements, marks within them."""
        parts, at = list[str](), start
        while at < end:
            found = [(one, tag) for tag, sign in _SIGNS if (one := sign.search(self._text, at, end))]
            if not found:
                break
            sign, tag = min(found, key=lambda one: one[0].start())
            inner = self._marked if tag == "code" else self._inline
            kept = inner(sign.start("kept"), sign.end("kept"))
            parts += [self._marked(at, sign.start()), f"<{tag}>{kept}</{tag}>" if tag else kept]
            at = sign.end()
        return "".join([*parts, self._marked(at, end)])

    def _marked(self, start: int, end: int, *, is_cell: bool = False) -> str:
        """Return a part of the text, escaped, with the marks in it."""
        if is_cell:
            words = self._text[start:end]
            start, end = start + len(words) - len(words.lstrip()), end - len(words) + len(words.rstrip())
        found = sorted(
            (max(a, start), min(b, end), kind if a >= start or kind != "hit" else "hit more")
            for a, b, kind in self._marks
            if a < end and b > start
        )
        parts, at = list[str](), start
        for first, last, kind in found:
            if first < at:
                continue
            parts += [html.escape(self._text[at:first])]
            parts += [f'<mark class="{kind}">{html.escape(self._text[first:last])}</mark>']
            at = last
        return "".join(parts) + html.escape(self._text[at : max(at, end)])
