"""Rows of tables with the names of their columns: `Model: KT-131 · Width: 7403`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from kotaemon_async.answers.insist import missing_codes
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain import text
from kotaemon_async.domain.model import Sentence

_BAR: Final = "|"
_BETWEEN: Final = " · "
_EMPTY: Final = "–"
#: A row of many columns is shown with as many of them as fit; CJK characters are denser.
_ROOM: Final = 240
_ROOM_CJK: Final = 120
#: As much of a row stands for it when meanings are compared.
_DESCRIBED_CHARS: Final = 400


def columns(source: Source) -> tuple[str, ...]:
    """Return the names of the columns above each sentence of a source; none for what is no row.

    They are the lines with as many cells as the row that stand between it and the sentence before: names of
    columns are no sentences themselves, and a passage that begins within a table begins with its names.
    """
    found: list[str] = []
    names, before = "", None
    for sentence in source.sentences:
        gap = _gap(source, before, sentence)
        if sentence.kind != "row" or _BAR not in sentence.text:
            names = ""
        elif own := _names(gap, sentence.text.count(_BAR)):
            names = own
        elif gap.count("\n") != 1 or gap.strip():
            names = ""  # another table, whose columns have no names
        found.append(names)
        before = sentence
    return tuple(found)


def described(names: str, row: str) -> str:
    """Return all cells of a row with the names of their columns."""
    pairs = (_said(name, value) for name, value in _pairs(names, row) if value)
    return _BETWEEN.join(pairs)[:_DESCRIBED_CHARS]


def about(claim: str, rows: Sequence[str]) -> list[str]:
    """Return the rows that share most with a claim, by its words and codes; all of them where none does.

    A row falls out beside another one that shares the same and more. Figures do not count: whether they stand
    in the right row is what is asked.
    """
    named = {term for term in text.query_terms(claim) if not any(map(str.isdecimal, term))}
    asked = set(missing_codes(claim))
    held = [named.intersection(_terms(row)) | asked.difference(missing_codes(claim, row)) for row in rows]
    most = {frozenset(one) for one in held}
    return [row for row, one in zip(rows, held, strict=True) if not any(one < other for other in most)]


@lru_cache(maxsize=1024)  # the rows of a passage are compared with each sentence of an answer
def _terms(row: str) -> frozenset[str]:
    return frozenset(text.terms(row))


def shown(names: str, row: str, weights: Mapping[str, float]) -> str:
    """Return a row as it is shown: the cells that hold words of the question first, then those asked for.

    `weights` are the terms of the question. A cell that is asked for and empty is said to be so.
    """
    cells = [(name, value, _weight(name, weights)) for name, value in _pairs(names, row)]
    pairs = [(name, value or _EMPTY, asked) for name, value, asked in cells if value or asked]
    order = sorted(range(len(pairs)), key=lambda at: (-_weight(pairs[at][1], weights), -pairs[at][2], at))
    room = _ROOM_CJK if text.cjk_share(row) > 0.3 else _ROOM
    whole = ""
    for at in order:
        cell = _said(*pairs[at][:2])
        longer = f"{whole}{_BETWEEN}{cell}" if whole else cell
        if whole and len(longer) > room:
            return f"{whole} …"
        whole = longer
    return whole


def _gap(source: Source, before: Sentence | None, sentence: Sentence) -> str:
    """Return what stands in front of a sentence in its passage, behind the sentence before."""
    place = sentence.places[0]
    if before is None:
        head, found, _ = source.passage.text.partition(source.words(place))
        return head if found else ""
    last = before.places[-1]
    return source.pages[place.page][last.stop : place.start] if last.page == place.page else ""


def _names(gap: str, bars: int) -> str:
    """Return the lines of a gap that have so many bars, joined column by column."""
    rows = [_cells(line) for line in gap.splitlines() if line.count(_BAR) == bars]
    joined = (" / ".join(dict.fromkeys(filter(None, cells))) for cells in zip(*rows, strict=True))
    return f" {_BAR} ".join(joined)


def _pairs(names: str, row: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each cell."""
    named = _cells(names) if names else []
    for at, value in enumerate(_cells(row)):
        yield (named[at] if at < len(named) else ""), value


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(_BAR)]


def _said(name: str, value: str) -> str:
    if not name:
        return value
    return f"{name}：{value}" if any(map(text.is_cjk, name)) else f"{name}: {value}"


def _weight(words: str, weights: Mapping[str, float]) -> float:
    return sum(weights[term] for term in weights.keys() & set(text.terms(words)))
