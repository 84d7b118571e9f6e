"""Which charset a text is in, told by all of its bytes; runs inside a parser child.

What is valid UTF-8 is UTF-8. Else the bytes above 127, wherever they stand, are read with each codec, and the
reading wins whose characters are the most frequent in a language (`child_letters`). Few errors do no harm.
"""

import codecs
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from kotaemon_async.documents.parsing import child_letters

#: What stands for bytes that no charset explains.
LOST: Final = "\ufffd"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
#: Names that files give -> the codec that decodes more of such files; as browsers do it.
_SUPERSETS: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "ascii": "cp1252",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "utf_16": "utf_8",
    "utf_16_le": "utf_8",
    "utf_16_be": "utf_8",
    "utf_32": "utf_8",
}
#: Families of codecs that texts may name; Python has others that are no charsets, or slow.
_NAMED: Final = re.compile(
    r"utf|gb|big5|shift|sjis|euc|iso|koi8|mac|cp\d|johab|hz|tis.620|kz.?1048|ptcp154|latin|l\d|ascii|us-|ks|ms\d"
)
_PREFIX: Final = re.compile(r"\Ax-|\Aunicode-1-1-|\A(?:x-)?windows-(?=\d)|(?<=iso-8859-8)-[ie]\Z")
#: The names by which the codecs are registered.
_REGISTERED: Final = {
    "utf_8": "utf-8",
    "utf_16_le": "utf-16-le",
    "utf_16_be": "utf-16-be",
    "big5hkscs": "big5-hkscs",
    "cp932": "windows-31j",
    "euc_jp": "euc-jp",
    "cp949": "ks_c_5601-1987",
    "mac_roman": "macintosh",
    "iso2022_jp": "iso-2022-jp",
}
#: Controls that stand between words: NUL, word processors' line break, separators of records.
_PARTING: Final = re.compile("[\x00\x0b\x1c-\x1f]")
#: Other controls, lone surrogates, noncharacters, marks of no width; joiners within Latin words.
_UNWANTED: Final = re.compile(
    "[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ufeff\u200b\u2060]+"
    "|(?<=[A-Za-z\u00c0-\u024f])[\u200c\u200d]+(?=[A-Za-z\u00c0-\u024f])"
)
_HIGH: Final = bytes(range(128, 256))
_LOW: Final = bytes(range(128))
#: No codec has these as the second byte of a character: behind them a new one begins.
_SYNC: Final = re.compile(rb"[\t-/]")
_BLOCK_BYTES: Final = 1024
_SAMPLE_BLOCKS: Final = 64
_LINES_BYTES: Final = 64 * 1024
#: More of the bytes above 127 in lines of valid UTF-8 is no chance.
_VALID_PART: Final = 0.15
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SURROGATES: Final = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_ESCAPES: Final = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
_GLUED: Final = re.compile("[A-Za-z][\u0370-\u0e7f]|[\u0370-\u0e7f][A-Za-z]|[a-z][\u00c0-\u00de]")
_IN_A_ROW: Final = re.compile("[\u00a1-\u024f]{2}")
_GLUED_BITS: Final = 5.0
_IN_A_ROW_BITS: Final = 4.0
#: A declared charset is believed up to this many bits, and this part of all, against the evidence.
_BELIEF_BITS: Final = 40.0
_BELIEF_PART: Final = 0.15
#: Letters and signs of the scripts that are known; any two bytes are one of them in half of all cases.
_WRITTEN: Final = re.compile(
    "[\t\n\r -~\u00a0-\u06ff\u0e00-\u0e7f\u2010-\u2044\u20a0-\u22ff\u2460-\u25ff\u3000-\u30ff"
    "\u4e00-\u9fff\uac00-\ud7a3\uff00-\uff65]"
)
_WRITTEN_PART: Final = 0.9
#: What a character of UTF-16 costs at most in a language that it is text of.
_UTF16_BITS: Final = 13.5
#: So many bytes above 127 that cost more than this each are text in no language.
_STRANGE_BYTES: Final = 16
_STRANGE_BITS: Final = 7.0
#: Bytes that no codec knows but programs write: the euro sign of code page 936 and 950, a fixed blank.
_STRAYS: Final = {0x80: "€", 0xA0: " "}
_MAX_STRAYS: Final = 10_000


def decoded(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """Return the text and the registered name of its charset; `LOST` stands for bytes that cannot be read.

    The declared name is believed only when it fits.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(codec, "replace")
            if codec != "utf-8" or text.count(LOST) * 2 <= _beyond_ascii(data[3:], text):
                return text, _REGISTERED.get(codec, codec)
            data = data[len(mark) :]
    if wide := unmarked_utf16(data):
        return data.decode(wide, "replace"), wide.replace("_", "-")
    if any(escape in data for escape in _ESCAPES) and data.isascii():
        return data.decode("iso2022_jp_ext", "replace"), "iso-2022-jp"
    named = codec_of(declared) if declared else None
    if data.isascii() and named in ("hz", "utf_7", "iso2022_kr"):
        return data.decode(named, "replace"), named.replace("_", "-")
    return _decoded(data, named)


def tidy(text: str) -> str:
    """Return the text with plain line breaks and without characters that no store takes."""
    return _UNWANTED.sub("", _PARTING.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))


def codec_of(name: str) -> str | None:
    """Return the codec for the charset that a file names, None for what is none."""
    plain = _PREFIX.sub("", name.strip().strip("\"'").lower())
    if not (_NAMED.match(plain) or plain.isdecimal()):
        return None
    try:
        codec = codecs.lookup(f"cp{plain}" if plain.isdecimal() else plain).name.replace("-", "_")
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(codec, codec)


def unmarked_utf16(data: bytes) -> str | None:
    """Return the codec of UTF-16 text that has no mark: Latin by its NULs, Chinese by its characters."""
    head = data[: 8 * _BLOCK_BYTES]
    head = head[: len(head) // 2 * 2]
    if len(head) < 4:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    for codec, many, few in (("utf_16_le", odd, even), ("utf_16_be", even, odd)):
        if many * 20 > len(head) * 3 and few * 20 < len(head) and few * 4 < many:
            return codec
    if _is_plain(head):
        return None
    costs = {codec: _cost_utf16(head, codec) for codec in ("utf_16_le", "utf_16_be")}
    best = min(costs, key=lambda codec: costs[codec])
    if costs[best] > len(head) // 2 * _UTF16_BITS:
        return None
    limit = min(_cost_utf8(head), *(cost for cost, _ in _readings(head)))
    return best if costs[best] < limit * 0.9 else None


def _is_plain(head: bytes) -> bool:
    """Return whether the bytes are ASCII or UTF-8 text without controls."""
    if _CONTROL.search(head):
        return False
    try:
        head[:-3].decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 6
    return True


def _cost_utf16(head: bytes, codec: str) -> float:
    text = head.decode(codec, "replace")
    if len(_WRITTEN.findall(text)) < len(text) * _WRITTEN_PART:
        return math.inf
    counted = Counter(text)
    return min(model.cost(counted) for model in child_letters.scripts())


def _cost_utf8(head: bytes) -> float:
    """Return the bits of the bytes read as UTF-8, in whatever language: dear where they are none."""
    text = head.decode("utf-8", "replace")
    controls = sum(character < " " and character not in "\t\n\r\f" for character in text)
    return (
        text.count(LOST) * 2 * child_letters.ERROR_BITS
        + controls * child_letters.ERROR_BITS
        + len(text) * 5.0
    )


def _decoded(data: bytes, declared: str | None) -> tuple[str, str]:
    """Return text and charset of bytes that are in one of eight bits, perhaps in several."""
    if b"\xed" in data:
        data = _SURROGATES.sub(_whole, data)
    text = data.decode("utf-8", "replace")
    errors = text.count(LOST) - data.count(b"\xef\xbf\xbd")
    if errors <= 0:
        return text, "utf-8"
    good = _beyond_ascii(data, text) - errors
    if good * 8 >= errors and (good >= errors * 2 or _valid_part(data) > _VALID_PART):
        return _by_lines(data, declared)
    codec = _detected(data, declared)
    return _read(data, codec), _REGISTERED.get(codec, codec)


def _whole(found: re.Match[bytes]) -> bytes:
    """Return the character of two surrogates that were each written as UTF-8."""
    pair = found[0].decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
    return pair.decode("utf-16").encode()


def _beyond_ascii(data: bytes, text: str) -> int:
    return len(text) - (len(data) - _high(data))


def _valid_part(data: bytes) -> float:
    """Return which part of the bytes above 127 stands in lines that are valid UTF-8."""
    return sum(_high(text.encode()) for text, _ in _lines(data)) / _high(data)


def _high(data: bytes) -> int:
    return len(data) - len(data.translate(None, delete=_HIGH))


def _is_foreign(line: bytes) -> bool:
    """Return whether the line that is no valid UTF-8 is in another charset, rather than damaged."""
    text = line.decode("utf-8", "replace")
    errors = text.count(LOST)
    return errors >= 4 and errors * 2 > _beyond_ascii(line, text)


def _lines(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield valid UTF-8 as text, and each line that is none as bytes; one of the two is empty."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + _LINES_BYTES) + 1 or len(data)
        part = data[start:end]
        start = end
        try:
            yield part.decode(), b""
        except UnicodeDecodeError:
            yield from map(_line, part.splitlines(keepends=True))


def _line(line: bytes) -> tuple[str, bytes]:
    try:
        return line.decode(), b""
    except UnicodeDecodeError:
        return "", line


def _by_lines(data: bytes, declared: str | None) -> tuple[str, str]:
    """Return the text of lines of which most are UTF-8, and some may be in one other charset."""
    lines = list(_lines(data))
    foreign = b"".join(line for _, line in lines if line and _is_foreign(line))
    codec = _detected(foreign, declared) if foreign else "utf_8"
    found = [text or _read(line, codec if _is_foreign(line) else "utf_8") for text, line in lines]
    return "".join(found), f"utf-8, {_REGISTERED.get(codec, codec)}" if foreign else "utf-8"


def _read(data: bytes, codec: str) -> str:
    text = data.decode(codec, "replace")
    if codec in child_letters.IDEOGRAPHS and 0 < text.count(LOST) <= _MAX_STRAYS:
        return data.decode(codec, "kotaemon_stray")
    return text


def _stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _STRAYS.get(error.object[error.start], LOST), error.start + 1


codecs.register_error("kotaemon_stray", _stray)


def _detected(data: bytes, declared: str | None) -> str:
    """Return the codec that reads the bytes best; the declared one where it is nearly as good.

    It is UTF-8 where no language explains what the bytes would be: then they are no letters.
    """
    sample = _sample(data)
    costs = {codec: cost for cost, codec in _readings(sample)}
    best = min(costs, key=lambda codec: costs[codec])
    ascii_bits = child_letters.ASCII_BITS * (len(sample) - _high(sample))
    limit = costs[best] + _BELIEF_BITS + _BELIEF_PART * (costs[best] - ascii_bits)
    if declared in costs and costs[declared] <= limit:
        return declared
    if declared is not None and declared not in costs and _fits(sample, declared):
        return declared
    is_strange = costs[best] - ascii_bits > _high(sample) * _STRANGE_BITS
    return "utf_8" if is_strange and _high(sample) >= _STRANGE_BYTES else best


def _fits(sample: bytes, codec: str) -> bool:
    """Return whether a codec of which no letters are known reads the bytes with few errors."""
    if codec in ("utf_8", "utf_7", "hz"):
        return False
    text = sample.decode(codec, "replace")
    return text.count(LOST) * 50 <= _beyond_ascii(sample, text)


def _sample(data: bytes) -> bytes:
    """Return lines and words with bytes above 127 from all over the data; all of it when it is short."""
    if len(data) <= _BLOCK_BYTES * 4:
        return data
    starts = [at for at in range(0, len(data), _BLOCK_BYTES) if not data[at : at + _BLOCK_BYTES].isascii()]
    chosen = starts[:: max(1, len(starts) // _SAMPLE_BLOCKS)]
    parts = [part for at in chosen if (part := _block(data, at))]
    return b"\n".join(parts) or data[: _BLOCK_BYTES * _SAMPLE_BLOCKS]


def _block(data: bytes, at: int) -> bytes:
    """Return about a block from the place on that begins and ends between characters, or nothing."""
    begin = _SYNC.search(data, at, at + _BLOCK_BYTES) if at else None
    end = _SYNC.search(data, at + _BLOCK_BYTES, at + 3 * _BLOCK_BYTES)
    if at and begin is None:
        return b""
    return data[begin.start() if begin else 0 : end.start() if end else at + 3 * _BLOCK_BYTES]


def _readings(sample: bytes) -> Iterator[tuple[float, str]]:
    """Yield each codec with the bits of what it reads in its likeliest language."""
    for codec, (languages, price) in child_letters.IDEOGRAPHS.items():
        counted = Counter(_read(sample, codec))
        yield price + min(child_letters.ideographs(one).cost(counted) for one in languages), codec
    for codec, (alphabets, price) in child_letters.ALPHABETS.items():
        text = sample.decode(codec, "replace")
        counted = Counter(text)
        dear = _GLUED_BITS * len(_GLUED.findall(text)) + _IN_A_ROW_BITS * len(_IN_A_ROW.findall(text))
        models = [model for letters in alphabets for model in child_letters.alphabet(letters)]
        yield price + dear + min(model.cost(counted) for model in models), codec
