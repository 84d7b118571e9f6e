"""Numbers and dates as a spreadsheet shows them, by its format codes; runs inside a parser child.

Source: ECMA-376 part 1, 18.8.30 and 18.8.31. Separators are those of English; dates whose order follows the
reader's country (codes 14 and 22) are shown as 2026-06-01.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

_BUILT_IN: Final = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd hh:mm",
    27: 'yyyy"年"m"月"',
    28: 'm"月"d"日"',
    29: 'm"月"d"日"',
    30: "yyyy-mm-dd",
    31: 'yyyy"年"m"月"d"日"',
    32: 'h"时"mm"分"',
    33: 'h"时"mm"分"ss"秒"',
    34: 'h"时"mm"分"',
    35: 'h"时"mm"分"ss"秒"',
    36: 'yyyy"年"m"月"',
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: '#,##0;(#,##0);"-"',
    42: '"$"#,##0;("$"#,##0);"-"',
    43: '#,##0.00;(#,##0.00);"-"',
    44: '"$"#,##0.00;("$"#,##0.00);"-"',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
    50: 'yyyy"年"m"月"',
    51: 'm"月"d"日"',
    52: 'yyyy"年"m"月"',
    53: 'm"月"d"日"',
    54: 'm"月"d"日"',
    55: 'h"时"mm"分"',
    56: 'h"时"mm"分"ss"秒"',
    57: 'yyyy"年"m"月"',
    58: 'm"月"d"日"',
}
GENERAL: Final = "General"
#: Codes longer than this are no codes that a person wrote (Excel takes 255 characters).
_CODE_CHARS = 1000
#: Numbers beyond so many places are shown as the file writes them.
_PLACES = 40
_EXACT = Context(prec=3 * _PLACES, rounding=ROUND_HALF_UP)
#: What a double tells for sure.
_SIGNIFICANT = 15
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*].|\[(?P<bracket>[^\]]*)\]?|(?P<general>General)'
    r"|(?P<half>AM/PM|A/P|上午/下午)|(?P<exponent>E[+-])"
    r"|(?P<date>y+|e+|m+|d+|h+|s+(?:\.0+)?|aaaa?(?!a)|ggg?)|(?P<slot>[0#?])|(?P<sign>[.,%/@])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d{1,30}(?:\.\d{1,30})?)\Z")
_FIRST_DAY = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 - a sheet's time has no zone
#: Days that a date system knows: up to the end of 9999.
_LAST_DAY = {False: 2_958_466, True: 2_957_004}
#: The system of 1900 counts a 29 February that never was; days before it are one off.
_NO_DAY = 60
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def code_of(number: int, own: str | None = None) -> str:
    """Return the format code behind a number: the workbook's own, or the one that is built in."""
    return own or _BUILT_IN.get(number, GENERAL)


def shown(number: str, code: str, *, from_1904: bool = False) -> str:
    """Return the number, given as the file writes it, as a cell with this code shows it."""
    if code == GENERAL and number.isdecimal() and len(number) <= _PLACES and number[:1] != "0":
        return number
    try:
        value = Decimal(number)
    except InvalidOperation:
        return number
    if not value.is_finite() or not -_PLACES <= value.adjusted() <= _PLACES:
        return number[: 2 * _PLACES]
    return _format(code).show(value, from_1904) or plain(value)


def shown_text(text: str, code: str) -> str:
    """Return the text of a cell with what its format code puts around it."""
    if code in {GENERAL, "@"} or "@" not in code:
        return text
    return _format(code).show_text(text) or text


def plain(value: Decimal) -> str:
    """Return a number without format: all digits of a whole one, else those that a double tells for sure."""
    if value == value.to_integral_value():
        return f"{value.to_integral_value():f}"
    places = min(max(_SIGNIFICANT - 1 - value.adjusted(), 0), _PLACES)
    rounded = value.quantize(Decimal(1).scaleb(-places), context=_EXACT) if places < _PLACES else value
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Token(NamedTuple):
    """A piece of a section: a literal, a slot for a digit, a part of a date, or a sign with a meaning."""

    kind: str
    text: str


class _Section(NamedTuple):
    tokens: tuple[_Token, ...]
    condition: tuple[str, Decimal] | None

    @property
    def kinds(self) -> set[str]:
        return {token.kind for token in self.tokens}


class _Format:
    """A format code, taken apart."""

    def __init__(self, code: str) -> None:
        self.sections = [_section(part) for part in _parts(code[:_CODE_CHARS])]
        told = [section for section in self.sections if section.kinds & {"text"}]
        self._text = told[-1] if told else None

    def show(self, value: Decimal, from_1904: bool) -> str:
        section, is_signed = self._chosen(value)
        kinds = section.kinds
        if "date" in kinds and "slot" not in kinds:
            return _date(section.tokens, value, from_1904)
        body = _number(section.tokens, abs(value))
        return f"-{body}" if value < 0 and is_signed and body.strip("0.,") else body

    def show_text(self, text: str) -> str:
        if self._text is None:
            return text
        return "".join(text if token.kind == "text" else token.text for token in self._text.tokens).strip()

    def _chosen(self, value: Decimal) -> tuple[_Section, bool]:
        """Return the section for a value, and whether a minus has to be put in front."""
        numeric = self.sections[:3]
        if any(section.condition for section in numeric):
            fitting = next((one for one in numeric if _meets(value, one.condition)), numeric[-1])
            return fitting, True
        if value < 0 and len(numeric) > 1:
            return numeric[1], False
        return (numeric[2] if value == 0 and len(numeric) > 2 else numeric[0]), True


@lru_cache(maxsize=512)
def _format(code: str) -> _Format:
    return _Format(code)


def _parts(code: str) -> list[str]:
    """Return the sections of a code, parted by semicolons that are not quoted."""
    parts = [""]
    for found in _TOKEN.finditer(code):
        if found["plain"] == ";":
            parts.append("")
        else:
            parts[-1] += found[0]
    return parts[:4]


def _section(part: str) -> _Section:
    tokens: list[_Token] = []
    condition = None
    for found in _TOKEN.finditer(part):
        if found["bracket"] is not None:
            tested = _CONDITION.match(found["bracket"])
            if tested:
                condition = (tested[1], Decimal(tested[2]))
            else:
                tokens += _bracket(found["bracket"])
        else:
            tokens += _token(found)
    return _Section(tuple(_with_minutes(tokens)), condition)


def _token(found: re.Match[str]) -> list[_Token]:
    name, text = found.lastgroup, found[0]
    match name:
        case "quoted" | "escaped" | "plain":
            return [_Token("literal", found[name])]
        case "general" | "slot" | "exponent":
            return [_Token(name, text)]
        case "date" | "half":
            return [_Token("date", text if name == "date" else "AM/PM")]
        case "sign":
            kinds = {".": "point", ",": "comma", "%": "percent", "/": "slash", "@": "text"}
            return [_Token(kinds[text], text)]
        case _:
            return [_Token("literal", " ")] if text[0] == "_" else []


def _bracket(inside: str) -> list[_Token]:
    """Return what stands in brackets: a currency, time that has passed, or nothing (colours, languages)."""
    if inside.startswith("$"):
        return [_Token("literal", inside[1:].partition("-")[0])]
    return [_Token("date", f"[{inside.lower()}]")] if _ELAPSED.fullmatch(inside) else []


def _with_minutes(tokens: Sequence[_Token]) -> list[_Token]:
    """Return the tokens where an m behind hours or before seconds stands for minutes."""
    places = [place for place, token in enumerate(tokens) if token.kind == "date" and token.text != "AM/PM"]
    found = list(tokens)
    for at, place in enumerate(places):
        text = tokens[place].text.lower()
        if text not in {"m", "mm"}:
            continue
        before = tokens[places[at - 1]].text.lower() if at else ""
        after = tokens[places[at + 1]].text.lower() if at + 1 < len(places) else ""
        if before.strip("[").startswith("h") or after.strip("[").startswith("s"):
            found[place] = _Token("date", "i" * len(text))
    return found


def _meets(value: Decimal, condition: tuple[str, Decimal] | None) -> bool:
    if condition is None:
        return True
    sign, limit = condition
    tests: dict[str, Callable[[], bool]] = {
        "<": lambda: value < limit,
        ">": lambda: value > limit,
        "<=": lambda: value <= limit,
        ">=": lambda: value >= limit,
        "<>": lambda: value != limit,
        "=": lambda: value == limit,
    }
    return tests[sign]()


# ---------------------------------------------------------------- numbers


def _number(tokens: Sequence[_Token], value: Decimal) -> str:
    """Return a number that is not negative by the tokens of its section."""
    kinds = [token.kind for token in tokens]
    if "slot" not in kinds:
        text = {"general": plain(value), "text": plain(value)}
        return "".join(text.get(token.kind, token.text) for token in tokens).strip()
    if "slash" in kinds:
        return _fraction(tokens, value)
    value *= Decimal(100) ** kinds.count("percent")
    if "exponent" in kinds:
        return _scientific(tokens, value)
    return _digits(tokens, value)


def _digits(tokens: Sequence[_Token], value: Decimal) -> str:
    """Fill the slots: whole places from the right, the first of them takes what is left."""
    tokens = [token for token in tokens if token.kind != "text"]
    slots = [place for place, token in enumerate(tokens) if token.kind == "slot"]
    point = next((place for place, token in enumerate(tokens) if token.kind == "point"), len(tokens))
    whole = [place for place in slots if place < point]
    places = [place for place in slots if place > point]
    commas = [place for place, token in enumerate(tokens) if token.kind == "comma"]
    last = whole[-1] if whole else -1
    grouped = any(whole and whole[0] < place < last for place in commas)
    value = value.scaleb(-3 * sum(last < place < point or place > slots[-1] for place in commas))
    text = f"{value.quantize(Decimal(1).scaleb(-min(len(places), _PLACES)), context=_EXACT):f}"
    before, _, after = text.partition(".")
    filled = _whole([tokens[place].text for place in whole], before, grouped)
    filled += _places([tokens[place].text for place in places], after)
    at = dict(zip(whole + places, filled, strict=True))
    if not "".join(filled[len(whole) :]) and point < len(tokens):
        at[point] = ""
    elif not whole and point < len(tokens):
        at[point] = "." if before == "0" else f"{before}."
    shown_tokens = (
        at.get(place, "" if token.kind == "comma" else token.text) for place, token in enumerate(tokens)
    )
    return " ".join("".join(shown_tokens).split())


def _whole(slots: Sequence[str], digits: str, grouped: bool) -> list[str]:
    """Return what each slot in front of the point shows."""
    digits = digits.lstrip("0")
    filled: list[str] = []
    for place, slot in enumerate(reversed(slots)):
        stop = max(len(digits) - place, 0)
        taken = digits[0 if place == len(slots) - 1 else max(stop - 1, 0) : stop]
        shown_here = taken or ("0" if slot == "0" else "")
        filled.append(_grouped(shown_here, place) if grouped else shown_here)
    return filled[::-1]


def _grouped(digits: str, place: int) -> str:
    """Put a comma behind each digit with three, six, … places to its right."""
    pieces: list[str] = []
    for at, digit in enumerate(digits):
        right = place + len(digits) - 1 - at
        pieces.append(f"{digit}," if right and right % 3 == 0 else digit)
    return "".join(pieces)


def _places(slots: Sequence[str], digits: str) -> list[str]:
    """Return what each slot behind the point shows; zeros at the end only where the code asks for them."""
    digits = digits.ljust(len(slots), "0")
    needed = max((at + 1 for at, slot in enumerate(slots) if slot == "0" or digits[at] != "0"), default=0)
    return [digit if at < needed else "" for at, digit in enumerate(digits[: len(slots)])]


def _scientific(tokens: Sequence[_Token], value: Decimal) -> str:
    at = next(place for place, token in enumerate(tokens) if token.kind == "exponent")
    point = next((place for place, token in enumerate(tokens) if token.kind == "point"), at)
    decimals = sum(token.kind == "slot" for token in tokens[point:at])
    width = sum(token.kind == "slot" for token in tokens[at:])
    mantissa, _, exponent = f"{value:.{min(decimals, _PLACES)}E}".partition("E")
    sign = "-" if exponent.startswith("-") else "+" if tokens[at].text[1] == "+" else ""
    rest = "".join(token.text for token in tokens if token.kind in {"literal", "percent"})
    return f"{mantissa}E{sign}{exponent.lstrip('+-').zfill(min(width, 10))}{rest}".strip()


def _fraction(tokens: Sequence[_Token], value: Decimal) -> str:
    at = next(place for place, token in enumerate(tokens) if token.kind == "slash")
    behind = "".join(token.text for token in tokens[at + 1 :]).strip()
    slots_before = "".join(token.text if token.kind in {"slot", "literal"} else "" for token in tokens[:at])
    has_whole = " " in slots_before.strip()
    whole = int(value) if has_whole else 0
    rest = Fraction(value) - whole
    if behind.isdecimal() and int(behind[:6]) > 0:
        bottom = int(behind[:6])
        top = round(rest * bottom)
    else:
        near = rest.limit_denominator(10 ** min(max(len(behind), 1), 4) - 1)
        top, bottom = near.numerator, near.denominator
    if has_whole and top == bottom:
        return str(whole + 1)
    if top == 0:
        return str(whole)
    return f"{whole} {top}/{bottom}" if whole else f"{top}/{bottom}"


# ---------------------------------------------------------------- dates


def _date(tokens: Sequence[_Token], value: Decimal, from_1904: bool) -> str:
    """Return a day or a time of day; nothing where the calendar does not reach."""
    if not 0 <= value < _LAST_DAY[from_1904]:
        return ""
    pieces = [token.text for token in tokens if token.kind == "date"]
    decimals = max((len(text.partition(".")[2]) for text in pieces if text[:1] in "sS"), default=0)
    tick = Decimal(1).scaleb(-min(decimals, 6))
    seconds = (value * 86400).quantize(tick, context=_EXACT)
    if not from_1904 and value < _NO_DAY and value >= 1:
        seconds += 86400
    moment = _FIRST_DAY[from_1904] + timedelta(microseconds=int(seconds * 1_000_000))
    halves = "AM/PM" in pieces
    total = int((value * 86400).quantize(tick, context=_EXACT))
    texts = (
        _date_piece(token.text, moment, total, halves) if token.kind == "date" else token.text
        for token in tokens
        if token.kind != "text"
    )
    return "".join(texts).strip()


def _date_piece(text: str, moment: datetime, total: int, halves: bool) -> str:
    """Return what a letter of the code stands for; `total` are the seconds that have passed."""
    letter, width = text[0].lower(), len(text)
    if letter == "[":
        passed = {"h": total // 3600, "m": total // 60, "s": total}[text[1]]
        return str(passed).zfill(width - 2)
    hour = (moment.hour % 12 or 12) if halves else moment.hour
    pieces: dict[str, Callable[[], str]] = {
        "y": lambda: f"{moment.year:04d}" if width > 2 else f"{moment.year % 100:02d}",
        "e": lambda: f"{moment.year:04d}",
        "m": lambda: _named(moment.month, width, _MONTHS),
        "d": lambda: str(moment.day).zfill(width) if width < 3 else _short(_DAYS[moment.weekday()], width),
        "h": lambda: str(hour).zfill(min(width, 2)),
        "i": lambda: str(moment.minute).zfill(width),
        "s": lambda: _seconds(text, moment),
        "a": lambda: _half_or_day(text, moment),
    }
    return pieces[letter]() if letter in pieces else ""


def _half_or_day(text: str, moment: datetime) -> str:
    if text == "AM/PM":
        return "AM" if moment.hour < 12 else "PM"
    return ("周", "星期")[len(text) > 3] + "一二三四五六日"[moment.weekday()]


def _named(month: int, width: int, names: Sequence[str]) -> str:
    if width < 3:
        return str(month).zfill(width)
    return names[month - 1][0] if width == 5 else _short(names[month - 1], width)


def _short(name: str, width: int) -> str:
    return name[:3] if width == 3 else name


def _seconds(text: str, moment: datetime) -> str:
    whole, _, places = text.partition(".")
    seconds = str(moment.second).zfill(min(len(whole), 2))
    return f"{seconds}.{moment.microsecond:06d}"[: len(seconds) + 1 + len(places)] if places else seconds
