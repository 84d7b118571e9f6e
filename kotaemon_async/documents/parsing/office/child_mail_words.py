"""The words of a mail: heads with encoded words, bodies in the charset they have, not the one they claim.

Source: RFC 2047, 3676.
"""

import contextlib
import datetime
import email.utils
import quopri
import re

from kotaemon_async.documents.parsing import child_charsets
from kotaemon_async.documents.parsing.child_charsets import tidy
from kotaemon_async.documents.parsing.office.child_mime import from_base64

#: A word in another charset: =?gb2312?B?…?=, with a language (RFC 2231), blanks in it or a lost end.
_ENCODED = re.compile(rb"=\?([\w.:+-]{2,40})(?:\*[\w-]*)?\?([BbQq])\?([^?\r\n]*)\?=")
_BLANKS = re.compile(r"\s+")
#: Charsets whose bytes are hardly ever good by chance: what they are said to be, they are if they fit.
_TELLING = frozenset({"gb18030", "big5hkscs", "cp932", "euc_jp", "cp949"})
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_QUOTE_MARKS = re.compile(r"((?:> ?)+)")


def decoded(data: bytes, declared: str = "") -> str:
    """Return the text that the bytes are; the declared charset is believed where it fits."""
    codec = child_charsets.codec_of(declared) if declared else None
    if codec in _TELLING:
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(codec)
    return child_charsets.decoded(data, declared or None)[0]


def head_text(value: bytes | str) -> str:
    """Return the value of a field in one line, its encoded words decoded; broken ones stay as they are."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    pieces: list[tuple[str, bytes]] = []  # charset ("" for what is not encoded) and bytes
    end = 0
    for word in _ENCODED.finditer(data):
        between = data[end : word.start()]
        if between.strip() or not pieces or not pieces[-1][0]:
            pieces.append(("", between))
        _join(pieces, word[1].decode("ascii").lower(), _word_bytes(word[2], word[3]))
        end = word.end()
    pieces.append(("", data[end:]))
    text = "".join(decoded(part, charset) for charset, part in pieces if part)
    return _BLANKS.sub(" ", tidy(text)).strip()


def _join(pieces: list[tuple[str, bytes]], charset: str, data: bytes) -> None:
    """Join neighbours of one charset: some programs cut a character between two words."""
    if pieces and pieces[-1][0] == charset:
        pieces[-1] = (charset, pieces[-1][1] + data)
    else:
        pieces.append((charset, data))


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Bb":
        return from_base64(text)
    return quopri.decodestring(text.replace(b"_", b" "), header=True)


def day_of(value: str) -> str:
    """Return the day of a Date field as "2 Mar 2026", or nothing."""
    try:
        found = email.utils.parsedate_to_datetime(value[:200])
    except (TypeError, ValueError, OverflowError, IndexError):
        return ""
    return day_name(found)


def day_name(day: datetime.date) -> str:
    """Return a day as "2 Mar 2026"."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def paragraphs(text: str, *, is_flowed: bool = False, drops_blank: bool = False) -> list[str]:
    """Return the paragraphs of a plain body; quoted ones lose their marks, flowed lines are joined."""
    found: list[list[str]] = [[]]
    last_depth = 0
    goes_on = False
    for line in tidy(text).replace("\f", "\n").split("\n"):
        depth, words = _quoted(line)
        is_signature = line == "-- "
        if not words.strip() or depth != last_depth or is_signature:
            found.append([])
            goes_on = False
        if words.strip():
            if goes_on and found[-1]:
                found[-1][-1] = (found[-1][-1][:-1] if drops_blank else found[-1][-1]) + words
            else:
                found[-1].append(words)
            goes_on = is_flowed and words.endswith(" ") and not is_signature
        last_depth = depth
    return ["\n".join(line.rstrip() for line in lines) for lines in found if lines]


def _quoted(line: str) -> tuple[int, str]:
    """Return how deeply a line is quoted, and its words."""
    marks = _QUOTE_MARKS.match(line)
    if marks is None:
        # Format=flowed stuffs a blank before lines that begin with one, with ">" or with "From ".
        return 0, line[1:] if line.startswith((" >", " From ")) else line
    return marks[1].count(">"), line[marks.end() :]
