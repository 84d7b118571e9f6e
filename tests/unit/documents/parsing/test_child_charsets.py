"""Charsets told by the bytes of a text."""

import random
import time

import pytest

from kotaemon_async.documents.parsing.child_charsets import LOST, codec_of, decoded, unmarked_utf16

SIMPLIFIED = "城市供水管网巡检制度规定，阀门编号为V-8821的阀门每季度检查一次，检查结果由值班长签字确认。"
TRADITIONAL = "城市供水管網巡檢制度規定，閥門每季度檢查一次，檢查結果由值班長簽字確認，並記錄於會議紀錄。"
JAPANESE = "この装置の点検は毎月一回行い、結果を記録簿に書いてください。バルブの番号も確認します。"
KOREAN = "이 장치는 매월 한 번 점검하고 결과를 기록부에 적어 주십시오. 밸브 번호도 확인합니다."
RUSSIAN = "Насосная станция проверяется каждый месяц, результаты записываются в журнал."
GREEK = "Η αντλία ελέγχεται κάθε μήνα και τα αποτελέσματα γράφονται στο βιβλίο."
HEBREW = "המשאבה נבדקת בכל חודש והתוצאות נרשמות ביומן התחנה"
ARABIC = "يتم فحص المضخة كل شهر وتسجل النتائج في سجل المحطة"
GERMAN = "Die Pumpe für den größeren Behälter läuft täglich und wird überprüft."
FRENCH = "La pompe est vérifiée à chaque relève et les résultats sont notés après contrôle."
POLISH = "Pompa jest sprawdzana każdego miesiąca, a wyniki są zapisywane w książce."
CZECH = "Čerpadlo se kontroluje každý měsíc a výsledky se zapisují do příručky."
TURKISH = "Pompa her ay kontrol edilir, sonuçlar deftere yazılır ve değişiklik işlenir."
ENGLISH = "The pump\u2019s price is £50 \u2013 or \u201ca bit\u201d more at 20 °C."
WRITTEN = [
    (SIMPLIFIED, ("gb18030", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig", "utf-16")),
    (TRADITIONAL, ("big5", "gb18030", "utf-16-le")),
    (JAPANESE, ("cp932", "euc_jp", "iso2022_jp", "utf-16-le")),
    (KOREAN, ("cp949", "utf-16-le")),
    (RUSSIAN, ("cp1251", "koi8_r", "cp866", "iso8859_5", "utf-16-le")),
    (GREEK, ("cp1253", "iso8859_7")),
    (HEBREW, ("cp1255",)),
    (ARABIC, ("cp1256",)),
    (GERMAN, ("cp1252", "utf-16-le")),
    (FRENCH, ("cp1252",)),
    (POLISH, ("cp1250", "iso8859_2")),
    (CZECH, ("cp1250",)),
    (TURKISH, ("cp1254",)),
    (ENGLISH, ("cp1252",)),
]
LOG = "The maintenance log of station seven lists every check of the week in plain words. "
EVERY = [(text, codec) for text, codecs in WRITTEN for codec in codecs]
EIGHT_BIT = [one for one in EVERY if not one[1].startswith(("utf", "iso2022"))]


@pytest.mark.parametrize(("text", "codec"), EVERY)
def test_a_sentence_is_read_in_the_charset_it_was_written_in(text: str, codec: str) -> None:
    assert decoded(text.encode(codec))[0] == text


@pytest.mark.parametrize(
    ("text", "codec"), [one for one in EVERY if not one[1].startswith(("utf", "iso2022"))]
)
def test_the_only_foreign_line_may_stand_behind_much_ascii(text: str, codec: str) -> None:
    assert decoded((LOG * 400 + "\n" + text).encode(codec))[0].endswith(text)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("会议纪要", "gb18030"),
        ("Valve list\r\nV-1 阀门 每季度", "gb18030"),
        ("會議紀錄編號", "big5"),
        ("会议纪要的编号", "utf-16-le"),
        ("点検のお知らせ", "cp932"),
        ("안녕하세요", "cp949"),
        ("Größe: 5 µm", "cp1252"),
        ("Café", "cp1252"),
        ("ДОГОВОР ПОСТАВКИ", "cp1251"),
    ],
)
def test_a_few_characters_are_enough(text: str, codec: str) -> None:
    assert decoded(text.encode(codec))[0] == text


def test_windows_of_eight_characters_of_chinese_are_nearly_always_read() -> None:
    windows = [SIMPLIFIED[at : at + 8] for at in range(len(SIMPLIFIED) - 8)]
    right = sum(decoded(window.encode("gb18030"))[0] == window for window in windows)
    assert right >= len(windows) * 0.97


def test_one_bad_byte_spoils_nothing_but_itself() -> None:
    text, charset = decoded((SIMPLIFIED * 50).encode("gbk") + b"\xff\n" + SIMPLIFIED.encode("gbk"))
    assert (text, charset) == (f"{SIMPLIFIED * 50}{LOST}\n{SIMPLIFIED}", "gb18030")
    assert decoded((LOG * 4000 + SIMPLIFIED * 10).encode() + b"\xff")[0].endswith(f"确认。{LOST}")


def test_a_character_cut_at_either_end_spoils_only_itself() -> None:
    data = (SIMPLIFIED * 3).encode("gbk")
    assert decoded(data[:-1])[0] == (SIMPLIFIED * 3)[:-1] + LOST
    assert decoded(data[1:])[0].endswith(SIMPLIFIED * 2)


def test_the_euro_sign_of_code_page_936_is_read() -> None:
    data = (SIMPLIFIED + "预算为").encode("gbk") + b"\x80" + "4200元。".encode("gbk")
    assert decoded(data)[0].endswith("预算为€4200元。")


def test_bytes_that_no_language_explains_are_lost_rather_than_letters() -> None:
    line = b"Opening hours. \xff\xfe\xc3( \xed\xa0\x80 \xf8\x88\x80\x80\x80 Closed on Sunday.\n"
    text, charset = decoded(line * 50)
    assert charset == "utf-8"
    assert LOST in text and not any("\x7f" < sign != LOST for sign in text)


def test_lines_of_two_charsets_are_each_read_in_their_own() -> None:
    data = f"{SIMPLIFIED}\n".encode() * 3 + f"{SIMPLIFIED}\n".encode("gbk") * 2 + b"end\n"
    assert decoded(data) == (f"{SIMPLIFIED}\n" * 5 + "end\n", "utf-8, gb18030")


def test_surrogates_written_as_utf8_are_one_character() -> None:
    assert decoded(b"a \xed\xa0\xbd\xed\xb8\x80 b") == ("a 😀 b", "utf-8")


@pytest.mark.parametrize(
    ("declared", "text", "codec"),
    [
        ("utf-8", SIMPLIFIED, "gbk"),
        ("iso-8859-1", SIMPLIFIED, "gbk"),
        ("shift_jis", SIMPLIFIED, "gbk"),
        ("utf-16", SIMPLIFIED, "utf-8"),
        ("punycode", SIMPLIFIED, "gbk"),
        ("gb2312", "朱镕基" + SIMPLIFIED, "gbk"),
        ("ISO-8859-1", "“quoted”", "cp1252"),
        ("ks_c_5601-1987", "회의", "cp949"),
        ("windows-874", "สวัสดี", "cp874"),
        ("iso-8859-2", "ąż", "iso8859_2"),
        ("x-sjis", "会議", "cp932"),
    ],
)
def test_what_is_declared_is_believed_where_it_fits(declared: str, text: str, codec: str) -> None:
    assert decoded(text.encode(codec), declared)[0] == text


def test_only_charsets_are_charsets() -> None:
    assert [codec_of(name) for name in ("x-gbk", "windows-1252", '"UTF-8"', "unicode-1-1-utf-8")] == [
        "gb18030",
        "cp1252",
        "utf_8",
        "utf_8",
    ]
    assert [codec_of(name) for name in ("base64", "punycode", "unicode_escape", "", "ü\0")] == [None] * 5


def test_text_with_a_few_nuls_is_no_utf16() -> None:
    assert unmarked_utf16("left\0right 报价42".encode()) is None
    assert unmarked_utf16("a,b\nc,d\n".encode("utf-16-be")) == "utf_16_be"


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xfe", b"\x80" * 9, b"\n" * 99 + b"\xff", bytes(range(256)) * 8]
)
def test_any_bytes_become_some_text(data: bytes) -> None:
    text, charset = decoded(data)
    assert len(text) <= len(data)
    assert charset


def test_twelve_megabytes_take_less_than_three_seconds() -> None:
    noise = random.Random(1).randbytes(1_000_000)
    for data in ((f"{SIMPLIFIED}\n" * 120_000).encode("gbk"), noise * 12, (b"\n\n\xff\n" * 3_000_000)):
        began = time.process_time()
        decoded(data)
        assert time.process_time() - began < 3


def test_binary_data_are_no_utf16() -> None:
    noise = [random.Random(seed).randbytes(4096) for seed in range(20)]
    assert [unmarked_utf16(data) for data in noise] == [None] * 20
    assert unmarked_utf16(bytes(range(256)) * 16) is None


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN, RUSSIAN, GREEK, HEBREW, GERMAN])
def test_utf16_of_any_script_is_known_without_its_mark(text: str) -> None:
    found = [unmarked_utf16((text * count).encode("utf-16-be")) for count in (1, 3, 100)]
    assert found == ["utf_16_be"] * 3
