"""Ranges and names of files that are sent."""

import pytest

from kotaemon_async.http.downloads import disposition, range_of


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=10-", None),
        ("bytes=4-2", None),
        ("bytes=-0", None),
        ("bytes=-", None),
        (f"bytes=0-{'9' * 5_000}", None),
        ("bytes=٠-٢", None),
        ("bytes=0-1,3-4", None),
        (None, None),
    ],
)
def test_a_range_is_in_the_file_or_all_of_it(header: str | None, found: tuple[int, int] | None) -> None:
    assert range_of(header, 10) == found


def test_a_name_cannot_break_out_of_its_header() -> None:
    assert disposition('a"; x="\r\n报', "text/html") == (
        "attachment; filename=\"a_; x=____\"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0A%E6%8A%A5"
    )


def test_a_pdf_is_shown_in_place() -> None:
    assert disposition("a.pdf", "application/pdf").startswith("inline;")


@pytest.mark.parametrize(
    "media_type",
    [
        *("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml"),
        *("multipart/related", "message/rfc822", "application/zip", "image/png", "text/markdown", "text/csv"),
    ],
)
def test_what_could_run_or_is_not_known_is_saved_and_never_shown(media_type: str) -> None:
    assert disposition("a", media_type).startswith("attachment; ")
