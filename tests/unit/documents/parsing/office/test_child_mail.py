"""Mails, mboxes and saved pages as parts."""

import time
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_mail import MAX_MAILS_WITHIN, open_document
from tests.support.documents import encrypted_pdf, english_pdf
from tests.support.mails import attached, mail, mixed, multipart, packed, part, word
from tests.support.ole import ole_file, outlook_mail
from tests.support.opendocument import odt, paragraph
from tests.support.packages import beginnings
from tests.support.presentations import box, presentation, slide
from tests.support.units import lines, losses, outcome, read_with, refusal, tables
from tests.support.word import docx, p
from tests.support.workbooks import grid, workbook

OPEN = "application/vnd.oasis.opendocument."
HEAD = "paragraph: From: Ada <ada@example.org>\nTo: li@example.org\nDate: Mon, 02 Mar 2026 09:30:00 +0800"
PLAIN = part("The valve is checked every quarter.", "text/plain")
HTML = "<html><body><h1>Plan</h1><p>The valve is checked every quarter.</p></body></html>"


def labels(units: Units) -> list[tuple[str, tuple[str, ...]]]:
    return [(unit.label, unit.headings) for unit in map(units.unit, range(1, len(units) + 1))]


@pytest.fixture
def read(tmp_path: Path) -> "Reader":
    return Reader(tmp_path)


class Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, data: bytes) -> Units:
        return read_with(open_document, self.folder, data)

    def outcome(self, data: bytes) -> str:
        return outcome(open_document, self.folder, data)


def test_a_mail_is_a_part_with_its_head_and_its_body(read: Reader) -> None:
    units = read(mail("Hi Li,\r\n\r\nThe valve is due.\r\n", subject=word("阀门检修通知", "gb2312")))
    assert lines(units) == [
        "heading 1: 阀门检修通知",
        HEAD,
        "paragraph: Hi Li,",
        "paragraph: The valve is due.",
    ]
    assert (units.unit(1).kind, units.unit(1).label) == ("part", 'mail "阀门检修通知" of 2 Mar 2026')


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_mail_is_read_in_whatever_charset_its_file_is(charset: str, read: Reader) -> None:
    data = b"\r\n" + mail("阀门每季度检修。")
    assert lines(read(data.decode().encode(charset)))[2:] == ["paragraph: 阀门每季度检修。"]


def test_of_alternatives_one_is_read(read: Reader) -> None:
    body, field = multipart("alternative", [PLAIN, part(HTML, "text/html")])
    assert lines(read(mail(body, field)))[2:] == ["paragraph: The valve is checked every quarter."]


def test_html_is_read_where_the_plain_text_says_much_less(read: Reader) -> None:
    long = HTML.replace("quarter.", "quarter. " + "The log says so. " * 20)
    units = read(mixed(part("See the HTML.", "text/plain"), part(long, "text/html"), kind="alternative"))
    assert any("The log says so." in line for line in lines(units))
    assert not any("See the HTML" in line for line in lines(units))


def test_html_is_read_where_the_plain_text_loses_a_table(read: Reader) -> None:
    cells = "<tr><th>Model</th><th>Price</th></tr><tr><td>KX-200</td><td>4200</td></tr>"
    rows = part(f"<p>Hi,</p><table>{cells}</table>", "text/html")
    units = read(mixed(part("Hi,\r\n\r\nModel\r\n\r\nPrice\r\n", "text/plain"), rows, kind="alternative"))
    assert tables(units) == [("Model | Price", ["Model | Price", "KX-200 | 4200"], 1)]
    assert lines(units)[2] == "paragraph: Hi,"
    empty = mixed(PLAIN, part("<table><tr><td></td></tr></table>", "text/html"), kind="alternative")
    assert lines(read(empty))[2:] == ["paragraph: The valve is checked every quarter."]


def test_html_that_is_nested_too_deeply_is_named_and_the_rest_is_read(read: Reader) -> None:
    deep = part("<div>" * 50_000, "text/html")
    units = read(mixed(PLAIN, deep, kind="alternative"))
    assert lines(units)[2:] == ["paragraph: The valve is checked every quarter."]
    assert [code for code, _ in losses(units)] == ["part_skipped"]


def test_an_attached_file_beside_the_unread_alternative_is_read(read: Reader) -> None:
    inner, field = multipart("mixed", [part(HTML, "text/html"), attached(b"Ten bolts.", "list.txt")], "IN")
    within = field.encode() + b"\r\n\r\n" + inner
    units = read(mixed(PLAIN, within, kind="alternative"))
    assert [label for label, _ in labels(units)] == ['mail "The pump" of 2 Mar 2026', "list.txt"]


def test_attached_texts_are_parts_under_their_own_names(read: Reader) -> None:
    gbk = packed("阀门清单：十个。".encode("gb18030"), 'text/plain; charset=gb2312; name="清单.txt"')
    units = read(mixed(PLAIN, gbk, attached(b"<p>Ten bolts.</p>", "b.html"), part("Bye.", "text/plain")))
    assert [line.partition(": ")[2] for line in lines(units)[3:]] == [
        "阀门清单：十个。",
        "Ten bolts.",
        "Bye.",
    ]
    assert labels(units)[1:] == [
        ("清单.txt", ("The pump",)),
        ("b.html", ("The pump",)),
        ('mail "The pump" of 2 Mar 2026', ("The pump",)),
    ]


def test_an_attached_pdf_is_read_page_by_page(read: Reader) -> None:
    units = read(mixed(PLAIN, attached(english_pdf(pages=2), "report.pdf", "application/pdf")))
    assert [label for label, _ in labels(units)][1:] == ["report.pdf, p. 1", "report.pdf, p. 2"]
    assert "lighthouse" in units.unit(3).text
    assert not any(block.boxes for block in units.unit(3).blocks)


@pytest.mark.parametrize(
    ("name", "data", "label"),
    [
        ("a.docx", docx(p("Ten bolts.")), "a.docx"),
        ("a.odt", odt(paragraph("Ten bolts.")), "a.odt"),
        ("a.bin", odt(paragraph("Ten bolts."), parts={"mimetype": f"{OPEN}text-template"}), "a.bin"),
        ("a.xlsx", workbook({"Stock": grid(("Ten bolts.",))}), "a.xlsx, Stock"),
        ("a.pptx", presentation(slide(box("Ten bolts."))), "a.pptx, slide 1"),
        ("a.rtf", b"{\\rtf1\\ansi Ten bolts.}", "a.rtf"),
        ("a.csv", b"Ten bolts.,x\r\n1,2\r\n", "a.csv"),
        ("a.msg", ole_file(outlook_mail({"0037001F": "Bolts", "1000001F": "Ten bolts."})), 'mail "Bolts"'),
    ],
)
def test_attached_office_files_are_read(name: str, data: bytes, label: str, read: Reader) -> None:
    units = read(mixed(PLAIN, attached(data, name)))
    assert (units.unit(2).label, units.unit(2).kind, losses(units)) == (label, "part", [])
    assert "Ten bolts." in units.unit(2).text


def test_what_is_attached_and_not_read_is_named(read: Reader) -> None:
    picture = packed(b"\x89PNG\r\n\x1a\n", 'image/png; name="seal.png"', "Content-Disposition: attachment")
    parts = [attached(encrypted_pdf(), "a.pdf"), attached(b"PK\x03\x04", "b.zip"), attached(b"\0\1", "c.bin")]
    units = read(mixed(PLAIN, picture, *parts, attached(b"", "d.txt")))
    assert losses(units) == [
        ("part_skipped", 'The attachment "a.pdf" could not be read: The PDF is protected by a password.'),
        ("part_skipped", 'The attachment "b.zip" is an archive and was not read.'),
        ("part_skipped", 'The attachment "c.bin" is of an unknown kind and was not read.'),
        ("part_skipped", 'The attachment "d.txt" is empty or damaged.'),
        ("part_skipped", 'Pictures within the mail are not read: "seal.png".'),
    ]


def test_pictures_that_html_shows_are_no_attachments(read: Reader) -> None:
    logo = packed(b"\x89PNG\r\n", "image/png", "Content-ID: <a>")
    units = read(mixed(part(HTML, "text/html"), logo, kind="related"))
    assert losses(units) == []
    assert lines(units)[2:] == ["heading 2: Plan", "paragraph: The valve is checked every quarter."]


def test_a_mail_within_a_mail_has_a_head_of_its_own(read: Reader) -> None:
    inner = part(mail("Ten bolts.", subject="The bolts"), "message/rfc822")
    units = read(mixed(PLAIN, inner, part("Bye.", "text/plain")))
    assert labels(units) == [
        ('mail "The pump" of 2 Mar 2026', ()),
        ('mail "The bolts" of 2 Mar 2026', ("The pump",)),
        ('mail "The pump" of 2 Mar 2026', ("The pump",)),
    ]


def test_headings_of_a_mail_within_a_mail_stand_below_both_subjects(read: Reader) -> None:
    inner = part(mail(HTML, "Content-Type: text/html", subject="The bolts"), "message/rfc822")
    found = [line for line in lines(read(mixed(PLAIN, inner))) if line.startswith("heading")]
    assert found == ["heading 1: The pump", "heading 2: The bolts", "heading 3: Plan"]


def test_an_attached_file_of_mail_is_read_as_one(read: Reader) -> None:
    inner = mixed(PLAIN, attached(b"Ten bolts.", "list.txt"), subject="The bolts")
    units = read(mixed(PLAIN, attached(inner, "old.eml")))
    assert labels(units)[1:] == [
        ('mail "The bolts" of 2 Mar 2026', ("The pump",)),
        ("list.txt", ("The pump", "The bolts")),
    ]


def test_all_mails_of_an_mbox_are_parts(read: Reader) -> None:
    one, two = (mail("Body.", subject=subject).replace(b"\r\n", b"\n") for subject in ("One", "Two"))
    envelope = b"From ada@example.org Mon Mar  2 09:30:00 2026\n"
    units = read(envelope + one + b"\n\n" + envelope + two)
    assert [label for label, _ in labels(units)] == ['mail "One" of 2 Mar 2026', 'mail "Two" of 2 Mar 2026']


def test_an_invitation_says_when_and_where(read: Reader) -> None:
    times = "DTSTART;TZID=X:20260302T0930\r\n 00\r\nLOCATION:Hall"
    event = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Pump\\, old\r\n{times}\r\nEND:VEVENT"
    units = read(mixed(PLAIN, part(event, "text/calendar"), kind="alternative"))
    assert lines(units)[3] == "paragraph: Summary: Pump, old\nDtstart: 20260302T093000\nLocation: Hall"


def test_a_saved_page_is_read_as_a_page(read: Reader) -> None:
    head = b"From: <Saved by Blink>\r\nSubject: Seals\r\nMIME-Version: 1.0\r\n"
    markup = "<html><head><meta charset=utf-8></head><body><p>Größe 5 µm</p></body></html>"
    body, field = multipart("related", [part(markup, "text/html"), part("p {}", "text/css")], "--X")
    units = read(head + field.encode() + b"\r\n\r\n" + body)
    assert lines(units) == ["heading 1: Seals", "paragraph: Größe 5 µm"]
    assert (units.unit(1).kind, losses(units)) == ("section", [])


def test_a_table_that_was_pasted_into_the_text_is_one(read: Reader) -> None:
    units = read(mail("Hi,\r\n\r\nModel\tPrice\r\nKX-200\t4200\r\nKX-300\t5100\r\n"))
    assert tables(units) == [("Model | Price", ["Model | Price", "KX-200 | 4200", "KX-300 | 5100"], 1)]


def test_texts_of_unknown_kinds_are_read_and_references_are_named(read: Reader) -> None:
    other = part("Content-Type: text/plain\r\n", "message/external-body; access-type=ftp")
    units = read(b"X: y\r\n" + mixed(part("Blah.", "text/x-one"), other).partition(b"Subject")[2][8:])
    assert "paragraph: Blah." in lines(units)
    assert losses(units) == [("part_skipped", "A part of the mail was not read: it is kept elsewhere.")]


@pytest.mark.parametrize(
    "body",
    [
        mixed(
            part("Version: 1", "application/pgp-encrypted"),
            part("x", "application/octet-stream"),
            kind="encrypted",
        ),
        mail("MIAG", 'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"'),
        mail("-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n"),
    ],
)
def test_an_encrypted_mail_is_refused(body: bytes, tmp_path: Path) -> None:
    assert refusal(open_document, tmp_path, body)[0] == "encrypted"


def test_a_signed_mail_is_read_without_its_signature(read: Reader) -> None:
    units = read(mixed(PLAIN, packed(b"0\x82", 'application/pgp-signature; name="s.asc"'), kind="signed"))
    assert (len(lines(units)), losses(units)) == (3, [])


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b" \r\n", "empty"), (b"no mail at all", "corrupt")]
)
def test_what_is_no_mail_is_refused(data: bytes, code: str, read: Reader) -> None:
    assert read.outcome(data) == code


def test_mails_within_mails_end_somewhere(read: Reader) -> None:
    data = mail("The innermost.")
    for _ in range(3_000):
        data = mail(data, "Content-Type: message/rfc822")
    began_s = time.process_time()
    units = read(data)
    assert time.process_time() - began_s < 2
    assert len(units) == MAX_MAILS_WITHIN
    assert [code for code, _ in losses(units)] == ["truncated"]


def test_a_mail_of_very_many_parts_is_read_up_to_a_bound(read: Reader) -> None:
    data = mail(b"--x\r\n\r\na\r\n" * 300_000, "Content-Type: multipart/mixed; boundary=x")
    began_s = time.process_time()
    units = read(data)
    assert time.process_time() - began_s < 5
    assert [code for code, _ in losses(units)] == ["truncated"]


def test_a_mail_that_is_cut_anywhere_is_read_or_refused(read: Reader) -> None:
    whole = mixed(
        part(HTML, "text/html; charset=utf-8"),
        packed("清单".encode("gb18030"), "text/plain; charset=gb2312"),
        attached(english_pdf(), "report.pdf"),
        part(mail("Ten bolts."), "message/rfc822"),
    )
    found = {read.outcome(data) for data in beginnings(whole, max(10, len(whole) // 60))}
    assert found <= {"ok", "empty", "no_text", "corrupt"}
    assert {read.outcome(data) for data in beginnings(whole[:600], 10)} <= {
        "ok",
        "empty",
        "no_text",
        "corrupt",
    }
