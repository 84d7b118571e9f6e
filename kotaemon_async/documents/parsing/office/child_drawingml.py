"""Text, tables and charts as DrawingML holds them, in slides and on sheets; runs inside a parser child.

Source: ECMA-376 part 1, 21.1 (text, tables) and 21.2 (charts).
"""

import xml.etree.ElementTree as ET
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kotaemon_async.documents.parsing.office.child_numbers import GENERAL, shown
from kotaemon_async.documents.parsing.office.child_package import Package, local, relation

_MOST_POINTS: Final = 2_000
_MOST_SERIES: Final = 200
_MOST_CELLS: Final = 50_000
_REPEATED_CHARS = 200
_CACHES = frozenset({"numCache", "numLit", "strCache", "strLit", "lvl"})
_OFF = frozenset({"0", "false"})


class Chart(NamedTuple):
    """What a chart shows: its titles in one line, and a table whose first row names the series.

    `is_linked` tells that the values are those of cells.
    """

    title: str
    rows: list[list[str]]
    is_linked: bool


def children(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    """Yield the elements directly inside that are called so."""
    return (child for child in element if local(child) in names)


def child(element: ET.Element, *path: str) -> ET.Element | None:
    """Return the element at the end of a path of names."""
    found: ET.Element | None = element
    for name in path:
        found = next(children(found, name), None) if found is not None else None
    return found


def paragraphs(body: ET.Element) -> list[str]:
    """Return the paragraphs of a text body that hold words, with line breaks and tabs."""
    counts: dict[int, int] = {}
    texts = ((paragraph, "".join(_pieces(paragraph)).strip()) for paragraph in children(body, "p"))
    return [_number(paragraph, counts) + text for paragraph, text in texts if text]


def _number(paragraph: ET.Element, counts: dict[int, int]) -> str:
    """Return what a counted paragraph begins with; `counts` are those of the levels so far."""
    told = child(paragraph, "pPr")
    numbering = child(told, "buAutoNum") if told is not None else None
    level = _whole(told.get("lvl"), 0) if told is not None else 0
    for deeper in [one for one in counts if one > level or (one == level and numbering is None)]:
        del counts[deeper]
    if numbering is None:
        return ""
    count = counts[level] = counts.get(level, _whole(numbering.get("startAt"), 1) - 1) + 1
    kind = numbering.get("type", "arabicPeriod")
    word = str(count)
    if kind.startswith("alpha") and 0 < count <= 26:
        word = chr(96 + count) if kind.startswith("alphaLc") else chr(64 + count)
    ending = ") " if "Paren" in kind else ". "
    return ("(" if kind.endswith("ParenBoth") else "") + word + ending


def _whole(text: str | None, instead: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 6 else instead


def _pieces(paragraph: ET.Element) -> Iterator[str]:
    for run in paragraph:
        match local(run):
            case "r" | "fld":
                yield from (text.text or "" for text in children(run, "t"))
            case "br":
                yield "\n"
            case "m" | "oMath" | "AlternateContent":
                yield from (part.text or "" for part in run.iter() if local(part) == "t")


def table_rows(table: ET.Element) -> list[list[str]]:
    """Return the rows of a table; merged cells repeat their value."""
    rows: list[list[str]] = []
    for row in children(table, "tr"):
        cells: list[str] = []
        for cell in children(row, "tc"):
            cells.append(_cell(cell, cells, rows[-1] if rows else []))
        rows.append(cells)
    return rows


def has_header(table: ET.Element) -> bool:
    """Return whether the first row of a table is drawn as its header."""
    told = child(table, "tblPr")
    return told is not None and _is_on(told, "firstRow")


def _cell(cell: ET.Element, before: Sequence[str], above: Sequence[str]) -> str:
    if _is_on(cell, "hMerge") and before:
        return _repeated(before[-1])
    if _is_on(cell, "vMerge") and len(before) < len(above):
        return _repeated(above[len(before)])
    body = child(cell, "txBody")
    return " ".join(paragraphs(body)) if body is not None else ""


def _repeated(value: str) -> str:
    return value if len(value) <= _REPEATED_CHARS else ""


def _is_on(element: ET.Element, name: str) -> bool:
    return element.get(name, "0") not in _OFF


def read_chart(package: Package, part: str) -> Chart:
    """Return what a chart's part shows. Raises: FileError where it is missing or damaged."""
    root = package.xml(part)
    is_linked = any(local(element) == "f" and element.text for element in root.iter())
    if "chartex" in root.tag:
        return Chart(" · ".join(_rich_texts(root)), _new_rows(root), is_linked)
    titles = [text for element in root.iter() if local(element) == "title" for text in _rich_texts(element)]
    series = [element for element in root.iter() if local(element) == "ser"][:_MOST_SERIES]
    return Chart(" · ".join(dict.fromkeys(titles)), _rows(series), is_linked)


def _rich_texts(element: ET.Element) -> Iterator[str]:
    for paragraph in element.iter():
        if local(paragraph) == "p" and (text := "".join(_pieces(paragraph)).strip()):
            yield text


def _rows(series: Sequence[ET.Element]) -> list[list[str]]:
    """Return the categories with the value of each series, below the series' names."""
    columns = [(_name(one), _points(one, "cat", "xVal"), _points(one, "val", "yVal")) for one in series]
    columns = [column for column in columns if column[2]]
    if not columns:
        return []
    categories: dict[int, str] = {}
    for _, own, _ in columns:
        categories = own | categories
    places = sorted({place for _, own, values in columns for place in (*own, *values)})
    places = places[: min(_MOST_POINTS, _MOST_CELLS // len(columns))]
    header = ["", *(name or f"{number}" for number, (name, _, _) in enumerate(columns, 1))]
    body = [
        [categories.get(place, ""), *(values.get(place, "") for _, _, values in columns)] for place in places
    ]
    return [header, *body]


def _name(series: ET.Element) -> str:
    told = child(series, "tx")
    return " ".join(part.text or "" for part in told.iter() if local(part) == "v") if told is not None else ""


def _points(series: ET.Element, *names: str) -> dict[int, str]:
    """Return the kept values of a series by their place; names of several levels are joined."""
    found = next(children(series, *names), None)
    caches = [one for one in found.iter() if local(one) in _CACHES] if found is not None else []
    levels = [dict(_cached(cache)) for cache in caches]
    if len(levels) < 2:
        return levels[0] if levels else {}
    inner, *outer = levels
    orders = [sorted(level) for level in outer]
    return {
        place: " ".join([*_outer_names(outer, orders, place), name]).strip() for place, name in inner.items()
    }


def _outer_names(levels: Sequence[dict[int, str]], orders: Sequence[list[int]], place: int) -> Iterator[str]:
    """Yield the names of the outer levels that hold at a place, outermost first."""
    for level, order in zip(reversed(levels), reversed(orders), strict=True):
        if at := bisect_right(order, place):
            yield level[order[at - 1]]


def _cached(cache: ET.Element) -> Iterator[tuple[int, str]]:
    told = child(cache, "formatCode")
    code = (told.text if told is not None else None) or GENERAL
    is_number = local(cache).startswith("num")
    for point in list(children(cache, "pt"))[:_MOST_POINTS]:
        place, value = point.get("idx", "0"), child(point, "v")
        text = (value.text if value is not None else None) or ""
        if place.isdecimal() and len(place) < 10:
            yield int(place), shown(text, point.get("formatCode") or code) if is_number else text.strip()


def _new_rows(root: ET.Element) -> list[list[str]]:
    """Return the data of a chart of the newer kind (chartex): each dimension is a column."""
    columns: list[list[str]] = []
    for dimension in root.iter():
        if local(dimension) in {"strDim", "numDim"}:
            level = child(dimension, "lvl")
            points = list(children(level, "pt"))[:_MOST_POINTS] if level is not None else []
            columns.append([(point.text or "").strip() for point in points])
    if not any(columns):
        return []
    height = max(map(len, columns))
    return [[column[at] if at < len(column) else "" for column in columns] for at in range(height)]


def description(element: ET.Element) -> str:
    """Return the words that a picture or shape is described with, for people who do not see it."""
    told = next((one for one in element.iter() if local(one) == "cNvPr"), None)
    if told is None or _is_decorative(element):
        return ""
    text = (told.get("descr") or "").strip()
    return "" if _is_made_up(text) else text


def _is_decorative(element: ET.Element) -> bool:
    return any(local(one) == "decorative" and one.get("val") in {"1", "true"} for one in element.iter())


def _is_made_up(text: str) -> bool:
    """Return whether the description is only the name of the picture's file."""
    return text.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".emf", ".wmf", ".bmp", ".tif", ".svg"))


def without_fallback(element: ET.Element) -> Iterator[ET.Element]:
    """Yield what is inside an element, with the choice in place of its alternatives."""
    for inner in element:
        if local(inner) != "AlternateContent":
            yield inner
            continue
        branch = next((one for one in children(inner, "Choice", "Fallback") if len(one)), None)
        if branch is not None:
            yield from without_fallback(branch)


def references(element: ET.Element) -> Iterator[str]:
    """Yield the ids of the relationships that the elements inside name."""
    for one in element.iter():
        if found := relation(one):
            yield found
