"""What is printed on pages as their numbers."""

import pytest

from kotaemon_async.documents.parsing.child_pdf_labels import PageLabels


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ({"style": "r", "firstpagenum": 44}, "xliv"),
        ({"style": "R", "firstpagenum": 1999}, "MCMXCIX"),
        ({"style": "a", "firstpagenum": 28}, "bb"),
        ({"style": "D", "prefix": "B-", "firstpagenum": 3}, "B-3"),
        ({"prefix": "Cover"}, "Cover"),
        ({"style": "D", "firstpagenum": 1}, ""),
        ({"style": "r", "firstpagenum": 10**9}, "1000000000"),
        ({"style": "A", "firstpagenum": 10**9}, ""),
        ({"prefix": "x" * 100}, ""),
    ],
)
def test_a_page_is_called_as_it_is_printed(rule: dict[str, object], label: str) -> None:
    assert PageLabels([{"startpage": 0, **rule}]).label(1) == label


def test_pages_before_the_first_rule_have_no_label() -> None:
    labels = PageLabels([{"startpage": 2, "style": "D", "firstpagenum": 1}])
    assert [labels.label(number) for number in (1, 2, 3, 4)] == ["", "", "1", "2"]
