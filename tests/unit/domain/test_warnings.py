"""Warnings that say the same are one, with all their places."""

from kotaemon_async.domain.model import DocumentWarning, Locator
from kotaemon_async.domain.warnings import MOST_PLACES, MOST_WARNINGS, merged


def warning(*pages: int, message: str = "No text.") -> DocumentWarning:
    places = tuple(Locator("page", page) for page in pages)
    return DocumentWarning("page_without_text", places, message, "Scan it.")


def test_pages_of_the_same_warning_stand_in_one() -> None:
    assert merged([warning(2), warning(3), warning(2)]) == (warning(2, 3),)


def test_different_sentences_are_different_warnings() -> None:
    assert len(merged([warning(2), warning(3, message="Garbled.")])) == 2


def test_places_beyond_the_limit_are_counted() -> None:
    (one,) = merged(warning(page) for page in range(1, MOST_PLACES + 51))
    assert (len(one.places), one.more) == (MOST_PLACES, 50)


def test_a_document_has_a_limited_number_of_warnings() -> None:
    assert len(merged(warning(1, message=str(number)) for number in range(1000))) == MOST_WARNINGS
