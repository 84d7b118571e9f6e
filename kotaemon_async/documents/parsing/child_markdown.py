"""Markdown as headings, paragraphs, lists, tables and code; runs inside a parser child."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kotaemon_async.documents.parsing.child_units import UnitWriter
from kotaemon_async.domain.child_lines import is_point

_LINE = re.compile(r"^.*$", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+\S")
_SIGNS = re.compile(r"\A\s*#{1,6}[ \t]+|[ \t]+#+[ \t]*\Z")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*\Z")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*\Z")
_BOLD = re.compile(r"\s*(\*\*|__)([^*_]+)\1\s*\Z")
_FRONT = re.compile(r"---[ \t]*\n(?:.*\n)*?---[ \t]*(?:\n|\Z)")
_CELL_END = re.compile(r"(?<!\\)\|")
_BOLD_LEVEL: Final = 4


class Part(NamedTuple):
    """A block: its kind, its text without the signs of headings, the level of a heading."""

    kind: str
    text: str
    level: int = 0


def feed(writer: UnitWriter, text: str) -> None:
    """Write the blocks of the text."""
    for part in parts(text):
        write(writer, part)


def write(writer: UnitWriter, part: Part) -> None:
    """Write a block."""
    if part.kind == "heading":
        writer.heading(part.text, part.level)
    elif part.kind == "table":
        lines = part.text.split("\n")
        writer.table([cells(line) for line in (lines[0], *lines[2:])])
    else:
        writer.add(part.kind, part.text)


def parts(text: str) -> Iterator[Part]:
    """Yield the blocks in order, without rules and empty lines."""
    front = _FRONT.match(text)
    if front:
        yield Part("code", front[0].rstrip())
    for start, end in _runs(text, front.end() if front else 0):
        yield from _parts(text[start:end].rstrip().split("\n"))


def cells(line: str) -> list[str]:
    """Return the cells of a row, with or without bars around it."""
    row = line.strip()
    found = [cell.strip().replace("\\|", "|") for cell in _CELL_END.split(row)]
    first = 1 if row.startswith("|") else 0
    return found[first : len(found) - 1 if len(found) > 1 and row.endswith("|") else None]


def is_table_rule(line: str) -> bool:
    """Return whether the line parts the names of columns from their rows."""
    return "|" in line and _TABLE_RULE.match(line) is not None


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


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    """Yield the blocks of a run: underlined headings and tables are parted from what stands around them."""
    if _FENCE.match(lines[0]):
        yield Part("code", "\n".join(lines))
    elif heading := _HEADING.match(lines[0]):
        yield Part("heading", _SIGNS.sub("", lines[0]), len(heading[1]))
    else:
        at = 0
        while at < len(lines):
            part, at = _next_part(lines, at)
            if part.text.strip():
                yield part


def _next_part(lines: Sequence[str], at: int) -> tuple[Part, int]:
    """Return the block that begins with a line, and the line behind it."""
    rule = _UNDERLINE.match(lines[at + 1]) if at + 1 < len(lines) else None
    if rule and not is_point(lines[at]):
        return Part("heading", lines[at], 1 if rule[1][0] == "=" else 2), at + 2
    if _is_table(lines, at):
        end = next((one for one in range(at + 2, len(lines)) if "|" not in lines[one]), len(lines))
        return Part("table", "\n".join(lines[at:end])), end
    end = next((one for one in range(at + 1, len(lines)) if _is_table(lines, one)), len(lines))
    text = "\n".join(lines[at:end])
    bold = _BOLD.match(text) if end == at + 1 else None
    if bold:
        return Part("heading", bold[2], _BOLD_LEVEL), end
    return Part("list" if is_point(lines[at]) else "paragraph", text), end


def _is_table(lines: Sequence[str], at: int) -> bool:
    """Return whether a line names the columns of a table: it stands above a rule of as many columns."""
    if at + 1 >= len(lines) or "|" not in lines[at] or not is_table_rule(lines[at + 1]):
        return False
    return len(cells(lines[at])) == len(cells(lines[at + 1]))
