"""Heads with encoded words, and bodies in the charset that they have."""

import pytest

from kotaemon_async.documents.parsing.office.child_mail_words import day_of, decoded, head_text, paragraphs
from tests.support.mails import word


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (word("朱镕基的会议", "gb18030").replace("gb18030", "gb2312"), "朱镕基的会议"),
        ("=?utf-8?q?Gr=C3=B6=C3=9Fe_5?= mm", "Größe 5 mm"),
        ("=?iso-8859-1?Q?caf=E9?= and =?iso-8859-1?Q?th=E9?=", "café and thé"),
        ("=?utf-8?B?5LiA?=\r\n =?utf-8?B?5LqM?=", "一二"),
        ("=?utf-8?B?5Lg=?= =?utf-8?B?gOS6jA==?=", "一二"),
        ("=?utf-8?Q?a b?=", "a b"),
        ("Re: =?utf-8?B?5LiA", "Re: =?utf-8?B?5LiA"),
        ("=?utf-8*en?B?5LiA?=", "一"),
        ("=?nonsense?B?5LiA?=", "一"),
        ("=?punycode?Q?abc?=", "abc"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("plain   words\tin a line", "plain words in a line"),
    ],
)
def test_encoded_words_are_read(raw: str, text: str) -> None:
    assert head_text(raw) == text


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_raw_bytes_in_a_head_are_read(charset: str) -> None:
    assert head_text("城市供水管网巡检制度规定阀门检修".encode(charset)) == "城市供水管网巡检制度规定阀门检修"


def test_a_declared_charset_is_believed_only_where_it_fits() -> None:
    text = "城市供水管网巡检制度规定，阀门每季度检查一次。" * 3
    assert decoded(text.encode("gb18030"), "gb2312") == text
    assert decoded(text.encode("gb18030"), "us-ascii") == text
    assert decoded(text.encode(), "iso-8859-1") == text
    assert decoded("会议".encode("gb18030"), "GB2312") == "会议"


def test_unmarked_japanese_mail_is_read() -> None:
    assert decoded("日本の会議".encode("iso2022_jp")) == "日本の会議"


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ("Mon, 02 Mar 2026 09:30:00 +0800", "2 Mar 2026"),
        ("2 Mar 2026 09:30", "2 Mar 2026"),
        ("yesterday", ""),
        ("99 Mar 2026 09:30:00", ""),
        ("", ""),
    ],
)
def test_the_day_of_a_mail_is_told(date: str, day: str) -> None:
    assert day_of(date) == day


def test_quoted_paragraphs_lose_their_marks_and_stand_apart() -> None:
    text = "I agree.\r\n> > The price\r\n> > is 42.\r\n> No.\r\n-- \r\nAda"
    assert paragraphs(text) == ["I agree.", "The price\nis 42.", "No.", "--\nAda"]


def test_flowed_lines_are_joined() -> None:
    text = "The pump \nis old.\n > Quoted?\n> One \n> two\n"
    assert paragraphs(text, is_flowed=True) == ["The pump is old.\n> Quoted?", "One two"]
    assert paragraphs("会 \n议\n", is_flowed=True, drops_blank=True) == ["会议"]
