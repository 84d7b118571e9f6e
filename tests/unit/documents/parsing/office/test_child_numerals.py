"""Numbers of lists and headings, as they are written."""

import pytest

from kotaemon_async.documents.parsing.office.child_numerals import numeral


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (14, "decimal", "14"),
        (4, "lowerRoman", "iv"),
        (1994, "upperRoman", "MCMXCIV"),
        (9999, "upperRoman", "9999"),
        (26, "lowerLetter", "z"),
        (28, "upperLetter", "BB"),
        (7, "decimalZero", "07"),
        (22, "ordinal", "22nd"),
        (12, "ordinal", "12th"),
        (3, "chineseCounting", "三"),
        (10, "chineseCountingThousand", "十"),
        (12, "japaneseCounting", "十二"),
        (20, "chineseCounting", "二十"),
        (105, "chineseCountingThousand", "一百零五"),
        (1010, "chineseCountingThousand", "一千零一十"),
        (11, "chineseLegalSimplified", "壹拾壹"),
        (10, "ideographDigital", "一〇"),
        (3, "ideographTraditional", "丙"),
        (11, "ideographTraditional", "11"),
        (4, "decimalEnclosedCircleChinese", "④"),
        (2, "ganada", "나"),
        (3, "russianUpper", "В"),
        (0, "lowerRoman", "0"),
        (-4, "upperLetter", "-4"),
        (10**9, "lowerLetter", "1000000000"),
        (5, "unheardOf", "5"),
    ],
)
def test_a_number_is_written_as_its_form_says(value: int, form: str, text: str) -> None:
    assert numeral(value, form) == text
