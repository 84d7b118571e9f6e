"""The log as a test sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from loguru import Record


@contextmanager
def logged(*events: str) -> Iterator[list["Record"]]:
    """The log's records of these events, or of all, as they come."""
    records: list[Record] = []
    number = logger.add(
        lambda message: records.append(message.record), filter=lambda r: not events or r["message"] in events
    )
    try:
        yield records
    finally:
        logger.remove(number)
