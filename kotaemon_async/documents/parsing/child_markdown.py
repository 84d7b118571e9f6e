"""The blocks of a Markdown text: headings, lists, tables, code; runs inside a parser child."""

import re
from collections.abc import Iterator

from kotaemon_async.documents.parsing.child_blocks import Block
from kotaemon_async.domain.child_lines import is_point

_LINE = re.compile(r"^.*$", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+\S")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*\Z")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?\s*\Z")
_BOLD = re.compile(r"\s*(\*\*|__)[^*_]+\1\s*\Z")
_FRONT = re.compile(r"---[ \t]*\n(?:.*\n)*?---[ \t]*(?:\n|\Z)")
_BOLD_LEVEL = 4


def markdown_blocks(text: str) -> list[Block]:
    """Return the blocks in order, without rules and empty lines; headings keep their signs."""
    found: list[Block] = []
    front = _FRONT.match(text)
    if front:
        found.append(Block("code", 0, len(text[: front.end()].rstrip())))
    for start, end in _runs(text, front.end() if front else 0):
        found += _block(text, start, end)
    return found


def _runs(text: str, after: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of lines that belong together: fenced code, a heading, what no empty line parts."""
    begin: int | None = None
    fence = ""
    for found in _LINE.finditer(text, after):
        (start, end), line = found.span(), found[0]
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence):
                yield begin or 0, end
                begin, fence = None, ""
            continue
        opens = mark or _HEADING.match(line) or _RULE.match(line)
        if begin is not None and (opens or not line.strip()) and not _UNDERLINE.match(line):
            yield begin, start
            begin = None
        if mark:
            begin, fence = start, mark[1]
        elif _HEADING.match(line):
            yield start, end
        elif begin is None and line.strip() and not _RULE.match(line):
            begin = start
    if begin is not None:
        yield begin, len(text)


def _block(text: str, start: int, end: int) -> Iterator[Block]:
    """Yield the block of a run; an underlined heading is parted from what follows it."""
    end = start + len(text[start:end].rstrip())
    lines = text[start:end].split("\n")
    if _FENCE.match(lines[0]):
        yield Block("code", start, end)
    elif heading := _HEADING.match(lines[0]):
        yield Block("heading", start, end, len(heading[1]))
    elif len(lines) > 1 and (rule := _UNDERLINE.match(lines[1])) and not is_point(lines[0]):
        yield Block("heading", start, start + len(lines[0]), 1 if rule[1][0] == "=" else 2)
        rest = start + len(lines[0]) + 1 + len(lines[1]) + 1
        if text[rest:end].strip():
            yield from _block(text, rest, end)
    elif len(lines) > 1 and _TABLE_RULE.match(lines[1]):
        yield Block("table", start, end)
    elif len(lines) == 1 and _BOLD.match(lines[0]):
        yield Block("heading", start, end, _BOLD_LEVEL)
    else:
        yield Block("list" if is_point(lines[0]) else "paragraph", start, end)
