"""Outlook's mails."""

import struct
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_msg import MAX_MAILS_WITHIN, open_document
from tests.support.mails import mail
from tests.support.ole import ole_file, outlook_mail, within
from tests.support.packages import beginnings
from tests.support.units import lines, losses, outcome, read_with

SENT = 134_168_886_000_000_000  # 2 March 2026, 01:30 UTC
TEXTS = {
    "0037001F": "阀门检修",
    "0C1A001F": "Wang",
    "5D01001F": "wang@example.cn",
    "1000001F": "每季度检修一次。",
}
BASICS = outlook_mail(TEXTS, x0039=SENT)


def attachment(number: int, streams: dict[str, bytes]) -> dict[str, bytes]:
    return within(f"__attach_version1.0_#{number:08X}", streams)


def read(folder: Path, *parts: dict[str, bytes]) -> Units:
    streams = {name: data for one in parts for name, data in one.items()}
    return read_with(open_document, folder, ole_file(streams))


def test_a_mail_is_a_part_with_its_head_and_its_body(tmp_path: Path) -> None:
    units = read(tmp_path, BASICS, outlook_mail(TEXTS | {"0E04001F": "Li; Bo"}, x0039=SENT))
    assert lines(units) == [
        "heading 1: 阀门检修",
        "paragraph: From: Wang <wang@example.cn>\nTo: Li; Bo\nDate: 2 Mar 2026 01:30 UTC",
        "paragraph: 每季度检修一次。",
    ]
    assert units.unit(1).label == 'mail "阀门检修" of 2 Mar 2026'


def test_texts_in_a_codepage_are_read(tmp_path: Path) -> None:
    texts = {"0037001E": "阀门".encode("gbk"), "1000001E": "检修".encode("gbk")}
    assert lines(read(tmp_path, outlook_mail(texts, x3FFD=936))) == ["heading 1: 阀门", "paragraph: 检修"]


def test_a_body_in_html_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    texts: dict[str, str | bytes] = {"0037001F": "Pump", "10130102": "<p>Größe</p>".encode("cp1252")}
    assert lines(read(tmp_path, outlook_mail(texts, x3FDE=1252)))[1:] == ["paragraph: Größe"]


def test_a_body_in_rtf_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    rtf = b"{\\rtf1\\ansi The pump is old.\\par It leaks.}"
    packed = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    units = read(tmp_path, outlook_mail({"0037001F": "Pump", "10090102": packed}))
    assert [unit.label for unit in (units.unit(1), units.unit(2))] == ['mail "Pump"'] * 2
    assert lines(units)[1:] == ["paragraph: The pump is old.", "paragraph: It leaks."]


def test_recipients_are_named_with_their_addresses(tmp_path: Path) -> None:
    people = [
        within(f"__recip_version1.0_#{place:08X}", outlook_mail(texts, 8, x0C15=kind))
        for place, (texts, kind) in enumerate(
            [({"3001001F": "Li", "39FE001F": "li@example.cn"}, 1), ({"3001001F": "Bo"}, 2)]
        )
    ]
    assert "To: Li <li@example.cn>\nCc: Bo\n" in lines(read(tmp_path, BASICS, *people))[1]


def test_the_date_is_the_one_of_the_sender(tmp_path: Path) -> None:
    headers = "Received: x\r\nDate: Sun, 1 Mar 2026 20:30:00 -0500\r\n"
    units = read(tmp_path, outlook_mail(TEXTS | {"007D001F": headers}, x0039=SENT))
    assert units.unit(1).label.endswith("of 1 Mar 2026")
    assert "Date: Sun, 1 Mar 2026 20:30:00 -0500" in units.unit(1).text


def test_attachments_are_parts_or_named(tmp_path: Path) -> None:
    text = outlook_mail({"3707001F": "list.txt", "37010102": b"Ten bolts were ordered."}, 8)
    archive = outlook_mail({"3704001F": "B.ZIP", "37010102": b"PK\x03\x04"}, 8)
    picture = outlook_mail({"3707001F": "seal.png", "370E001F": "image/png", "37010102": b"\x89PNG"}, 8)
    logo = outlook_mail({"370E001F": "image/png", "3712001F": "logo@x", "37010102": b"\x89PNG"}, 8)
    units = read(
        tmp_path, BASICS, *(attachment(n, one) for n, one in enumerate((text, archive, picture, logo)))
    )
    assert (units.unit(2).label, units.unit(2).text) == ("list.txt", "Ten bolts were ordered.")
    assert losses(units) == [
        ("part_skipped", 'The attachment "B.ZIP" is an archive and was not read.'),
        ("part_skipped", 'Pictures within the mail are not read: "seal.png".'),
    ]


def test_a_mail_within_a_mail_is_read_up_to_a_depth(tmp_path: Path) -> None:
    streams = BASICS
    for _ in range(MAX_MAILS_WITHIN + 3):
        deeper = {name: data for name, data in streams.items() if "#" in name}
        inner = within("__substg1.0_3701000D", {**outlook_mail(TEXTS, 24), **deeper})
        streams = {**BASICS, **attachment(0, {**outlook_mail({}, 8), **inner})}
    units = read(tmp_path, streams)
    assert len(units) == MAX_MAILS_WITHIN
    assert units.unit(3).headings == ("阀门检修",) * 2
    assert [code for code, _ in losses(units)] == ["truncated"]


def test_an_attached_file_of_mail_is_read(tmp_path: Path) -> None:
    inner = outlook_mail({"3707001F": "old.eml", "37010102": mail("Ten bolts.", subject="Bolts")}, 8)
    assert read(tmp_path, BASICS, attachment(0, inner)).unit(2).label == 'mail "Bolts" of 2 Mar 2026'


@pytest.mark.parametrize(
    "data", [b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"x" * 5000, ole_file({"WordDocument": b"x"})]
)
def test_what_is_no_mail_is_refused(data: bytes, tmp_path: Path) -> None:
    assert outcome(open_document, tmp_path, data) == "corrupt"


def test_a_mail_that_is_cut_or_damaged_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    inner = outlook_mail({"3707001F": "list.txt", "37010102": b"Ten bolts. " * 500}, 8)
    whole = ole_file({**BASICS, **attachment(0, inner)})
    damaged = [whole[:at] + b"\xff\x01\xff" + whole[at + 3 :] for at in range(24, len(whole), 97)]
    cut = beginnings(whole, len(whole) // 60)
    assert {outcome(open_document, tmp_path, data) for data in [*cut, *damaged]} <= {
        "ok",
        "corrupt",
        "no_text",
    }
