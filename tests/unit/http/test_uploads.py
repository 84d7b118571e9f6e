"""Reading forms piece by piece, and file names as data."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.uploads import Pace, Upload, UploadLimits, body_pieces, boundary_of, clean_name
from kotaemon_async.resilience.admission import Slot
from tests.support.clock import Clock

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="collection"\r\n\r\nzh\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nline\r\n--almost\r\n'
    b"\r\n--b--\r\n"
)


class Written:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(data: bytes, size: int = 10) -> tuple[Upload, bytes]:
    written = Written()
    form = Upload("b", written, lambda name: clean_name(name, 100))
    await form.read(pieces(data, size))
    return form, written.data


@pytest.mark.parametrize("size", [1, 2, 7, 60, 1000])
async def test_a_form_is_the_same_however_it_is_cut(size: int) -> None:
    form, data = await read(FORM, size)
    assert (form.file_name, form.fields, data) == ("a.txt", {"collection": "zh"}, b"line\r\n--almost\r\n")


@pytest.mark.parametrize("cut", [3, 80, len(FORM) - 12])
async def test_a_form_that_ends_early_is_refused(cut: int) -> None:
    with pytest.raises(Refused):
        await read(FORM[:cut])


async def test_a_name_of_rfc_5987_makes_a_part_a_file() -> None:
    part = b"--b\r\nContent-Disposition: form-data; name=file; filename*=UTF-8''%E5%B9%B4.txt\r\n\r\nx\r\n"
    form, data = await read(part + b"--b--\r\n")
    assert (form.file_name, data) == ("年.txt", b"x")


async def test_a_name_in_bytes_of_another_charset_is_read() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + "会议纪要.txt".encode("gbk")
    form, _ = await read(head + b'"\r\n\r\nx\r\n--b--\r\n')
    assert form.file_name == "会议纪要.txt"


async def test_two_files_are_refused() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n'
    with pytest.raises(Refused, match="more than one file"):
        await read(part + part + b"--b--\r\n")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\年报.pdf", "年报.pdf"),
        ("a\x00b\nc.txt", "abc.txt"),
        ("safe\u202efdp.exe", "safefdp.exe"),
        ("e\u0301te\u0301.md", "\u00e9t\u00e9.md"),
    ],
)
def test_a_name_is_data_without_folders_or_control_characters(raw: str, name: str) -> None:
    assert clean_name(raw, 100) == name


@pytest.mark.parametrize("raw", ["", "   ", "..", "/", "a/..", "x" * 101])
def test_a_name_that_is_empty_or_too_long_is_refused(raw: str) -> None:
    with pytest.raises(Refused):
        clean_name(raw, 100)


@given(st.text())
def test_a_clean_name_never_holds_a_separator(raw: str) -> None:
    try:
        name = clean_name(raw, 10_000)
    except Refused:
        return
    assert not set(name) & {"/", "\\", "\0", "\n", "\r"}
    assert name.encode()


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_only_a_form_with_a_boundary_is_taken(kind: str) -> None:
    with pytest.raises(Refused):
        boundary_of(kind)


class Sender:
    """Sends pieces, each after some time; then it is silent."""

    def __init__(self, clock: Clock, *pieces: tuple[float, bytes]) -> None:
        self.clock, self.pieces = clock, list(pieces)

    async def __call__(self) -> Any:
        if not self.pieces:
            self.clock.now_s += 60
            await anyio.sleep_forever()
        wait_s, body = self.pieces.pop(0)
        self.clock.now_s += wait_s
        return {"type": "http.request", "body": body, "more_body": True}


async def taken(sender: Sender, limits: UploadLimits) -> str:
    """Why the upload was ended."""
    place = Slot(0, anyio.lowlevel.checkpoint, sender.clock)
    with pytest.raises(Refused) as refused:
        async for _ in body_pieces(sender, place, Pace(limits, sender.clock)):
            pass
    return f"{refused.value.code}: {refused.value.message}"


async def test_an_upload_of_a_few_bytes_a_minute_is_ended_by_its_rate() -> None:
    sender = Sender(Clock(), *[(10.0, b"x")] * 20)
    assert await taken(sender, UploadLimits()) == "too_slow: Less than 1024 bytes a second arrived."
    assert len(sender.pieces) == 14


async def test_an_upload_that_is_fast_enough_has_its_whole_time() -> None:
    sender = Sender(Clock(), *[(10.0, b"x" * 20_000)] * 400)
    assert await taken(sender, UploadLimits()) == "too_slow: The upload did not arrive within 3600 s."
    assert len(sender.pieces) == 40


async def test_an_upload_that_falls_silent_is_ended() -> None:
    sender = Sender(Clock(), (1.0, b"x" * 100_000))
    limits = UploadLimits(silent_s=0.01)
    assert await taken(sender, limits) == "too_slow: Nothing of the upload arrived for 0.01 s."
