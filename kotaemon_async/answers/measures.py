"""Amounts with their units, in English and Chinese: 3 km are 3,000 metres, and not 3 miles.

>>> contradicted("The tank holds 40 g.", "The tank holds 40 kg.")
['40 g']
>>> contradicted("The pipe is 3,000 metres long.", "The pipe is 3 km long.")
[]
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from kotaemon_async.domain import text
from kotaemon_async.domain.numbers import NUMERALS, number

#: What one of a unit is in the first one of its line.
_UNIT_LINES: Final = """
    second seconds sec s 秒 =1 | minute minutes min mins 分钟 =60 | hour hours hr hrs h 小时 =3600
    | day days 天 =86400 | week weeks 周 星期 =604800
    month months 个月 =1 | year years yr yrs 年 =12 | decade decades =120
    mm millimetre millimetres millimeter millimeters 毫米 =1
    | cm centimetre centimetres centimeter centimeters 厘米 公分 =10
    | m metre metres meter meters 米 公尺 =1000
    | km kilometre kilometres kilometer kilometers 公里 千米 =1000000 | 海里 =1852000
    | nm nanometre nanometres nanometer nanometers 纳米 =0.000001 | 尺 =333.3 | 丈 =3333.3 | 里 =500000
    | μm micrometre micrometres micrometer micrometers micron microns 微米 =0.001 | yard yards =914.4
    | inch inches 英寸 =25.4 | foot feet ft 英尺 =304.8 | mile miles 英里 =1609344
    mg milligram milligrams 毫克 =1 | g gram grams gramme grammes 克 =1000
    | kg kilogram kilograms kilogramme kilogrammes 公斤 千克 =1000000
    | tonne tonnes ton tons 吨 =1000000000
    ml millilitre millilitres milliliter milliliters 毫升 =1 | l litre litres liter liters 升 =1000
    % percent pct 百分点 =1
    $ usd dollar dollars 美元 美金 =1
    € eur euro euros 欧元 =1
    £ gbp 英镑 =1
    ¥ cny rmb yuan 元 人民币 =1
    yen jpy 日元 =1
    °c =1
    °f =1
"""
_UNITS: Final[dict[str, tuple[int, float]]] = {
    name: (line, float(factor))
    for line, names in enumerate(re.sub(r"\n\s*\|", " |", _UNIT_LINES).strip().splitlines())
    for unit in names.split("|")
    for names_of, _, factor in (unit.partition("="),)
    for name in names_of.split()
}
_TIMES: Final = frozenset({_UNITS["s"][0], _UNITS["months"][0]})
_LENGTHS: Final = frozenset({_UNITS["m"][0]})
#: Asked with these words, told with a unit of these lines.
_MEASURED: Final = (
    (re.compile(r"\bhow (?:long|far)\b|多[长远]"), _TIMES | _LENGTHS),
    (re.compile(r"\bhow (?:deep|wide)\b|多[深宽]"), _LENGTHS),
)
_YEAR: Final = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")
_SCALES: Final = {
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "万": 1e4,
    "百万": 1e6,
    "千万": 1e7,
    "亿": 1e8,
}
_SMALL_WORDS: Final = "one two three four five six seven eight nine ten eleven twelve"
_SMALL: Final = {word: float(value) for value, word in enumerate(_SMALL_WORDS.split(), 1)}
_PARTS: Final = {"half": 50.0, "a quarter": 25.0, "one quarter": 25.0, "three quarters": 75.0, "一半": 50.0}
_NAMES: Final = "|".join(re.escape(name) for name in sorted(_UNITS, key=len, reverse=True))
_DIGITS: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_AMOUNT: Final = re.compile(
    rf"(?P<before>[$€£¥])?\s?(?<![a-z0-9_.,第几数])(?P<n>{_DIGITS}|(?:{'|'.join(_SMALL)})\b"
    rf"|[{NUMERALS}][{NUMERALS}万亿]*)"
    rf"(?:[ -]?(?P<scale>{'|'.join(sorted(_SCALES, key=len, reverse=True))}))?"
    rf"(?:[ -]?(?P<unit>{_NAMES})(?![a-z]))?"
)
_CHINESE_PERCENT: Final = re.compile(rf"百分之(?P<n>{_DIGITS}|[{NUMERALS}]+)")
_PART: Final = re.compile(rf"\b(?:{'|'.join(one for one in _PARTS if one.isascii())})\b|一半")
#: Equal are amounts that differ by no more than rounding.
_NEAR: Final = 0.001
#: A larger number in front of 年 is a year and no span.
_MOST_YEARS: Final = 1000


class _Amount(NamedTuple):
    """An amount as it is written; its number, and how much it is in the first unit of a dimension."""

    written: str
    number: float
    dimension: int | None
    value: float


def contradicted(claim: str, source: str) -> list[str]:
    """Return the claim's amounts whose number the source has only with other units, or not at all."""
    stated = list(_amounts(source))
    return [
        one.written
        for one in _amounts(claim)
        if one.dimension is not None and not _is_stated(one, stated) and _is_other(one, stated)
    ]


def is_measured(question: str, said: str) -> bool:
    """Return whether a text has an amount in a unit of what the question measures; else True as well.

    Two years tell how long something was.
    """
    plain = text.folded(question)
    wanted = next((units for pattern, units in _MEASURED if pattern.search(plain)), None)
    if wanted is None or any(one.dimension in wanted for one in _amounts(text.folded(said))):
        return True
    return wanted >= _TIMES and len(set(_YEAR.findall(said))) > 1


def restated(claim: str, source: str) -> str:
    """Return the claim without the amounts that the source states, in whatever unit and spelling."""
    stated = list(_amounts(source))
    plain = text.normalized(claim)
    for one in _amounts(claim):
        if one.dimension is not None and _is_stated(one, stated):
            plain = plain.replace(one.written, " ", 1)
    return plain


def _is_stated(one: _Amount, stated: list[_Amount]) -> bool:
    return any(
        two.dimension == one.dimension and abs(two.value - one.value) <= _NEAR * abs(one.value)
        for two in stated
    )


def _is_other(one: _Amount, stated: list[_Amount]) -> bool:
    """Return whether the number stands there with units alone, or a small one not at all beside its like."""
    same = [two for two in stated if two.number == one.number]
    if same:
        return all(two.dimension is not None for two in same)
    return any(two.dimension == one.dimension for two in stated)


def _amounts(words: str) -> Iterator[_Amount]:
    plain = text.normalized(words)
    for match in _CHINESE_PERCENT.finditer(plain):
        found = _number(match["n"])
        yield _Amount(match[0], found, _UNITS["%"][0], found)
    for match in _PART.finditer(plain):
        yield _Amount(match[0], _PARTS[match[0]], _UNITS["%"][0], _PARTS[match[0]])
    for match in _AMOUNT.finditer(_CHINESE_PERCENT.sub(" ", plain.replace("per cent", "percent"))):
        found = _number(match["n"])
        unit = match["before"] or match["unit"]
        if unit == "年" and found >= _MOST_YEARS:
            unit = None
        dimension, factor = _UNITS[unit] if unit else (None, 1.0)
        yield _Amount(
            match[0].strip(), found, dimension, found * _SCALES.get(match["scale"] or "", 1.0) * factor
        )


def _number(written: str) -> float:
    if written in _SMALL:
        return _SMALL[written]
    return float(written.replace(",", "")) if written[0].isascii() else float(number(written))
