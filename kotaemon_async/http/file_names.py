"""The name of a file in the header of a form's part, however its sender wrote it.

Browsers write UTF-8 in quotes; others follow RFC 5987 and 2231 (`filename*`, also in pieces), put encoded
words of RFC 2047 there, or write bytes of their own charset.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final
from urllib.parse import unquote_to_bytes

from multipart import content_disposition_unquote

from kotaemon_async.documents.parsing.child_charsets import decoded

_PARAMETER: Final = re.compile(
    r';\s*([\w!#$&+.^`|~*-]+)\s*=\s*("(?:[^"\\]|\\.)*"(?=\s*(?:;|\Z))|".*?"(?=\s*(?:;|\Z))|[^;"][^;]*)'
)
_EXTENDED: Final = re.compile(r"([\w.:+-]*)'[^']*'(.*)\Z", re.DOTALL)
_ENCODED_WORDS: Final = re.compile(r"\s*(?:=\?[^?\s]+\?[bq]\?[^?]*\?=\s*)+\Z", re.IGNORECASE)
_PIECE: Final = re.compile(r"filename\*(\d{1,3})(\*?)\Z")


def file_name(disposition: str) -> str | None:
    """Return the file's name that a Content-Disposition header gives, None for none.

    The header is the bytes that were sent, as Latin-1. What is written by RFC 5987 wins over the plain name,
    which is for those who do not know it.
    """
    found = {key.lower(): value.strip() for key, value in _PARAMETER.findall(disposition)}
    if "filename*" in found:
        return _extended(_unquoted(found["filename*"]))
    if pieces := _pieces(found):
        return pieces
    plain = found.get("filename")
    return None if plain is None else _plain(content_disposition_unquote(plain, filename=True))


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _extended(value: str) -> str:
    """Return charset'language'text with its percent signs decoded; without a charset it is UTF-8."""
    found = _EXTENDED.match(value)
    charset, text = found.groups() if found else ("", value)
    return _text(unquote_to_bytes(text.encode("latin-1")), charset)


def _pieces(found: dict[str, str]) -> str:
    """Return the name that was sent in numbered pieces, of which some are encoded."""
    pieces = {
        int(match[1]): (match[2], value) for key, value in found.items() if (match := _PIECE.match(key))
    }
    name, charset = b"", ""
    for number in range(len(pieces)):
        if number not in pieces:
            break
        is_extended, value = pieces[number][0], _unquoted(pieces[number][1])
        if number == 0 and is_extended and (first := _EXTENDED.match(value)):
            charset, value = first.groups()
        data = value.encode("latin-1")
        name += unquote_to_bytes(data) if is_extended else data
    return _text(name, charset)


def _plain(value: str) -> str:
    """Return a plain name: encoded words decoded, bytes read by their evidence."""
    text = _text(value.encode("latin-1"), "")
    if not _ENCODED_WORDS.match(text):
        return text
    try:
        words = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(word if isinstance(word, str) else _text(word, charset or "") for word, charset in words)


def _text(data: bytes, charset: str) -> str:
    return decoded(data, charset or None)[0]
