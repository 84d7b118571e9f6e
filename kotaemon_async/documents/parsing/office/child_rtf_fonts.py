"""Charsets of an RTF document: by font, by document, by evidence; runs inside a parser child."""

import codecs

from kotaemon_async.documents.parsing.office.child_symbols import is_symbol_font, symbol

#: \fcharset -> codec; supersets where files use more than they say.
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 78: "cp932", 79: "cp949", 80: "gb18030", 81: "big5hkscs", 128: "cp932",
    129: "cp949", 130: "johab", 134: "gb18030", 136: "big5hkscs", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437",
    255: "cp850",
}  # fmt: skip
_PAGES = {936: "gb18030", 950: "big5hkscs", 10000: "mac_roman", 65001: "utf-8", 54936: "gb18030"}
_SYMBOLS = 2
_LATIN = "cp1252"
_TWO_BYTES = frozenset({"gb18030", "big5hkscs", "cp932", "cp949"})


class Fonts:
    """The fonts of a document, by their numbers."""

    def __init__(self) -> None:
        #: The document's own codec, and its default font.
        self.codec = _LATIN
        self.default = 0
        self._codecs: dict[int, str] = {}
        self._names: dict[int, str] = {}

    def use_page(self, page: int) -> None:
        """Take a Windows code page as the document's codec, if it is one."""
        name = _PAGES.get(page, f"cp{page}")
        try:
            self.codec = codecs.lookup(name).name
        except LookupError:
            self.codec = _LATIN

    def set_charset(self, font: int, charset: int) -> None:
        if charset in _CHARSETS:
            self._codecs[font] = _CHARSETS[charset]

    def set_page(self, font: int, page: int) -> None:
        """Take a code page that a font names; it says more than the charset."""
        name = _PAGES.get(page, f"cp{page}")
        try:
            self._codecs[font] = codecs.lookup(name).name
        except LookupError:
            return

    def name(self, font: int, name: str) -> None:
        self._names[font] = name.strip(" ;")

    def text(self, data: bytes, font: int | None) -> str:
        """Return what bytes in a font show."""
        font = self.default if font is None else font
        name = self._names.get(font, "")
        if is_symbol_font(name):
            return "".join(symbol(byte, name) for byte in data)
        codec = self._codecs.get(font, self.codec)
        if codec == _LATIN and self.codec in _TWO_BYTES and (text := _whole(data, self.codec)) is not None:
            return text  # fonts that claim to be Latin, with Chinese text in the document's own charset
        return data.decode(codec, "replace")

    def sign(self, code: int, font: int | None) -> str:
        """Return what a Unicode number in a font shows."""
        return symbol(code, self._names.get(self.default if font is None else font, ""))


def _whole(data: bytes, codec: str) -> str | None:
    """Return the text where the bytes are whole characters of the codec."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None
