"""Folders, patterns and files as people name them to `ingest`."""

import os
from pathlib import Path

import pytest

from kotaemon_async.cli.file_choice import Choice


@pytest.fixture(autouse=True)
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("docs/a.pdf", "docs/2031/b.pdf", "docs/2031/q1/c.pdf", "docs/2031/d.txt", "docs/.git/e.pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "docs"


def paths(*words: str) -> list[str]:
    return [one.path for one in Choice.of(words).files]


def test_a_folder_gives_all_its_files_with_their_places_in_it() -> None:
    assert paths("docs") == ["a.pdf", "2031/b.pdf", "2031/d.txt", "2031/q1/c.pdf"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("docs/**/*.pdf", ["a.pdf", "2031/b.pdf", "2031/q1/c.pdf"]),
        ("docs/*.pdf", ["a.pdf"]),
        ("docs/20[23]?/*.*", ["2031/b.pdf", "2031/d.txt"]),
        ("docs/**", ["a.pdf", "2031/b.pdf", "2031/d.txt", "2031/q1/c.pdf"]),
        ("docs/*/q[!2-9]/*", ["2031/q1/c.pdf"]),
        ("*/2031/d.txt", ["docs/2031/d.txt"]),
    ],
)
def test_a_quoted_pattern_keeps_the_places_below_its_plain_part(pattern: str, found: list[str]) -> None:
    assert paths(pattern) == found


def test_a_file_that_is_named_itself_has_no_place_and_is_sent_once() -> None:
    assert paths("docs/a.pdf", "docs/.git/e.pdf", "docs") == [
        "",
        "",
        "2031/b.pdf",
        "2031/d.txt",
        "2031/q1/c.pdf",
    ]


def test_hidden_files_are_passed_over_with_the_reason(docs: Path) -> None:
    assert Choice.of(["docs"]).skipped == [(Path("docs/.git"), "hidden")]
    assert Choice.of(["docs/**/*.pdf"]).skipped == []


def test_links_that_go_round_end(docs: Path) -> None:
    (docs / "2031" / "up").symlink_to(docs)
    choice = Choice.of(["docs"])
    assert [one.path for one in choice.files] == ["a.pdf", "2031/b.pdf", "2031/d.txt", "2031/q1/c.pdf"]
    assert (Path("docs/2031/up"), "a link to a folder that was read already") in choice.skipped


def test_what_is_no_readable_file_is_passed_over(docs: Path) -> None:
    os.mkfifo(docs / "pipe")
    (docs / "lost").symlink_to(docs / "nowhere")
    reasons = {str(file): reason for file, reason in Choice.of(["docs"]).skipped}
    assert reasons["docs/pipe"] == "not a file"
    assert reasons["docs/lost"] == "No such file or directory"


def test_a_word_that_names_nothing_is_missing() -> None:
    assert Choice.of(["docs/none.pdf", "gone/*.pdf"]).missing == ["docs/none.pdf", "gone/*.pdf"]


def test_a_pattern_that_matches_nothing_gives_nothing() -> None:
    choice = Choice.of(["docs/*.docx"])
    assert (choice.files, choice.missing) == ([], [])
