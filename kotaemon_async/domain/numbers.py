"""Numbers of a text as digits, whether they are written in digits, in English words or in Chinese numerals.

>>> sorted(numbers("twenty-five of 3万 people, 1,200 of them in 二〇三一"))
['1200', '2031', '20', '25', '3', '30000', '5']
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from kotaemon_async.domain import text

_MOST_DIGITS: Final = 16
_ONES: Final = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
"""
_DECADES: Final = "ten twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS: Final = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth"
_WORDS: Final = (
    {word: 10 * value for value, word in enumerate(_DECADES.split(), 1)}
    | {word: value for value, word in enumerate(_ORDINALS.split())}
    | {word: value for value, word in enumerate(_ONES.split())}
    | {"once": 1, "twice": 2, "both": 2, "single": 1}
)
_SCALES: Final = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_MYRIADS: Final = {"万": 10_000, "亿": 100_000_000}
_NUMERALS: Final = {one: value for value, one in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS: Final = {"十": 10, "百": 100, "千": 1_000}

#: Chinese numerals below ten thousand.
NUMERALS: Final = "".join([*_NUMERALS, *_TENS])
#: A number in digits and the word that multiplies it.
SCALED: Final = re.compile(r"(\d+(?:\.\d+)?)[ -]?(thousand|million|billion|万|亿)")
#: Roman numerals from 2 to 89 with more than one digit: Super Bowl XXXIII, World War II.
ROMAN: Final = re.compile(r"(?<![A-Za-z])(?=[IVXL]{2})(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?![A-Za-z])")
_ROMAN_DIGITS: Final = {"I": 1, "V": 5, "X": 10, "L": 50}
_NUMERAL: Final = re.compile(f"[{NUMERALS}][{NUMERALS}万亿]*")
_LARGE_NUMERAL: Final = re.compile(
    f"(?<![{NUMERALS}万亿几数])(?=[{NUMERALS}]*[十百千])(?:[{NUMERALS}]{{2,}}[万亿]?|[{NUMERALS}][万亿])"
    f"(?![{NUMERALS}万亿多几余分])|(?<![{NUMERALS}几数])[二三四五六七八九](?=[天岁米])"
)
_LARGE_WORDS: Final = re.compile(
    r"\b(?:(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)"
    r"(?:[ -](?:one|two|three|four|five|six|seven|eight|nine)|\b)"
)
_WORD: Final = re.compile(r"[a-z]+")


def numbers(source: str) -> set[str]:
    """Return every number that the text states, without leading zeros, and the parts of longer ones."""
    plain = text.normalized(source)
    found = {number(digits) for digits in re.findall(r"\d+", plain)}
    found |= {scaled(match) for match in SCALED.finditer(plain)}
    found |= {number(numeral) for numeral in _NUMERAL.findall(plain)}
    found |= {_roman(match[0]) for match in ROMAN.finditer(source)}
    return found | _spelled(_WORD.findall(plain))


def _roman(numeral: str) -> str:
    """Return a Roman numeral in digits."""
    values = [_ROMAN_DIGITS[digit] for digit in numeral]
    return str(sum(-one if one < two else one for one, two in pairwise([*values, 0])))


def written_out(source: str) -> list[tuple[str, str]]:
    """Return larger numbers that stand in numerals or words, each as it is written and in digits.

    Small ones may be an article, a part of a name, or what somebody has counted.
    """
    plain = text.normalized(source)
    numerals = [match[0] for match in _LARGE_NUMERAL.finditer(plain)]
    words = [match[0] for match in _LARGE_WORDS.finditer(plain)]
    spelled = [(one, max(_spelled(_WORD.findall(one)), key=int)) for one in words]
    return [*((one, number(one)) for one in numerals), *spelled]


def number(written: str) -> str:
    """Return the digits of a number that is written in digits or in Chinese numerals.

    >>> number("二〇三一"), number("三百零五"), number("两万三千"), number("007")
    ('2031', '305', '23000', '7')
    """
    if written.isdecimal():
        return str(int(written)) if len(written) < _MOST_DIGITS else written
    if not {*_TENS, *_MYRIADS} & set(written):
        return "".join(str(_NUMERALS[character]) for character in written)
    whole = section = digit = 0
    for character in written:
        if character in _NUMERALS:
            digit = _NUMERALS[character]
        elif character in _TENS:
            section, digit = section + (digit or 1) * _TENS[character], 0
        else:
            whole, section, digit = (whole + section + digit) * _MYRIADS[character], 0, 0
    return str(whole + section + digit)


def scaled(match: re.Match[str]) -> str:
    """Return the digits of what SCALED has found."""
    return str(round(float(match[1]) * (_SCALES | _MYRIADS)[match[2]]))


def _spelled(words: Iterable[str]) -> set[str]:
    """Return the numbers that stand in words, each word's own and that of words in a row."""
    found: set[str] = set()
    whole = section = 0
    for word in [*words, ""]:
        if word in _WORDS:
            found.add(str(_WORDS[word]))
            section += _WORDS[word]
        elif word == "hundred":
            section = (section or 1) * 100
        elif word in _SCALES:
            whole, section = whole + (section or 1) * _SCALES[word], 0
        elif word != "and" and whole + section:
            found.add(str(whole + section))
            whole = section = 0
    return found
