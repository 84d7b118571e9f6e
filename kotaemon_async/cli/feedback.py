"""The command `feedback`: what people think of their answers, as a table, as JSON or for a spreadsheet."""

import csv
import sys
from collections.abc import Sequence
from typing import Final

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.render import print_feedback, print_json
from kotaemon_async.cli.terminal import visible

#: What is asked for at once.
_PAGE: Final = 200
_COLUMNS: Final = (
    *("at", "user", "verdict", "reason", "comment", "question", "answer", "outcome", "served_by", "link"),
    *("degraded", "answer_id", "conversation_id", "trace_id"),
)
#: What a spreadsheet would take for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t")


def show_feedback(client: Client, verdict: str | None, limit: int, *, as_json: bool, as_csv: bool) -> None:
    """Print the latest of it, the latest first. Raises: CommandError."""
    found: list[Json] = []
    cursor: str | None = None
    while len(found) < limit:
        page = client.feedback(verdict=verdict, limit=min(limit - len(found), _PAGE), cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if as_csv:
        _print_csv(found)
    elif as_json:
        print_json({"items": found})
    else:
        print_feedback(found)


def _print_csv(rows: Sequence[Json]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in _COLUMNS])


def _cell(value: object) -> str:
    """Return the value so that no spreadsheet runs it."""
    text = "" if value is None else str(value)
    text = visible(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
