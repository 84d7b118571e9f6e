"""Where a file lay in its folder or archive: a path that is shown and searched, and never opened."""

import re
import unicodedata
from typing import Final

from kotaemon_async.domain.errors import Refused

MAX_PATH_CHARS: Final = 1000
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# These turn the direction of text round and make a name look like another one.
_BIDI: Final = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}

_HIDDEN_STARTS: Final = (".", "~$")
_UNFINISHED_ENDS: Final = ("~", ".part", ".partial", ".crdownload", ".download", ".tmp", ".temp")
_BOOKKEEPING: Final = frozenset(
    {
        "thumbs.db",
        "desktop.ini",
        "__macosx",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "@eadir",
    }
)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is, by its name, hidden, unfinished or kept by a system for itself."""
    low = name.lower()
    return low.startswith(_HIDDEN_STARTS) or low.endswith(_UNFINISHED_ENDS) or low in _BOOKKEEPING


def cleaned_path(raw: str) -> str:
    """Return the path with `/` between its parts: no drive, no way up, no control characters, NFC.

    What was nothing else becomes "". Raises: Refused when more than `MAX_PATH_CHARS` are left.
    """
    kept = (ch for ch in raw if unicodedata.category(ch) not in ("Cc", "Cs") and ord(ch) not in _BIDI)
    text = unicodedata.normalize("NFC", "".join(kept)).replace("\\", "/")
    parts = [part for part in map(str.strip, text.split("/")) if part not in ("", ".", "..")]
    if parts and _DRIVE.fullmatch(parts[0]):
        del parts[0]
    path = "/".join(parts)
    if len(path) > MAX_PATH_CHARS:
        raise Refused(
            f"The path has {len(path)} characters; {MAX_PATH_CHARS} are allowed.",
            hint="Send the file from a folder nearer to it.",
        )
    return path


def name_of(path: str, max_length: int) -> str:
    """Return the last part of a cleaned path; one that is too long loses the end of its stem."""
    name = path.rpartition("/")[2]
    if len(name) <= max_length:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 16:
        return name[:max_length]
    return f"{stem[: max_length - len(suffix) - 1]}.{suffix}"
