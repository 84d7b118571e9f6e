"""What the page says in words: every name that its modules use, in both languages, and every error."""

import re
from pathlib import Path
from typing import Final

import pytest

from kotaemon_async.domain.errors import CODES

WEB: Final = Path(__file__).parents[4] / "kotaemon_async" / "http" / "web"
MODULES: Final = {path.stem: path.read_text("utf8") for path in WEB.glob("*.js")}
_WORDS: Final = re.compile(r'^  "?([^":]+)"?: \["((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\],$', re.MULTILINE)
_PLACES: Final = re.compile(r"\{(\w+)\}")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
#: Names and marks that are the same in every language.
_SAME: Final = {"system.at", "system.none", "uploads.sent"}
LINES: Final = 250

ENTRIES: Final = [
    entry for name, text in MODULES.items() if name.startswith("words_") for entry in _WORDS.findall(text)
]
KNOWN: Final = {name for name, _, _ in ENTRIES}
CODE: Final = "".join(text for name, text in MODULES.items() if not name.startswith("words_"))


def test_each_line_of_words_is_read_by_these_tests() -> None:
    lines = [
        line
        for name, text in MODULES.items()
        if name.startswith("words_")
        for line in text.splitlines()
        if re.match(r'  (\w|")', line)
    ]
    assert len(ENTRIES) > 400
    assert [line for line in lines if not _WORDS.match(line)] == []


def test_no_name_has_two_meanings() -> None:
    names = [name for name, _, _ in ENTRIES]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_each_entry_has_words_in_both_languages_with_the_same_places() -> None:
    odd = [
        name
        for name, english, chinese in ENTRIES
        if not english.strip() or set(_PLACES.findall(english)) != set(_PLACES.findall(chinese))
    ]
    untold = [name for name, _, chinese in ENTRIES if not _CHINESE.search(_PLACES.sub("", chinese))]
    assert (odd, sorted(set(untold) - _SAME)) == ([], [])


def test_one_and_many_are_the_only_forms() -> None:
    assert [name for name, *forms in ENTRIES for form in forms if form.count(" | ") > 1] == []


def test_each_name_that_the_page_uses_has_words() -> None:
    used = set(re.findall(r'\bt\(\s*"([\w.]+)"', CODE))
    chosen = re.findall(r'\bt\([^"`()]*\? "([\w.]+)" : "([\w.]+)"', CODE)
    used |= {name for pair in chosen for name in pair}
    assert len(used) > 200
    assert sorted(used - KNOWN) == []


def test_each_family_of_codes_has_words() -> None:
    families = set(re.findall(r'\bcode\("([\w.]+)"', CODE))
    families |= {name.rstrip(".") for name in re.findall(r"\bt\(`([\w.]+\.)\$\{", CODE)}
    assert len(families) > 10
    assert [one for one in families if not any(name.startswith(f"{one}.") for name in KNOWN)] == []


@pytest.mark.parametrize("family", ["error", "hint"])
def test_each_code_of_an_error_is_told_in_words(family: str) -> None:
    assert [code for code in CODES if f"{family}.{code}" not in KNOWN] == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_each_module_is_read_in_one_sitting(name: str) -> None:
    assert len(MODULES[name].splitlines()) <= LINES


def test_no_module_makes_html_of_text_or_style_attributes() -> None:
    trusted = MODULES["dom"]
    assert trusted.count(".innerHTML") == 1
    rest = CODE.replace(trusted, "")
    assert (
        re.findall(r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write|DOMParser)\b", rest)
        == []
    )
