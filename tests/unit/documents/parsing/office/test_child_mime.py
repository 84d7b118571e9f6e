"""MIME as mail programs write it, mended before it is believed."""

import time

import pytest

from kotaemon_async.documents.parsing.office.child_mime import (
    MAX_DEPTH,
    MAX_PARTS,
    Budget,
    Part,
    decoded_body,
    parse,
)
from tests.support.mails import mail, multipart, part

PLAIN = part("one", "text/plain")


def read(data: bytes) -> Part:
    return parse(data, Budget())


def typed(value: str) -> Part:
    return read(f"Content-Type: {value}\r\n\r\nbody".encode())


@pytest.mark.parametrize(
    "value",
    [
        "text/plain; charset=gb2312; format=flowed",
        "text/plain charset=gb2312 format=flowed",
        "text/plain; charset=gb2312format=flowed",
        'text/plain; charset="gb2312"format=flowed',
        "text/plain;charset='gb2312';;format=flowed;",
        "text/plain\r\n\tcharset=gb2312;\r\n format=flowed",
    ],
)
def test_parameters_without_semicolons_are_told_apart(value: str) -> None:
    found = typed(value)
    assert (found.content_type, found.charset, found.parameters["format"]) == (
        "text/plain",
        "gb2312",
        "flowed",
    )


def test_words_in_a_quoted_name_are_no_parameters() -> None:
    assert typed('text/plain; name="my name=x charset=y.txt"').file_name == "my name=x charset=y.txt"
    assert typed("text/plain; filename=plan.txt").file_name == "plan.txt"


def test_a_name_in_pieces_is_joined_in_its_charset() -> None:
    value = "a/b; filename*1*=%C6%BB.txt; filename*0*=gb2312''%B7%A7%C3%C5; filename*2=\" old\""
    assert typed(value).file_name == "阀门苹.txt old"


def test_a_type_that_is_none_means_text() -> None:
    assert typed("text").content_type == "text/plain"
    assert read(b"Subject: x\n\nbody").content_type == "text/plain"


def test_a_head_ends_where_text_begins_without_an_empty_line() -> None:
    found = read(b"Subject: x\nFrom: y\nThis is text already.\nAnd more.")
    assert found.raw("from") == b"y"
    assert found.body == b"This is text already.\nAnd more."


def test_a_broken_fold_belongs_to_the_field_before() -> None:
    found = read(b"Subject: one\ntwo\nContent-Type: text/html\n\nbody")
    assert found.raw("subject") == b"one two"
    assert found.content_type == "text/html"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_parts_are_found_with_every_kind_of_line_end(end: bytes) -> None:
    body, field = multipart("mixed", [part("one", "text/plain"), part("two", "text/html")])
    found = read(mail(body, field).replace(b"\r\n", end))
    assert [(one.content_type, one.body) for one in found.parts] == [
        ("text/plain", b"one"),
        ("text/html", b"two"),
    ]


def test_parts_without_their_last_boundary_are_read() -> None:
    body, field = multipart("mixed", [part("one", "text/plain"), part("two", "text/plain")])
    assert [one.body for one in read(mail(body[:-12], field)).parts] == [b"one", b"two"]


def test_a_boundary_that_never_comes_is_guessed() -> None:
    body, _ = multipart("mixed", [part("one", "text/plain")], boundary="REAL")
    assert [one.body for one in read(mail(body, "Content-Type: multipart/mixed; boundary=LOST")).parts] == [
        b"one"
    ]
    assert [one.body for one in read(mail(body, "Content-Type: multipart/mixed")).parts] == [b"one"]


def test_parts_that_share_a_boundary_with_their_announcement_are_of_its_kind() -> None:
    body, field = multipart("mixed", [PLAIN, part("two", "text/html")])
    announced = b"--EDGE\r\nContent-Type: multipart/alternative; boundary=EDGE\r\n\r\n" + body
    found = read(mail(announced + b"\r\n" + body, field))
    assert found.content_type == "multipart/alternative"
    assert [one.body for one in found.parts] == [b"one", b"two", b"one", b"two"]


def test_a_mail_of_parts_that_calls_itself_html_is_told() -> None:
    body, field = multipart("mixed", [PLAIN, part("two", "text/html")])
    found = read(mail(body, field.replace("multipart/mixed", "text/html")))
    assert (found.content_type, [one.body for one in found.parts]) == ("multipart/mixed", [b"one", b"two"])


def test_a_multipart_without_parts_is_text() -> None:
    found = read(mail("only words", "Content-Type: multipart/mixed; boundary=LOST"))
    assert (found.content_type, found.body) == ("text/plain", b"only words")


@pytest.mark.parametrize(
    ("encoding", "body", "data"),
    [
        ("base64", b"QUJD\r\nREU=", b"ABCDE"),
        ("base64", b"QUI=QUI=", b"ABAB"),
        ("base64", b"Q!U#JDRA", b"ABCD"),
        ("base64", b"QUJDQ", b"ABC"),
        ("quoted-printable", b"a=C3=A4=\r\nb=ZZ", b"a\xc3\xa4b=ZZ"),
        ("x-uuencode", b"begin 644 x\n#86)C\n`\nend\n", b"abc"),
        ("8bit", b"\xff", b"\xff"),
        ("strange", b"x", b"x"),
    ],
)
def test_a_body_loses_its_transfer_encoding(encoding: str, body: bytes, data: bytes) -> None:
    assert decoded_body(body, encoding) == data


def nested(levels: int) -> bytes:
    data = part("deep", "text/plain")
    for level in range(levels):
        body, field = multipart("mixed", [data], boundary=f"EDGE{level}")
        data = field.encode() + b"\r\n\r\n" + body
    return data


def hostile() -> list[tuple[str, bytes]]:
    many = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * 300_000
    return [
        ("300,000 parts", many),
        ("3,000 deep", nested(3_000)),
        ("a million fields", b"A: b\n" * 1_000_000),
        ("a field of 8 MB", b"Content-Type: text/plain; name=" + b" " * 8_000_000 + b"x\n\n"),
        ("no fields", b"no field\n" * 500_000),
        ("half fields", b"A: b\n" + b"nofield\n" * 500_000 + b"Subject: x\n\n"),
        ("quotes", b"Content-Type: text/plain; a=" + b'"\\' * 2_000_000 + b"\n\n"),
        ("blanks", (b"\n" + b" " * 4_000) * 1_000),
        ("dashes", b"Content-Type: multipart/mixed; boundary=-\n\n" + b"-" * 8_000_000),
    ]


@pytest.mark.parametrize(("kind", "data"), hostile(), ids=[kind for kind, _ in hostile()])
def test_hostile_mime_is_read_in_bounded_time(kind: str, data: bytes) -> None:
    began_s = time.process_time()
    read(data)
    assert time.process_time() - began_s < 3, kind


def test_parts_beyond_the_bounds_are_counted_as_left_out() -> None:
    budget = Budget()
    assert len(parse(hostile()[0][1], budget).parts) == MAX_PARTS
    assert budget.exceeded
    deep, budget = nested(MAX_DEPTH + 2), Budget()
    parse(deep, budget)
    assert budget.exceeded
