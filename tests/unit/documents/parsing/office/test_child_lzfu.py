"""Compressed RTF."""

import struct

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.office.child_lzfu import rtf_of

#: The two examples of MS-OXRTFCP.
SIMPLE = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
CROSSING = "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0"


def packed(size: int, kind: bytes, body: bytes) -> bytes:
    return struct.pack("<II4sI", len(body) + 12, size, kind, 0) + body


def test_references_into_the_common_words_are_followed() -> None:
    assert rtf_of(bytes.fromhex(SIMPLE)) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_a_reference_may_run_into_what_it_writes() -> None:
    assert rtf_of(bytes.fromhex(CROSSING)) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


def test_rtf_that_is_not_packed_is_returned() -> None:
    assert rtf_of(packed(5, b"MELA", b"{\\rtf}")) == b"{\\rtf"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "corrupt"),
        (packed(1, b"ABCD", b"x"), "corrupt"),
        (packed(2**31, b"LZFu", b"x"), "parser_limit"),
    ],
)
def test_what_is_none_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(FileError) as caught:
        rtf_of(data)
    assert caught.value.code == code


def test_a_cut_stream_gives_what_it_holds() -> None:
    whole = bytes.fromhex(SIMPLE)
    text = rtf_of(whole)
    assert all(text.startswith(rtf_of(whole[:end])) for end in range(16, len(whole)))
