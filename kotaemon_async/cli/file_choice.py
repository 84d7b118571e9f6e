"""Which files the words of a command mean: files, folders with all that is in them, and quoted patterns."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kotaemon_async.domain.paths import is_hidden

_MAGIC: Final = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file to send, and its place below the folder that was named; "" for a file that was named itself."""

    file: Path
    path: str = ""


@dataclass(slots=True)
class Choice:
    """The files, each once, in order, and what was passed over and why."""

    files: list[Chosen] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def of(cls, words: Iterable[str | Path]) -> "Choice":
        """Return what the words mean; one that names nothing is `missing`."""
        choice = cls()
        for word in words:
            choice._add(str(word))
        return choice

    def _add(self, word: str) -> None:
        path = Path(word)
        if path.is_dir():
            self._take(path, _below(path, self.skipped))
        elif path.exists():
            self._take(path.parent, [path], is_named=True)
        elif _MAGIC.search(word):
            self._match(word)
        else:
            self.missing.append(word)

    def _match(self, word: str) -> None:
        """Take the files that a pattern means; they lie below the part of it that is a plain folder."""
        parts = Path(word).parts
        plain = next(n for n, part in enumerate(parts) if _MAGIC.search(part))
        base = Path(*parts[:plain])
        if not base.is_dir():
            self.missing.append(word)
            return
        pattern = _pattern(parts[plain:])
        skipped: list[tuple[Path, str]] = []
        below = _below(base, skipped)
        self._take(base, (file for file in below if pattern.fullmatch(file.relative_to(base).as_posix())))
        self.skipped += [one for one in skipped if pattern.fullmatch(one[0].relative_to(base).as_posix())]

    def _take(self, base: Path, files: Iterable[Path], *, is_named: bool = False) -> None:
        for file in files:
            reason = _unusable(file)
            if reason is not None:
                self.skipped.append((file, reason))
                continue
            found = file.stat()
            if (found.st_dev, found.st_ino) not in self._seen:
                self._seen.add((found.st_dev, found.st_ino))
                self.files.append(Chosen(file, "" if is_named else file.relative_to(base).as_posix()))


def _below(folder: Path, skipped: list[tuple[Path, str]]) -> Iterator[Path]:
    """Yield the files below the folder in the order of their names; links lead into no folder twice."""
    entered: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            found = here.stat()
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append((here, error.strerror or "cannot be read"))
            continue
        if (found.st_dev, found.st_ino) in entered:
            skipped.append((here, "a link to a folder that was read already"))
            continue
        entered.add((found.st_dev, found.st_ino))
        for entry in entries:
            if is_hidden(entry.name):
                skipped.append((here / entry.name, "hidden"))
            elif not entry.is_dir():
                yield here / entry.name
        names = [entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name)]
        waiting += [here / name for name in reversed(names)]


def _unusable(file: Path) -> str | None:
    """Return why a file cannot be sent, or None."""
    try:
        found = file.stat()
    except OSError as error:
        return error.strerror or "cannot be read"
    if not stat.S_ISREG(found.st_mode):
        return "not a file"
    return None if os.access(file, os.R_OK) else "may not be read"


def _pattern(parts: tuple[str, ...]) -> "re.Pattern[str]":
    """Return what the parts of a glob match: `**` any folders, `*` and `?` anything but a slash."""
    words = ["(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in parts]
    if parts[-1] == "**":
        return re.compile("".join(words) + "[^/]+", re.DOTALL)
    return re.compile("".join(words).removesuffix("/"), re.DOTALL)


def _part(part: str) -> str:
    return re.sub(r"\[(!?)([^]]+)\]|[*?]|[^*?\[]+|\[", _translated, part)


def _translated(match: "re.Match[str]") -> str:
    text = match[0]
    if match[2] is not None:
        return f"[{'^' if match[1] else ''}{re.escape(match[2]).replace(chr(92) + '-', '-')}]"
    return {"*": "[^/]*", "?": "[^/]"}.get(text, re.escape(text))
