"""Styles and lists of binary Word documents; runs inside a parser child.

Source: MS-DOC 2.9.271 (STSH), 2.9.260 (STD), 2.9.190 (PlfLst), 2.9.150 (LVL), 2.9.189 (PlfLfo).
"""

import struct

from kotaemon_async.documents.parsing.office.child_doc_properties import ParagraphFormat, apply_to_paragraph
from kotaemon_async.documents.parsing.office.child_docx_numbers import Level, NumberedList
from kotaemon_async.documents.parsing.office.child_docx_styles import named_level

_MOST_STYLES = 4095
_MOST_ANCESTORS = 20
_NONE = 0xFFF
_HEADINGS = range(1, 10)
_TITLE = 62
_PARAGRAPH_STYLE = 1
_MOST_LISTS = 10_000
_LEVELS = 9
_LIST_BYTES, _LEVEL_BYTES, _OVERRIDE_BYTES = 28, 28, 16
#: Forms of numbers by their codes. Source: MS-OSHARED 2.2.1.3.
_FORMS = {
    0: "decimal", 1: "upperRoman", 2: "lowerRoman", 3: "upperLetter", 4: "lowerLetter", 5: "ordinal",
    10: "ideographDigital", 11: "japaneseCounting", 12: "aiueo", 14: "decimalFullWidth", 16: "japaneseLegal",
    17: "japaneseDigitalTenThousand", 18: "decimalEnclosedCircle", 19: "decimalFullWidth",
    20: "aiueoFullWidth", 22: "decimalZero", 23: "bullet", 24: "ganada", 28: "decimalEnclosedCircleChinese",
    29: "ideographEnclosedCircle", 30: "ideographTraditional", 31: "ideographZodiac", 33: "taiwaneseCounting",
    34: "ideographLegalTraditional", 35: "taiwaneseCountingThousand", 36: "taiwaneseDigital",
    37: "chineseCounting", 38: "chineseLegalSimplified", 39: "chineseCountingThousand", 255: "none",
}  # fmt: skip
_ENDINGS = ("tab", "space", "nothing")


def styles_of(table: bytes) -> list[ParagraphFormat]:
    """Return what each style says of its paragraphs, by its number, with what it has from others."""
    if len(table) < 6:
        return []
    size, count, base_bytes = struct.unpack_from("<HHH", table)
    place = 2 + size
    own: list[tuple[int, ParagraphFormat]] = []
    for _ in range(min(count, _MOST_STYLES)):
        length = int.from_bytes(table[place : place + 2], "little")
        own.append(_style(table[place + 2 : place + 2 + length], base_bytes))
        place += 2 + length
    return [_whole(own, number) for number in range(len(own))]


def _style(entry: bytes, base_bytes: int) -> tuple[int, ParagraphFormat]:
    """Return the style that one is based on, and what it says itself."""
    found = ParagraphFormat()
    if len(entry) < base_bytes + 2 or base_bytes < 6:
        return _NONE, found
    code, based, counts = struct.unpack_from("<HHH", entry)
    letters = int.from_bytes(entry[base_bytes : base_bytes + 2], "little")
    name_end = base_bytes + 2 + 2 * letters
    name = entry[base_bytes + 2 : name_end].decode("utf-16-le", "replace")
    if based & 0xF != _PARAGRAPH_STYLE:
        return _NONE, found
    place = name_end + 2
    if counts & 0xF:
        size = int.from_bytes(entry[place : place + 2], "little")
        apply_to_paragraph(found, entry[place + 4 : place + 2 + size])
    kind = code & 0xFFF
    if kind in _HEADINGS:
        found.level = kind - 1
    elif kind == _TITLE:
        found.level = 0
    elif (level := named_level(name)) is not None:
        found.level = level
    return based >> 4, found


def _whole(own: list[tuple[int, ParagraphFormat]], number: int) -> ParagraphFormat:
    whole, seen = ParagraphFormat(style=number), 0
    while number < len(own) and seen < _MOST_ANCESTORS:
        based, one = own[number]
        for name in ("level", "list_id", "list_level"):
            if getattr(whole, name) is None:
                setattr(whole, name, getattr(one, name))
        number, seen = based, seen + 1
    return whole


def lists_of(lists: bytes, overrides: bytes) -> dict[str, NumberedList]:
    """Return the lists by the numbers with which paragraphs name them, from 1 on.

    Both tables come with what is written behind them: levels, and where lists start anew.
    """
    levels = _levels(lists)
    stated = int.from_bytes(overrides[:4], "little") if len(overrides) >= 4 else 0
    count = min(stated, _MOST_LISTS, max(len(overrides) - 4, 0) // _OVERRIDE_BYTES)
    place = 4 + _OVERRIDE_BYTES * count
    found = {}
    for number in range(count):
        at = 4 + _OVERRIDE_BYTES * number
        key, changes = struct.unpack_from("<I", overrides, at)[0], overrides[at + 12]
        one = found[str(number + 1)] = NumberedList(str(key), dict(levels.get(key, {})))
        place = _override(one, overrides, place + 4, changes)
    return found


def _override(one: NumberedList, overrides: bytes, place: int, count: int) -> int:
    """Read where a list differs from the one that counts for it; return where the next one stands."""
    for _ in range(min(count, _LEVELS)):
        if place + 8 > len(overrides):
            break
        start, bits = struct.unpack_from("<iI", overrides, place)
        place += 8
        if bits & 0x10:
            one.starts[bits & 0xF] = start
        if bits & 0x20 and place + _LEVEL_BYTES + 2 <= len(overrides):
            one.levels[bits & 0xF], place = _level(overrides, place)
    return place


def _levels(lists: bytes) -> dict[int, dict[int, Level]]:
    if len(lists) < 2:
        return {}
    count = min(int.from_bytes(lists[:2], "little"), _MOST_LISTS, (len(lists) - 2) // _LIST_BYTES)
    place = 2 + _LIST_BYTES * count
    found: dict[int, dict[int, Level]] = {}
    for number in range(count):
        at = 2 + _LIST_BYTES * number
        key, styles = struct.unpack_from("<I", lists, at)[0], struct.unpack_from("<9H", lists, at + 8)
        is_simple = bool(lists[at + 26] & 1)
        found[key] = {}
        for level in range(1 if is_simple else _LEVELS):
            if place + _LEVEL_BYTES + 2 > len(lists):
                return found
            found[key][level], place = _level(lists, place)
            found[key][level].style = str(styles[level]) if styles[level] != _NONE else ""
    return found


def _level(lists: bytes, place: int) -> tuple[Level, int]:
    """Return a level of a list, and where the next one stands."""
    start, form, flags = struct.unpack_from("<iBB", lists, place)
    ending, character_bytes, paragraph_bytes, restarts = lists[place + 15], *lists[place + 24 : place + 27]
    at = place + _LEVEL_BYTES + paragraph_bytes + character_bytes
    length = int.from_bytes(lists[at : at + 2], "little")
    text = lists[at + 2 : at + 2 + 2 * length].decode("utf-16-le", "replace")
    level = Level(
        start=start if 0 <= start < 0x8000 else 1,
        form=_FORMS.get(form, "decimal"),
        text="".join(f"%{ord(sign) + 1}" if ord(sign) < _LEVELS else sign for sign in text),
        ending=_ENDINGS[min(ending, 2)],
        restarts=restarts if flags & 8 else None,
        is_legal=bool(flags & 4),
    )
    return level, at + 2 + 2 * length
