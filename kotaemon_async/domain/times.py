"""Times as people and programs read them."""

from datetime import UTC, datetime
from typing import Literal


def iso_time(at_s: float, precision: Literal["seconds", "milliseconds"] = "milliseconds") -> str:
    """Return Unix seconds as ISO 8601 in UTC, which ends in `Z`."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
