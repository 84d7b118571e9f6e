"""Words are found as a person looks for them, whatever they are written and broken with."""

import pytest

from kotaemon_async.domain.finding import excerpt, marked_terms, phrase, sought


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("hydraulic pump", "The Hydrau-\nlic  púmp.", ["Hydrau-\nlic  púmp"]),
        ("well-known", "well-\nknown and well-known", ["well-\nknown", "well-known"]),
        ("soft", "so\u00adft", ["so\u00adft"]),
        ("foobar", "foo\nbar", []),
        ("系统", "系\n統 系统", ["系\n統", "系统"]),
        ("稳 定", "系統穩定", ["穩定"]),
        ("１２３", "room 123", ["123"]),
        ("ガス", "ｶﾞｽ", ["ｶﾞｽ"]),
        ("fine", "a ﬁne day", ["ﬁne"]),
        ("strasse", "STRAẞE Straße", ["STRAẞE", "Straße"]),
        ("CAFÉ", "cafe café cafe\u0301", ["cafe", "café", "cafe\u0301"]),
        ("الضمان", "الضَّمان", ["الضَّمان"]),
        ("إصلاح", "إصالح الرافعة", ["إصالح"]),
        ("الرافعة ABC", "الرافعةABC-123", ["الرافعةABC"]),
        ("it's", "it’s", ["it’s"]),
        ("pump", "pumps PUMP", ["pump", "PUMP"]),
        ("👍", "ok 👍 ok", ["👍"]),
        ("", "text", []),
        ("  ", "text", []),
    ],
)
def test_words_are_found_however_they_are_written(query: str, text: str, found: list[str]) -> None:
    assert [text[start:stop] for start, stop in sought(query).spans(text)] == found


def test_words_that_stand_apart_are_one_hit_where_they_are_near() -> None:
    text = "The seal of a PUMP. " + "x " * 200 + "Another pump, and its seal."
    groups = sought("pump seal").word_groups(text)
    assert [[text[a:b] for a, b in one] for one in groups] == [["seal", "PUMP"], ["pump", "seal"]]


def test_words_that_are_nowhere_near_are_found_where_they_are_nearest() -> None:
    text = "pump " + "x " * 300 + "seal " + "x " * 200 + "pump"
    (group,) = sought("pump seal").word_groups(text)
    assert [text[a:b] for a, b in group] == ["seal", "pump"]


@pytest.mark.parametrize(("query", "text"), [("pump seal", "only a pump"), ('"pump seal"', "seal pump")])
def test_a_missing_word_or_quotation_marks_leave_nothing(query: str, text: str) -> None:
    assert sought(query).marks(text) == []


def test_a_long_quote_is_found_whole() -> None:
    quote = "word " * 100
    assert phrase(quote).spans(f"x {quote.replace(' ', chr(10))}") == [(2, 2 + len(quote) - 1)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("the harb", ["harbour", "Harbours"]),
        ("maintenan", ["maintenance"]),
        ("harb the", []),
        ("維", ["维"]),
        ("h", []),
    ],
)
def test_what_is_still_typed_is_marked_where_it_begins_a_word(query: str, found: list[str]) -> None:
    text = "In the harbour, and Harbours: maintenance 系统维护"
    assert [text[a:b] for a, b in marked_terms(text, query, as_typed=True)] == found


def test_terms_of_a_query_are_marked_in_every_form_that_is_searched() -> None:
    text = "The pumps' 4,000 hours in IT: 系統穩定 of pumping"
    marks = marked_terms(text, "pump 4,000 系统稳定")
    assert [text[a:b] for a, b in marks] == ["pumps", "4,000", "系統穩定", "pumping"]


def test_an_excerpt_is_one_line_of_the_same_length_cut_at_words() -> None:
    text = "before " * 20 + "the\nneedle " + "after " * 40
    at = text.index("needle")
    cut, start = excerpt(text, (at, at + 6))
    assert (text[start : start + len(cut)].replace("\n", " "), "the needle after" in cut) == (cut, True)
    assert cut.startswith("before ")
    assert cut.endswith("after")
