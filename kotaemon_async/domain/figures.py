"""Figures, dates, amounts, versions and codes as one term each, however they are written; of folded text.

A whole is written with a letter that texts do not have: 04.07.2031 and 07.04.2031 have the
same parts, and are two terms.

>>> [whole.terms[0] for whole in figures("from 1.234,56 to 2031-03-05")]
['ǂ1234ǂ56', 'ǂ2031ǂ3ǂ5']
>>> [code.terms for code in codes("part abc-123")]
[('abc123',)]
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from kotaemon_async.domain.numbers import NUMERALS, number
from kotaemon_async.domain.text import CJK_CHARACTER, stem

#: Joins the parts of a whole.
JOINT: Final = "ǂ"
_MAX_CODE_CHARS: Final = 40
_MAX_WORD_CHARS: Final = 24

_MONTH_NAMES: Final = """
    january february march april may june july august september october november december
    jan feb mar apr may jun jul aug sep oct nov dec
    januar februar marz april mai juni juli august september oktober november dezember
"""
_MONTHS: Final = {name: str(number % 12 + 1) for number, name in enumerate(_MONTH_NAMES.split())} | {
    "sept": "9"
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY: Final = r"(\d{1,2})(?:st|nd|rd|th|\.)?"

_PARTS: Final = re.compile(r"\d+(?:[.,:/\-]\d+)+")
#: What may stand before them: no letter, as in a code, but for v3.5 and python3.12; no joined word.
_IN_A_CODE: Final = re.compile(r"(?:\w|\w[-_])$")
_VERSION: Final = re.compile(r"(?<=[a-z])\d+(?:\.\d+)+")
_SEPARATOR: Final = re.compile(r"[.,:/\-]")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+")
_AMOUNT: Final = re.compile(r"\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:\.\d{3})+,\d+")
_DAY_FIRST: Final = re.compile(rf"{_DAY} (?:of )?({_MONTH})\b\.?(?:,? (\d{{4}})\b)?")
_MONTH_FIRST: Final = re.compile(
    rf"\b({_MONTH})(?:\.? {_DAY}(?:,? (\d{{4}})\b)?(?![\d.,:]*\d)|\.?,? (\d{{4}})\b)"
)
_CHINESE_DATE: Final = re.compile(
    rf"(?:(?<!\d)(\d{{4}}|[{NUMERALS}]{{4}}) ?年 ?)?(?<!\d)(\d{{1,2}}|[{NUMERALS}]{{1,3}}) ?月"
    rf"(?: ?(\d{{1,2}}|[{NUMERALS}]{{1,3}}) ?[日号])?"
)
_CODE: Final = re.compile(
    r"[a-z0-9]+(?:[-_./][a-z0-9]+)+|(?<![a-z0-9])(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]+"
)
_PUNCTUATION: Final = ".,;:!?()[]\"'"
_PLUS: Final = re.compile(r"(?<![a-z0-9])([a-z])(\+\+|#)")
_PIECE: Final = re.compile(r"[a-z]+|\d+")
_JOINED: Final = re.compile(r"[-_./]")


class Whole(NamedTuple):
    """What has parts: its terms, the whole one first, and the words that it was written with."""

    terms: tuple[str, ...]
    written: str


def figures(folded: str) -> Iterator[Whole]:
    """Yield dates, amounts, versions, addresses and times of a folded text."""
    spaced = latin(folded)
    for match in _PARTS.finditer(spaced):
        if not _IN_A_CODE.search(spaced[max(0, match.start() - 2) : match.start()]):
            yield Whole(_figure_terms(match[0]), match[0])
        elif version := _VERSION.fullmatch(spaced, match.start(), match.end()):
            yield Whole(_figure_terms(version[0]), version[0])
    yield from _named_dates(spaced)
    for match in _CHINESE_DATE.finditer(folded) if "月" in folded else ():
        year, month, day = (part and number(part) for part in match.groups())
        if year or day:
            yield Whole(_date(year, month or "", day), match[0])


def codes(folded: str) -> Iterator[Whole]:
    """Yield letters and digits that are one name, with the parts of it that words do not have."""
    for word in latin(folded).split():
        # Few words have anything else than letters, and only those are looked at closely.
        if not word.strip(_PUNCTUATION).isalpha():
            yield from _codes(word)


def latin(folded: str) -> str:
    """Return the text with a blank for each CJK character, next to which a number or code may stand."""
    return CJK_CHARACTER.sub(" ", folded)


def _named_dates(spaced: str) -> Iterator[Whole]:
    """Yield dates whose month is a word: with the day before it, or behind it, or a year alone."""
    months: set[int] = set()
    for match in _DAY_FIRST.finditer(spaced):
        if not spaced[match.start() - 1 : match.start()].isalnum():
            months.add(match.start(2))
            yield Whole(_date(match[3], _MONTHS[match[2]], number(match[1])), match[0])
    for match in _MONTH_FIRST.finditer(spaced):
        if match.start(1) not in months:
            day = match[2] and number(match[2])
            yield Whole(_date(match[3] or match[4], _MONTHS[match[1]], day), match[0])


def _codes(word: str) -> Iterator[Whole]:
    for match in _CODE.finditer(word):
        if terms := _code_terms(match[0]):
            yield Whole(terms, match[0])
    for match in _PLUS.finditer(word):
        yield Whole((match[1] + JOINT + ("pp" if match[2] == "++" else "sharp"),), match[0])


def _figure_terms(written: str) -> tuple[str, ...]:
    parts = _SEPARATOR.split(written)
    if _AMOUNT.fullmatch(written):
        return (JOINT.join(("", "".join(parts[:-1]), parts[-1])),)
    if _THOUSANDS.fullmatch(written):
        joined = "".join(parts)
        # 1.234 may also be one and a part; 1,234 in a table of a German text, too.
        return (joined, JOINT.join(("", *parts))) if len(parts) == 2 else (joined,)
    if (date := _numeric_date(written, parts)) is not None:
        return date
    return (JOINT.join(("", number(parts[0]), *parts[1:])),)


def _numeric_date(written: str, parts: list[str]) -> tuple[str, ...] | None:
    """Return the terms of year-month-day or day.month.year; other orders only as they are written."""
    if len(parts) != 3 or not {len(parts[0]), len(parts[2])} & {4}:
        return None
    first, second, third = map(number, parts)
    if len(parts[0]) == 4:
        return _date(first, second, third)
    as_written = JOINT.join(("", first, second, third))
    is_day_first = "." in written or int(first) > 12
    if is_day_first and int(second) <= 12:
        return (as_written, *_date(third, second, first))
    return (as_written, *_date(third, first, second)) if int(second) > 12 else (as_written,)


def _date(year: str | None, month: str, day: str | None) -> tuple[str, ...]:
    """Return the date, and, as a text may name no more, its month of the year and its day of any year."""
    of_year = [JOINT.join(("", year, month))] if year else []
    of_any = [JOINT.join(("", "m" + month, day))] if day else []
    whole = [JOINT.join(("", year, month, day))] if year and day else []
    return (*whole, *of_year, *of_any)


def _code_terms(code: str) -> tuple[str, ...]:
    pieces = _PIECE.findall(code)
    joined = "".join(pieces)
    if all(map(str.isalpha, pieces)):
        is_word = "-" in code and "/" not in code and len(code) <= _MAX_WORD_CHARS
        return (stem(joined),) if is_word else ()
    if all(map(str.isdecimal, pieces)) or len(code) > _MAX_CODE_CHARS:
        return ()
    glued = [_PIECE.findall(part) for part in _JOINED.split(code)]
    apart = [piece for group in glued if len(group) > 1 for piece in group]
    return (joined, *(stem(piece) for piece in apart if len(piece) > 1 or piece.isdecimal()))
