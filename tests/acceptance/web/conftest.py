"""One browser for all tests of the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser that is closed before any test elsewhere, as those may be asynchronous."""
    with chromium() as found:
        yield found
