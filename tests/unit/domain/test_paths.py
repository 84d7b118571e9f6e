"""Paths inside folders and archives are data: nothing climbs, nothing is hidden in them."""

import pytest

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.paths import MAX_PATH_CHARS, cleaned_path, is_hidden, name_of


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("reports/2031/a.docx", "reports/2031/a.docx"),
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\Users\\me\\b.pdf", "Users/me/b.pdf"),
        ("/srv//docs/./c.txt", "srv/docs/c.txt"),
        ("报告\x00/第\u202e一\n章.md", "报告/第一章.md"),
        ("cafe\u0301/d.txt", "caf\u00e9/d.txt"),
        (" ../.. ", ""),
        ("c:d.txt", "c:d.txt"),
        ("bad\udcff.txt", "bad.txt"),
    ],
)
def test_a_path_keeps_what_it_says_and_nothing_that_leads_elsewhere(raw: str, clean: str) -> None:
    assert cleaned_path(raw) == clean


def test_a_path_that_is_too_long_is_refused_after_it_was_cleaned() -> None:
    assert len(cleaned_path("../" * 900 + "a" * MAX_PATH_CHARS)) == MAX_PATH_CHARS
    with pytest.raises(Refused, match="1001 characters"):
        cleaned_path("a" * (MAX_PATH_CHARS + 1))


@pytest.mark.parametrize(
    ("path", "name"), [("a/b.txt", "b.txt"), ("a/" + "x" * 40 + ".html", "xxxxx.html"), ("y" * 30, "y" * 10)]
)
def test_a_name_that_is_too_long_keeps_its_ending(path: str, name: str) -> None:
    assert name_of(path, 10) == name


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        (".git", True), ("~$plan.docx", True), ("film.mp4.part", True), ("a.crdownload", True),
        ("b.TMP", True), ("notes.txt~", True), ("Thumbs.db", True), ("__MACOSX", True), ("#1 a.pdf", False),
        ("poetry.lock", False), ("part.txt", False), ("~notes.md", False),
    ],
)  # fmt: skip
def test_hidden_and_unfinished_files_are_told_by_their_names(name: str, hidden: bool) -> None:
    assert is_hidden(name) is hidden
