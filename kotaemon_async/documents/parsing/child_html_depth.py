"""How deep the elements of a page are nested, told by its tags alone; pure, runs inside a parser child.

Lexbor takes a time that grows with the square of the depth: what is nested too deeply is not given to it.
"""

import re
from typing import Final

from kotaemon_async.documents.parsing.child_problem import FileError

#: No page that people wrote comes near.
MAX_DEPTH: Final = 10_000
_TAG: Final = re.compile(r"<(?:(!--)|(/?)([A-Za-z][^\s/>]{0,60})([^<>]{0,2000}))")
_VOID_NAMES: Final = """
    area base br col embed hr img input link meta param source track wbr
"""
_VOID: Final = frozenset(_VOID_NAMES.split())
#: A new one closes the one before it, or the end tag may be missing: they do not pile up.
_CLOSED_BY_OTHERS_NAMES: Final = """
    p li dd dt tr td th thead tbody tfoot caption colgroup option optgroup rt rp html head body
"""
_CLOSED_BY_OTHERS: Final = frozenset(_CLOSED_BY_OTHERS_NAMES.split())
#: Their text holds no tags.
_RAW_NAMES: Final = """
    script style textarea title xmp iframe noembed noframes
"""
_RAW: Final = frozenset(_RAW_NAMES.split())
#: An end tag of a phrase does not reach over these.
_PHRASES_NAMES: Final = """
    a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd label mark nobr q s samp small span
    strike strong sub sup tt u var
"""
_PHRASES: Final = frozenset(_PHRASES_NAMES.split())


def check_depth(markup: str) -> None:
    """Refuse a page of more than `MAX_DEPTH` elements within each other. Raises: FileError(parser_limit)."""
    if markup.count("<") <= MAX_DEPTH:
        return
    stack = _Stack()
    at = 0
    while found := _TAG.search(markup, at):
        at = found.end()
        name = (found[3] or "").lower()
        if found[1]:
            at = markup.find("-->", at)
            if at < 0:
                return
        elif name in _RAW and not found[2]:
            end = re.compile(f"</{name}", re.IGNORECASE).search(markup, at)
            if end is None:
                return
            at = end.end()
        else:
            stack.take(name, closes=bool(found[2]), is_empty=found[4].endswith("/"))
        if stack.depth > MAX_DEPTH:
            raise FileError("parser_limit", f"More than {MAX_DEPTH} elements of the page are nested.")


class _Stack:
    """The open elements, as far as they pile up."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._places: dict[str, list[int]] = {}
        self._blocks: list[int] = []

    @property
    def depth(self) -> int:
        return len(self._open)

    def take(self, name: str, *, closes: bool, is_empty: bool) -> None:
        """Follow a tag. In drawings and formulas an element without content is closed at once."""
        if name in _VOID or name in _CLOSED_BY_OTHERS:
            return
        if closes:
            self._close(name)
        elif not (is_empty and (self._places.get("svg") or self._places.get("math"))):
            self._places.setdefault(name, []).append(len(self._open))
            if name not in _PHRASES:
                self._blocks.append(len(self._open))
            self._open.append(name)

    def _close(self, name: str) -> None:
        places = self._places.get(name)
        if not places or (name in _PHRASES and self._blocks and self._blocks[-1] > places[-1]):
            return
        target = places[-1]
        while len(self._open) > target:
            self._places[self._open.pop()].pop()
        while self._blocks and self._blocks[-1] >= target:
            self._blocks.pop()
