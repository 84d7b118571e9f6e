"""Equations of Office Math (OMML) as one line of text: (a+b)/2, x^2, √(y); runs inside a parser child."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable

from kotaemon_async.documents.parsing.office.child_package import attribute, local

_MOST_LEVELS = 60
#: Needs no brackets as a part of something larger.
_SIMPLE_CHARS = 1
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_SKIPPED = frozenset({"del", "moveFrom"})


def equation(element: ET.Element, depth: int = 0) -> str:
    """Return the text of an equation or a part of one; what is nested too deeply is left out."""
    if depth > _MOST_LEVELS:
        return ""
    if (write := _WRITERS.get(local(element))) is not None:
        return write(element, depth + 1)
    if local(element) == "t":
        return element.text or ""
    return _all(element, depth + 1)


def _all(parts: Iterable[ET.Element], depth: int) -> str:
    return "".join(equation(part, depth) for part in parts if not _is_silent(part))


def _is_silent(element: ET.Element) -> bool:
    return local(element).endswith("Pr") or local(element) in _SKIPPED


def _part(element: ET.Element, name: str, depth: int) -> str:
    return "".join(equation(part, depth) for part in element if local(part) == name).strip()


def _bracketed(text: str) -> str:
    is_simple = len(text) <= _SIMPLE_CHARS or text.isalnum() or _BRACKETED.fullmatch(text)
    return text if is_simple else f"({text})"


def _property(element: ET.Element, name: str, otherwise: str) -> str:
    for properties in element:
        if local(properties).endswith("Pr"):
            for one in properties:
                if local(one) == name:
                    return attribute(one, "val") or ""
    return otherwise


def _fraction(element: ET.Element, depth: int) -> str:
    above, below = _part(element, "num", depth), _part(element, "den", depth)
    if _property(element, "type", "bar") == "noBar":
        return f"{above} over {below}"
    return f"{_bracketed(above)}/{_bracketed(below)}"


def _script(element: ET.Element, depth: int) -> str:
    text = _bracketed(_part(element, "e", depth))
    for name, sign in (("sub", "_"), ("sup", "^")):
        if script := _part(element, name, depth):
            text += sign + _bracketed(script)
    return text


def _root(element: ET.Element, depth: int) -> str:
    return f"{_part(element, 'deg', depth)}√({_part(element, 'e', depth)})"


def _sum(element: ET.Element, depth: int) -> str:
    text = _property(element, "chr", "∫")
    for name, sign in (("sub", "_"), ("sup", "^")):
        if limit := _part(element, name, depth):
            text += sign + _bracketed(limit)
    return f"{text} {_part(element, 'e', depth)}"


def _brackets(element: ET.Element, depth: int) -> str:
    parts = (equation(part, depth).strip() for part in element if local(part) == "e")
    between = _property(element, "sepChr", "|")
    return _property(element, "begChr", "(") + between.join(parts) + _property(element, "endChr", ")")


def _function(element: ET.Element, depth: int) -> str:
    return f"{_part(element, 'fName', depth)} {_part(element, 'e', depth)}"


def _limit(element: ET.Element, depth: int) -> str:
    return f"{_part(element, 'e', depth)}_{_bracketed(_part(element, 'lim', depth))}"


def _matrix(element: ET.Element, depth: int) -> str:
    rows = (
        ", ".join(equation(cell, depth).strip() for cell in row if local(cell) == "e")
        for row in element
        if local(row) == "mr"
    )
    return f"[{'; '.join(rows)}]"


def _lines(element: ET.Element, depth: int) -> str:
    return "; ".join(equation(part, depth).strip() for part in element if local(part) == "e")


_WRITERS: dict[str, Callable[[ET.Element, int], str]] = {
    "f": _fraction,
    "sSup": _script,
    "sSub": _script,
    "sSubSup": _script,
    "rad": _root,
    "nary": _sum,
    "d": _brackets,
    "func": _function,
    "limLow": _limit,
    "limUpp": _limit,
    "m": _matrix,
    "eqArr": _lines,
}
