"""Names of files in the headers of forms, as the programs of others write them."""

from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.http.file_names import file_name

NAME = "供水管网巡检.txt"
SENT = quote(NAME)
WORD = f"=?utf-8?B?{b64encode(NAME.encode()).decode()}?="


def named(parameters: bytes) -> str | None:
    return file_name((b'form-data; name="file"; ' + parameters).decode("latin-1"))


@pytest.mark.parametrize(
    "parameters",
    [
        f'filename="{NAME}"'.encode(),
        f"filename={NAME}".encode(),
        f"filename*=UTF-8''{SENT}".encode(),
        f"filename*=utf-8'zh-CN'{SENT}".encode(),
        f"filename*=\"UTF-8''{SENT}\"".encode(),
        f"filename*={SENT}".encode(),
        f"filename=\"______.txt\"; filename*=UTF-8''{SENT}".encode(),
        f"filename*=UTF-8''{SENT}; filename=\"______.txt\"".encode(),
        f"FileName*=GBK''{quote(NAME.encode('gbk'))}".encode(),
        f"filename*0*=UTF-8''{SENT[:27]}; filename*1*={SENT[27:-4]}; filename*2=\".txt\"".encode(),
        f'filename="{WORD}"'.encode(),
        f"filename={WORD}".encode(),
        b'filename="' + NAME.encode("gbk") + b'"',
        b"filename=" + NAME.encode("gbk"),
        b'filename="'
        + NAME.encode("big5", "replace").replace(b"?", b"")
        + b"\"; filename*=UTF-8''"
        + SENT.encode(),
    ],
)
def test_a_name_is_read_however_it_was_written(parameters: bytes) -> None:
    assert named(parameters) == NAME


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b'filename="a%20b.txt"', "a%20b.txt"),
        (b'filename="a%22b.txt"', 'a"b.txt'),
        (b'filename="a\\"b.txt"', 'a"b.txt'),
        (b'filename="a;b.txt"', "a;b.txt"),
        (b'filename="C:\\dir\\a.txt"', "a.txt"),
        ('filename="Übersicht für März.txt"'.encode("cp1252"), "Übersicht für März.txt"),
        (b'filename="' + "功能許\u84cb.txt".encode("big5") + b'"', "功能許\u84cb.txt"),
        (b'filename="=?utf-8?B?x"', "=?utf-8?B?x"),
        (b'filename="=?nowhere?Q?a=20b?="', "a b"),
        (b"filename*=UTF-8''%E4%BE%9B%", "供%"),
        (b"filename*0=a; filename*2=c", "a"),
        (b'filename=""', ""),
        (b"", None),
        (b'filenames="a"', None),
    ],
)
def test_odd_names_are_taken_as_they_are(parameters: bytes, name: str | None) -> None:
    assert named(parameters) == name


@given(st.binary(max_size=80))
def test_no_header_breaks(data: bytes) -> None:
    for before in (
        b"filename=",
        b"filename*=",
        b'filename="',
        b"filename*0*=UTF-8''",
        b'filename="=?utf-8?B?',
    ):
        name = named(before + data)
        assert name is None or isinstance(name, str)
