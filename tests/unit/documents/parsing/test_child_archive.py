"""Archives as lists of files: they are read within bounds and named as they were meant."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing import child_archive
from kotaemon_async.documents.parsing.child_archive import UNIT_MEMBERS, ArchiveDocument
from kotaemon_async.documents.parsing.child_problem import FileError
from tests.support.archives import flagged, named_in_bytes, unicode_path, zipped

Opened = Callable[[bytes], ArchiveDocument]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """The archive of the bytes, which is closed after the test."""
    path = tmp_path / "a.zip"
    with ExitStack() as stack:

        def open_bytes(data: bytes) -> ArchiveDocument:
            path.write_bytes(data)
            archive = child_archive.open_document(str(path), "application/zip", 5000)
            stack.callback(archive.close)
            return archive

        yield open_bytes


def read(archive: ArchiveDocument, index: int, size: int = 7) -> bytes:
    """A whole member, piece by piece."""
    found = b""
    while data := archive.piece(index, size)[0]:
        found += data
    return found


def problems(archive: ArchiveDocument) -> dict[str, str]:
    return {member.path: member.problem for member in archive.members}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_members_are_handed_out_whole_in_pieces(opened: Opened, method: int) -> None:
    archive = opened(zipped({"docs/a.txt": "the first words", "docs/b/c.txt": "x" * 5000}, method=method))
    assert [member.path for member in archive.members] == ["docs/a.txt", "docs/b/c.txt"]
    assert (read(archive, 0), read(archive, 1, 900)) == (b"the first words", b"x" * 5000)
    assert read(archive, 0) == b"the first words"


def test_units_list_the_members(opened: Opened) -> None:
    archive = opened(zipped({f"{n:03}.txt": "word" for n in range(UNIT_MEMBERS + 1)}))
    assert len(archive) == 2
    assert archive.unit(2).text == "050.txt (4 bytes)" and archive.unit(2).kind == "part"
    assert archive.listed(2) == [(50, "050.txt", 4, "")]


def test_what_systems_put_into_archives_is_left_out(opened: Opened) -> None:
    litter = ["__MACOSX/._a.txt", "x/.DS_Store", "Thumbs.db", "x/", "x/desktop.ini"]
    archive = opened(zipped({**dict.fromkeys(litter, b"word"), "x/a.txt": "words"}))
    assert [member.path for member in archive.members] == ["x/a.txt"]


@pytest.mark.parametrize("members", [{}, {"x/": b""}, {"__MACOSX/a": b"word"}])
def test_an_archive_without_files_is_empty(opened: Opened, members: dict[str, bytes]) -> None:
    with pytest.raises(FileError) as raised:
        opened(zipped(members))
    assert raised.value.code == "empty"


NAMES = ["报告/二零三一年第一季度.txt", "合同/设备采购清单.txt", "会议记录.txt"]


@pytest.mark.parametrize(
    ("names", "charset"),
    [
        (NAMES, "gb18030"),
        (NAMES, "utf-8"),
        (["資料/会議の記録.txt", "お知らせ/スケジュール一覧.txt", "写真/さくら.txt"], "cp932"),
        (["Übersicht/Prüfung.txt", "Größe.txt"], "cp437"),
    ],
)
def test_names_without_a_charset_are_told_by_all_of_them(
    opened: Opened, names: list[str], charset: str
) -> None:
    archive = opened(named_in_bytes({name.encode(charset): b"words" for name in names}))
    assert [member.path for member in archive.members] == names


def test_the_field_that_says_what_a_name_means_is_believed_when_it_fits(opened: Opened) -> None:
    name, other = b"??.txt", b"caf\x82.txt"
    extra = {name: unicode_path(name, "报告.txt"), other: unicode_path(b"another", "wrong.txt")}
    archive = opened(named_in_bytes({name: b"a", other: b"b"}, extra))
    assert [member.path for member in archive.members] == ["??.txt", "café.txt"]
    name = b"\xff\xfe.txt"
    archive = opened(named_in_bytes({name: b"a"}, {name: unicode_path(name, "报告.txt")}))
    assert [member.path for member in archive.members] == ["报告.txt"]


def test_protected_members_are_named_and_an_archive_of_them_is_encrypted(opened: Opened) -> None:
    data = zipped({"a.txt": "open words", "b.txt": "secret words"})
    assert problems(opened(flagged(data, 1, "b.txt"))) == {"a.txt": "", "b.txt": "encrypted"}
    with pytest.raises(FileError) as raised:
        opened(flagged(data, 1))
    assert raised.value.code == "encrypted"


def test_a_bomb_is_not_unpacked(opened: Opened) -> None:
    archive = opened(zipped({"bomb.txt": bytes(40 * 1024**2), "a.txt": "words"}))
    assert problems(archive) == {"bomb.txt": "bomb", "a.txt": ""}


def test_more_than_may_be_unpacked_is_left_out(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_archive, "MAX_BYTES", 10)
    archive = opened(zipped({"a": b"1234567", "b": b"1234567", "c": b"123"}))
    assert problems(archive) == {"a": "", "b": "too_much", "c": ""}


def test_more_members_than_are_taken_are_counted(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_archive, "MAX_MEMBERS", 3)
    archive = opened(zipped({f"{n}.txt": "word" for n in range(5)}))
    assert len(archive.members) == 3
    assert [(one.code, one.message) for one in archive.warnings] == [
        ("truncated", "The last 2 files of the archive were not taken.")
    ]


def test_members_that_lie_over_each_other_are_refused(opened: Opened) -> None:
    data = bytearray(zipped({"a": b"x" * 3000, "b": b"y" * 3000}, method=zipfile.ZIP_STORED))
    second = data.rfind(b"PK\x01\x02")
    data[second + 20 : second + 24] = (6000).to_bytes(4, "little")
    with pytest.raises(FileError) as raised:
        opened(bytes(data))
    assert raised.value.code == "parser_limit"


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_member_that_is_not_as_long_as_it_says_is_damaged(opened: Opened, size: int) -> None:
    data = bytearray(zipped({"a.txt": "word " * 100, "b.txt": "good words"}))
    place = data.find(b"PK\x01\x02")
    data[place + 24 : place + 28] = size.to_bytes(4, "little")
    archive = opened(bytes(data))
    pieces = [archive.piece(0, 1_000_000) for _ in range(3)]
    assert ("", "damaged") in [(data.decode("latin-1"), problem) for data, problem in pieces]
    assert read(archive, 1) == b"good words"


def test_an_unknown_way_of_packing_is_named(opened: Opened) -> None:
    data = bytearray(zipped({"a.txt": "words", "b.txt": "words"}))
    place = data.find(b"PK\x01\x02")
    data[place + 10] = 93
    assert problems(opened(bytes(data))) == {"a.txt": "method", "b.txt": ""}


def test_an_archive_that_is_cut_anywhere_ends_cleanly(opened: Opened) -> None:
    data = zipped({f"d/{n}.txt": f"words of {n}" * 9 for n in range(4)})
    for length in range(4, len(data) + 1, 10):
        try:
            archive = opened(data[:length])
        except FileError as error:
            assert error.code in ("corrupt", "empty", "parser_limit")
        else:
            assert [archive.piece(n, 100)[1] for n in range(len(archive.members))]


def test_an_archive_with_any_byte_changed_ends_cleanly(opened: Opened) -> None:
    whole = zipped({f"{n}.txt": f"words of {n}" * 9 for n in range(3)})
    for place in range(4, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x55
        try:
            archive = opened(bytes(data))
        except FileError as error:
            assert error.code in ("corrupt", "empty", "encrypted", "parser_limit")
        else:
            assert all(len(read(archive, n, 1000)) <= 1000 for n in range(len(archive.members)))
