"""The page's modules as few files: joined as they are read, each in a function of its own."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

#: What the modules of the page may say to each other; anything else is refused when the page is read.
_IMPORT: Final = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async function\*?|function\*?|class|const) (\w+))", re.MULTILINE)
_LAZY: Final = re.compile(r'\bimport\("([^"]+)"\)')
_OTHER: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_REMARKS: Final = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*.*?\*/)\n", re.MULTILINE | re.DOTALL)
#: How a module that its makers have packed says what it gives; it imports nothing.
_PACKED: Final = re.compile(r"\bexport\{([^}]*)\};?\s*\Z")
_RENAMED: Final = re.compile(r"(\w+) as (\w+)")


class NotAModule(Exception):
    """A module says something that cannot be joined, or imports what is not there."""


@dataclass(frozen=True, slots=True)
class Bundles:
    """What the entry reaches at once, in order of use, and what each lazily loaded module adds."""

    first: tuple[str, ...]
    later: Mapping[str, tuple[str, ...]]


def bundles(sources: Mapping[str, str], entry: str) -> Bundles:
    """Return which modules belong together. Raises: NotAModule."""
    first = tuple(_reached(sources, entry, frozenset()))
    lazily: dict[str, tuple[str, ...]] = {}
    waiting = [found for name in first for found in _lazy(sources, name)]
    while waiting:
        name = waiting.pop()
        if name in lazily or name in first:
            continue
        lazily[name] = tuple(_reached(sources, name, frozenset(first)))
        waiting += [found for one in lazily[name] for found in _lazy(sources, one)]
    return Bundles(first, dict(sorted(lazily.items())))


def _reached(sources: Mapping[str, str], entry: str, known: frozenset[str]) -> Iterator[str]:
    """Yield what a module needs and is not known yet, the needed ones first. Raises: NotAModule."""
    seen = set(known)
    path: list[str] = []

    def walk(name: str) -> Iterator[str]:
        if name in path:
            raise NotAModule(f"a circle: {' > '.join([*path, name])}")
        if name in seen:
            return
        if name not in sources:
            raise NotAModule(f"{path[-1] if path else 'the page'} needs {name}, which is not there")
        path.append(name)
        for _, needed in _IMPORT.findall(sources[name]):
            yield from walk(_resolved(name, needed))
        path.pop()
        seen.add(name)
        yield name

    return walk(entry)


def _lazy(sources: Mapping[str, str], name: str) -> list[str]:
    return [_resolved(name, found) for found in _LAZY.findall(sources[name])]


def _resolved(name: str, needed: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), needed))


def defined(name: str, source: str) -> str:
    """Return a module as the call that defines it. Raises: NotAModule."""
    exported = _EXPORT.findall(source)
    text = _IMPORT.sub(lambda found: _taken(name, found), _EXPORT.sub("", _REMARKS.sub("", source)))
    text = _LAZY.sub(lambda found: f'load("{_resolved(name, found[1])}")', text)
    if odd := _OTHER.search(text):
        raise NotAModule(f"{name}: {odd[0]}")
    return f'define("{name}", () => {{\n{text.strip()}\nreturn {{ {", ".join(exported)} }};\n}});\n'


def defined_packed(name: str, source: str) -> str:
    """Return a packed module, with one list of exports at its end, as that call. Raises: NotAModule."""
    found = _PACKED.search(source)
    if found is None:
        raise NotAModule(f"{name} does not end with what it exports")
    given = _RENAMED.sub(r"\2: \1", found[1])
    return f'define("{name}", () => {{\n{source[: found.start()]}\nreturn {{ {given} }};\n}});\n'


def _taken(name: str, found: re.Match[str]) -> str:
    names = _RENAMED.sub(r"\1: \2", " ".join(found[1].split())).rstrip(", ")
    return f'const {{ {names} }} = from("{_resolved(name, found[2])}");\n'
