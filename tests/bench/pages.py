"""Real pages by the thousand: the PDFs of a pack as they are, and others of their text with words changed.

No text is twice among them, so that nothing is spared by knowing it already.
"""

import itertools
import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pymupdf

from kotaemon_async.domain.text import is_mostly_cjk

FOLDERS: Final = ("docs_en", "docs_zh")
#: One in so many words is another one of the same document; every passage has some of them.
CHANGED: Final = 12
_FONT_SIZE: Final = 7
_LINE_HEIGHT: Final = 1.2
_MARGIN: Final = 40
_A4: Final = (595, 842)
#: A word, or two Chinese characters: what is changed.
_WORD: Final = re.compile(r"[^\W\d_]{4,}|[\u4e00-\u9fff]{2}")


@dataclass(frozen=True, slots=True)
class File:
    """A PDF to be uploaded."""

    path: Path
    pages: int


@dataclass(frozen=True, slots=True)
class Source:
    """One PDF of the pack, what stands on its pages, and the words of it."""

    path: Path
    texts: Sequence[str] = field(repr=False)
    words: Sequence[str] = field(repr=False)

    @property
    def is_english(self) -> bool:
        return self.path.parent.name == FOLDERS[0]

    @property
    def file(self) -> File:
        return File(self.path, len(self.texts))

    def varied(self, text: str, draw: random.Random) -> str:
        """Return the text of one of its pages, every few words another one of the document in their place."""

        def other(match: re.Match[str]) -> str:
            return draw.choice(self.words) if draw.randrange(CHANGED) == 0 else match[0]

        return _WORD.sub(other, text)


def sources_of(pack: Path) -> list[Source]:
    """Return all PDFs of the pack that have text, the English ones first."""
    paths = [path for name in FOLDERS for path in sorted((pack / name).glob("*.pdf"))]
    found = {path: _texts_of(path) for path in paths}
    words = {path: [word for text in pages for word in _WORD.findall(text)] for path, pages in found.items()}
    return [Source(path, pages, words[path]) for path, pages in found.items() if words[path]]


def _texts_of(path: Path) -> list[str]:
    with pymupdf.open(path) as document:  # type: ignore[no-untyped-call]
        return [unicodedata.normalize("NFKC", str(page.get_text())) for page in document]


def files(
    sources: Sequence[Source], folder: Path, pages: int, draw: random.Random, *, first_turn: int = 0
) -> Iterator[File]:
    """Yield the PDFs themselves, then others of their text, until there are so many pages.

    With a `first_turn` above 0 these are others from the beginning.
    """
    made = 0
    for turn in itertools.count(first_turn):
        for source in sources:
            yield _another(source, folder, turn, draw) if turn else source.file
            made += len(source.texts)
            if made >= pages:
                return


def _another(source: Source, folder: Path, turn: int, draw: random.Random) -> File:
    path = folder / f"{turn}-{source.path.name}"
    written([source.varied(text, draw) for text in source.texts], path)
    return File(path, len(source.texts))


def texts(sources: Sequence[Source], draw: random.Random) -> Iterator[str]:
    """Yield pages of changed text without an end, those of all documents in turn."""
    while True:
        for source in draw.sample(sources, len(sources)):
            yield source.varied(draw.choice(source.texts), draw)


def rounds(given: Sequence[File], count: int) -> list[list[File]]:
    """Deal the files out so that all rounds have about as many pages, each with its longest files first.

    So every round ends with short files, and few threads wait for the last of them.
    """
    dealt: list[list[File]] = [[] for _ in range(count)]
    for one in sorted(given, key=lambda file: -file.pages):
        min(dealt, key=lambda files: sum(file.pages for file in files)).append(one)
    return dealt


def written(pages: Sequence[str], path: Path) -> Path:
    """Write a PDF of pages with these texts, line by line as they are, and return its path."""
    with pymupdf.open() as document:  # type: ignore[no-untyped-call]
        for text in pages:
            lines = text.splitlines()
            height = max(_A4[1], round(2 * _MARGIN + len(lines) * _FONT_SIZE * _LINE_HEIGHT))
            page = document.new_page(width=_A4[0], height=height)
            page.insert_text(
                (_MARGIN, _MARGIN),
                "\n".join(lines),
                fontsize=_FONT_SIZE,
                fontname="china-s" if is_mostly_cjk(text) else "helv",
                lineheight=_LINE_HEIGHT,
            )
        document.save(path, deflate=True)
    return path
