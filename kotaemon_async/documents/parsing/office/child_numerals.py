"""Numbers as lists and headings write them: 4, iv, d, 四, ④; runs inside a parser child."""

from collections.abc import Callable

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST_ROMAN = 4999
_MOST_CHINESE = 99_999
_PLAIN_DIGITS = "〇一二三四五六七八九"
_DIGITS = "零一二三四五六七八九"
_FORMAL_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_STEPS = ("", "十", "百", "千", "万")
_FORMAL_STEPS = ("", "拾", "佰", "仟", "万")
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_GANADA = "가나다라마바사아자차카타파하"
_AIUEO = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"


def numeral(value: int, form: str) -> str:
    """Return the number as OOXML's numFmt of the name writes it; what it cannot write, in digits."""
    written = _FORMS[form](value) if value > 0 and form in _FORMS else ""
    return written or str(value)


def roman(value: int) -> str:
    """Return small Roman numerals; "" above 4,999."""
    if value > _MOST_ROMAN:
        return ""
    text = ""
    for step, letters in _ROMAN:
        text += letters * (value // step)
        value %= step
    return text


def letters(value: int) -> str:
    """Return a to z, then aa, bb, cc; "" where that is longer than a line."""
    times, place = divmod(value - 1, 26)
    return chr(97 + place) * (times + 1) if times < 20 else ""


def chinese(value: int, digits: str = _DIGITS, steps: tuple[str, ...] = _STEPS) -> str:
    """Return 十二, 一百零五; "" above 99,999."""
    if value > _MOST_CHINESE:
        return ""
    text, owed_zero = "", False
    for place, digit in enumerate(map(int, f"{value}"), 1 - len(f"{value}")):
        if digit:
            text += (digits[0] if owed_zero else "") + digits[digit] + steps[-place]
        owed_zero = not digit
    return text.removeprefix("一") if text.startswith("一十") else text


def _of(row: str) -> Callable[[int], str]:
    return lambda value: row[value - 1] if value <= len(row) else ""


def _ordinal(value: int) -> str:
    is_teen = value % 100 in (11, 12, 13)
    return f"{value}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(value % 10, 'th')}"


def _by_digits(value: int) -> str:
    return "".join(_PLAIN_DIGITS[int(digit)] for digit in str(value))


def _enclosed(value: int) -> str:
    return chr(0x245F + value) if value <= 20 else ""


_CHINESE = dict.fromkeys(
    (
        "chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting",
        "taiwaneseCountingThousand", "koreanCounting",
    ),
    chinese,
)  # fmt: skip
_FORMAL = dict.fromkeys(
    ("chineseLegalSimplified", "ideographLegalTraditional", "japaneseLegal"),
    lambda value: chinese(value, _FORMAL_DIGITS, _FORMAL_STEPS),
)
_FORMS: dict[str, Callable[[int], str]] = {
    **_CHINESE,
    **_FORMAL,
    "lowerRoman": roman,
    "upperRoman": lambda value: roman(value).upper(),
    "lowerLetter": letters,
    "upperLetter": lambda value: letters(value).upper(),
    "decimalZero": lambda value: f"{value:02}",
    "ordinal": _ordinal,
    "ideographDigital": _by_digits,
    "japaneseDigitalTenThousand": _by_digits,
    "taiwaneseDigital": _by_digits,
    "ideographTraditional": _of(_STEMS),
    "ideographZodiac": _of(_BRANCHES),
    "decimalEnclosedCircle": _enclosed,
    "decimalEnclosedCircleChinese": _enclosed,
    "ideographEnclosedCircle": _of("㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉"),
    "decimalFullWidth": lambda value: "".join(chr(0xFF10 + int(digit)) for digit in str(value)),
    "ganada": _of(_GANADA),
    "aiueo": _of(_AIUEO),
    "aiueoFullWidth": _of(_AIUEO),
    "russianLower": _of(_RUSSIAN),
    "russianUpper": _of(_RUSSIAN.upper()),
}
