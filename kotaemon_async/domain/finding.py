"""Where words stand in a text, as a person looks for them: whatever they are written and broken with.

Case, accents, width, ligatures, and simplified or traditional characters make no difference; nor do line
breaks, hyphens at the ends of lines, and blanks between Chinese characters.

>>> sought("hydraulic pump").spans("The Hydrau-\\nlic  púmp.")
[(4, 21)]
"""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Final

from kotaemon_async.domain import text as words_of

Span = tuple[int, int]
#: A place in a folded text, and which of the words stands there.
_Place = tuple[int, int, int]

#: Marks above and below letters, Arabic and Hebrew ones too, the letter stretcher, and signs of no width.
_IGNORED: Final = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
)
_QUOTES: Final = str.maketrans("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u2032\u2033", "''''\"\"\"'\"")
_SOFT_HYPHEN: Final = "\u00ad"
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")
#: What may stand between two letters of a word: a hyphen at the end of a line, or one that does not show.
_BROKEN: Final = "(?:\u00ad\\s*|-[^\\S\n]*\n\\s*)?"
_LAM_ALEF, _ALEF_LAM = f"\u0644{_BROKEN}\u0627", f"\u0627{_BROKEN}\u0644"
#: Between words, and between characters that are written without blanks.
_BLANKS, _ANY_BLANKS = r"\s+", r"\s*"
_MOST_KEPT: Final = 16_384
_LONGEST: Final = 200
#: What is looked for goes on over so many characters before and behind a page break.
_AROUND_BREAK: Final = 600
#: Words within so many characters are one hit; of each word so many places are looked at on a page.
_NEAR: Final = 160
_MOST_PLACES: Final = 1_000


class _Folds(dict[int, str]):
    """The folded form of each character, for str.translate; it never has a blank where there was none."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isspace() or character == _SOFT_HYPHEN:
            folded = character
        else:
            plain = character if _HANGUL.match(character) else unicodedata.normalize("NFKD", character)
            folded = words_of.folded(_IGNORED.sub("", plain).translate(_QUOTES)) if plain else ""
            folded = unicodedata.normalize("NFKD", folded) if not _HANGUL.search(folded) else folded
            folded = _IGNORED.sub("", folded).replace(" ", "")
        if len(self) < _MOST_KEPT:
            self[code] = folded
        return folded


_FOLDS: Final = _Folds()


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: the whole, and its words, which may stand apart where the whole stands nowhere."""

    whole: re.Pattern[str] | None
    words: tuple[re.Pattern[str], ...] = ()

    def spans(self, source: str, *, most: int = 10_000) -> list[Span]:
        """Return where the whole stands, in order, `most` times at most."""
        if self.whole is None:
            return []
        plain = source.translate(_FOLDS)
        found = [match.span() for match in islice(self.whole.finditer(plain), most)]
        return _at_source(source, plain, found)

    def over_break(self, before: str, after: str) -> Span | None:
        """Return where on one page the whole begins and where on the next it ends, None where it does not."""
        tail, head = before[-_AROUND_BREAK:], after[:_AROUND_BREAK]
        for start, stop in self.spans(f"{tail}\n{head}"):
            if start < len(tail) and stop > len(tail) + 1:
                return len(before) - len(tail) + start, stop - len(tail) - 1
        return None

    def marks(self, source: str) -> list[Span]:
        """Return where the whole stands, else its words."""
        return self.spans(source) or [span for group in self.word_groups(source) for span in group]

    def word_groups(self, source: str) -> list[list[Span]]:
        """Return where its words stand near each other, all of them, in order.

        Where they do so nowhere, the one place where they are nearest; none when one is missing.
        """
        plain = source.translate(_FOLDS)
        if not self.words or not all(one.search(plain) for one in self.words):
            return []
        places = sorted(
            (*match.span(), which)
            for which, one in enumerate(self.words)
            for match in islice(one.finditer(plain), _MOST_PLACES)
        )
        windows = sorted(_windows(places, len(self.words)), key=lambda one: one[-1][1] - one[0][0])
        near = [one for one in windows if one[-1][1] - one[0][0] <= _NEAR] or windows[:1]
        groups = [[span for *span, _ in one] for one in _apart(sorted(near))]
        return [_at_source(source, plain, [(start, stop) for start, stop in one]) for one in groups]


def sought(query: str) -> Sought:
    """Return what finds the query; an empty one stands nowhere. Between quotes only the whole counts."""
    plain = " ".join(query[:_LONGEST].translate(_FOLDS).split())
    is_quoted = len(plain) > 2 and plain[0] == plain[-1] == '"'
    plain = plain.strip('" ') if is_quoted else plain
    if not plain:
        return Sought(None)
    words = [] if is_quoted else list(dict.fromkeys(plain.split()))
    return Sought(_pattern(plain), tuple(map(_pattern, words)) if len(words) > 1 else ())


def phrase(words: str) -> Sought:
    """Return what finds these words as they are, however many there are."""
    plain = " ".join(words.translate(_FOLDS).split())
    return Sought(_pattern(plain) if plain else None)


def marked_terms(source: str, query: str, *, as_typed: bool = False) -> list[Span]:
    """Return where words of the query stand, in any form that the search takes for the same, in order.

    The last word of a query `as_typed` may be the beginning of one.
    """
    plain = source.translate(_FOLDS)
    asked = set(words_of.query_terms(query))
    begun = words_of.unfinished(query) if as_typed else ""
    found = list(_term_spans(plain, asked, begun))
    for token in query.translate(_FOLDS).split():
        bare = token.strip(".,;:!?()[]\"'")
        if bare and not bare.isalpha():
            found += [match.span() for match in _pattern(bare).finditer(plain)]
    return list(_joined(_at_source(source, plain, sorted(found)), source))


def excerpt(source: str, span: Span, *, before: int = 60, after: int = 100) -> tuple[str, int]:
    """Return the words around a place in one line of the same length, and where in the source they begin."""
    start = max(0, span[0] - before)
    stop = min(len(source), max(span[1], span[0] + after))
    if start and (blank := _first_blank(source, start, span[0])):
        start = blank
    if stop < len(source) and (blank := source.rfind(" ", span[1], stop)) > 0:
        stop = blank
    cut = "".join(" " if one.isspace() else one for one in source[start:stop])
    return cut, start


def _first_blank(source: str, start: int, stop: int) -> int:
    return next((at + 1 for at in range(start, stop) if source[at].isspace()), 0)


def _windows(places: Sequence[_Place], words: int) -> Iterator[list[_Place]]:
    """Yield the least stretches of places, in order, in which each of the words stands."""
    held: Counter[int] = Counter()
    first = 0
    for last, (_, _, which) in enumerate(places):
        held[which] += 1
        while held[places[first][2]] > 1:
            held[places[first][2]] -= 1
            first += 1
        if len(held) == words and all(held.values()):
            yield list(places[first : last + 1])


def _apart(windows: Sequence[list[_Place]]) -> Iterator[list[_Place]]:
    """Yield those that do not begin within the one before."""
    end = -1
    for one in windows:
        if one[0][0] >= end:
            yield one
            end = one[-1][1]


def _at_source(source: str, plain: str, found: Sequence[Span]) -> list[Span]:
    """Return the places of a folded text in the text itself."""
    if not found or (len(plain) == len(source) and source.isascii()):
        return list(found)
    ends = list(accumulate(len(_FOLDS[ord(one)]) for one in source))
    # Marks that belong to the last letter go with it.
    return [
        (bisect_right(ends, start), max(bisect_right(ends, stop - 1) + 1, bisect_right(ends, stop)))
        for start, stop in found
    ]


def _pattern(plain: str) -> re.Pattern[str]:
    """Return what finds folded words, whatever breaks them."""
    parts: list[str] = []
    before, is_apart = "", False
    for one in plain:
        if one == " ":
            is_apart = True
            continue
        parts += [_between(before, one, is_apart=is_apart) if before else "", re.escape(one)]
        before, is_apart = one, False
    # Where a file holds the two letters as one sign they are read the wrong way round.
    return re.compile("".join(parts).replace(_LAM_ALEF, f"(?:{_LAM_ALEF}|{_ALEF_LAM})"))


def _between(before: str, after: str, *, is_apart: bool) -> str:
    """Return what may stand between two characters of what is looked for, which has a blank there or not."""
    if words_of.is_cjk(before) or words_of.is_cjk(after):
        return _ANY_BLANKS
    if is_apart:
        # A blank between two directions of writing is not always where it is seen.
        return _ANY_BLANKS if _is_rtl(before) != _is_rtl(after) else _BLANKS
    if before == "-":
        return _ANY_BLANKS
    return _BROKEN if before.isalnum() and after.isalnum() else ""


def _is_rtl(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")


def _term_spans(plain: str, asked: set[str], begun: str) -> Iterator[Span]:
    for run in words_of.RUN.finditer(plain):
        if run["word"]:
            term = words_of.stem(run["word"])
            if term in asked or (begun and words_of.is_begun(term, begun)):
                yield run.span()
            continue
        for at in range(len(run[0])):
            if run[0][at] == begun and begun in asked:
                yield run.start() + at, run.start() + at + 1
            elif run[0][at : at + 2] in asked or (len(run[0]) == 1 and run[0] in asked):
                yield run.start() + at, min(run.start() + at + 2, run.end())


def _joined(found: Sequence[Span], source: str) -> Iterator[Span]:
    """Yield the places, overlapping and touching ones as one."""
    last: Span | None = None
    for start, stop in found:
        if last is not None and start <= last[1] and (start < last[1] or words_of.is_cjk(source[start])):
            last = last[0], max(last[1], stop)
            continue
        if last is not None:
            yield last
        last = start, stop
    if last is not None:
        yield last
