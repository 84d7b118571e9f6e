"""Numbers and dates as a spreadsheet's cells show them."""

import pytest

from kotaemon_async.documents.parsing.office.child_numbers import code_of, shown, shown_text

ACCOUNTING = '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)'


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        ("7123", "000000", "007123"),
        ("0.475", "0.00%", "47.50%"),
        ("0.475", "0%", "48%"),
        ("1234567", "#,##0", "1,234,567"),
        ("1000", "#,##0", "1,000"),
        ("-1234567.891", "#,##0.00", "-1,234,567.89"),
        ("1234567", "#,##0,", "1,235"),
        ("12345678", '0.00,,"M"', "12.35M"),
        ("123456789", "000\\-00\\-0000", "123-45-6789"),
        ("12345.678", "0.00E+00", "1.23E+04"),
        ("1.25", "# ?/?", "1 1/4"),
        ("0.5", "# ?/8", "4/8"),
        ("2", "0.#", "2"),
        ("0.5", ".00", ".50"),
        ("12.5", '0.0" kg"', "12.5 kg"),
        ("-0.001", "0.00", "0.00"),
    ],
)
def test_a_number_has_the_digits_that_its_code_asks_for(number: str, code: str, text: str) -> None:
    assert shown(number, code) == text


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        ("1234.5", ACCOUNTING, "$1,234.50"),
        ("-1234.5", ACCOUNTING, "$(1,234.50)"),
        ("0", ACCOUNTING, "$-"),
        ("1234.5", "#,##0.00\\ [$€-407]", "1,234.50 €"),
        ("1234.5", '"¥"#,##0.00', "¥1,234.50"),
        ("-5", "0;(0)", "(5)"),
        ("5", "[Red][<10]0;[>=10]0.0", "5"),
        ("15", "[Red][<10]0;[>=10]0.0", "15.0"),
    ],
)
def test_the_section_is_chosen_by_the_value(number: str, code: str, text: str) -> None:
    assert shown(number, code) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("622848000123456789", "622848000123456789"),
        ("6.2284800012345677E17", "622848000123456770"),
        ("0.30000000000000004", "0.3"),
        ("1E-7", "0.0000001"),
        ("-3", "-3"),
        ("1E+999999999", "1E+999999999"),
        ("no number", "no number"),
        ("NaN", "NaN"),
    ],
)
def test_a_number_without_a_code_keeps_its_digits(number: str, text: str) -> None:
    assert shown(number, "General") == text


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        ("46174", code_of(14), "2026-06-01"),
        ("46174.75", code_of(22), "2026-06-01 18:00"),
        ("46174", "d-mmm-yy", "1-Jun-26"),
        ("46174", "dddd, mmmm dd, yyyy", "Monday, June 01, 2026"),
        ("46174", 'yyyy"年"m"月"d"日"', "2026年6月1日"),
        ("46174", "[$-804]aaaa", "星期一"),
        ("0.354166666", "h:mm AM/PM", "8:30 AM"),
        ("1.5", "[h]:mm", "36:00"),
        ("0.5006365741", "mm:ss.0", "00:55.0"),
        ("0.99999999", "h:mm:ss", "0:00:00"),
        ("59", "m/d/yyyy", "2/28/1900"),
        ("-1", "yyyy-mm-dd", "-1"),
        ("2958466", "yyyy-mm-dd", "2958466"),
    ],
)
def test_a_date_is_shown_as_its_code_says(number: str, code: str, text: str) -> None:
    assert shown(number, code) == text


def test_a_workbook_may_count_its_days_from_1904() -> None:
    assert shown("0", "yyyy-mm-dd", from_1904=True) == "1904-01-01"
    assert shown("44712", "yyyy-mm-dd", from_1904=True) == "2026-06-01"


def test_a_code_that_shows_nothing_does_not_hide_the_number() -> None:
    assert shown("5", ";;;") == "5"


def test_text_keeps_what_its_code_puts_around_it() -> None:
    assert shown_text("17", '"Nr. "@') == "Nr. 17"
    assert shown_text("007", "0.00") == "007"


@pytest.mark.parametrize(
    "code", ["0" * 5000, "#,##0." + "0" * 900, "?/" * 400, '"', "[", "\\", "E+" * 300, ""]
)
def test_a_code_that_no_person_wrote_does_no_harm(code: str) -> None:
    assert len(shown("12.5", code)) < 2000
