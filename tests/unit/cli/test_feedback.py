"""The command `feedback` without a service: which pages it asks for, and how it shows them."""

import csv
import io
import json

import httpx
import pytest

from kotaemon_async.cli.feedback import show_feedback
from kotaemon_async.http.examples import EXAMPLES
from tests.support.command import Connect, Reply


def service(comments: list[str], asked: list[dict[str, str]]) -> Reply:
    """A service with this feedback, which gives no more at once than asked for."""

    def reply(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        asked.append(query)
        start = int(query.get("cursor", 0))
        stop = start + int(query["limit"])
        items = [EXAMPLES["FeedbackBody"] | {"comment": one} for one in comments[start:stop]]  # type: ignore[operator]
        following = str(stop) if stop < len(comments) else None
        return httpx.Response(200, json={"items": items, "next_cursor": following})

    return reply


def test_the_latest_is_fetched_over_pages(connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[dict[str, str]] = []
    client = connect(service([str(n) for n in range(300)], asked))
    show_feedback(client, "down", 250, as_json=True, as_csv=False)
    shown = json.loads(capsys.readouterr().out)["items"]
    assert [one["comment"] for one in shown] == [str(n) for n in range(250)]
    assert [(one["limit"], one["verdict"]) for one in asked] == [("200", "down"), ("50", "down")]


def test_a_spreadsheet_runs_nothing_of_it(connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    client = connect(service(["=1+1", 'He said "no",\nand left\x1b[2J'], []))
    show_feedback(client, None, 9, as_json=False, as_csv=True)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [one["comment"] for one in rows] == ["'=1+1", 'He said "no",\nand left␛[2J']
    assert rows[0]["question"] == "How much did revenue rise?"


def test_a_table_has_a_line_for_each(connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    show_feedback(connect(service(["Too long."], [])), None, 9, as_json=False, as_csv=False)
    _, line = capsys.readouterr().out.strip().splitlines()
    assert {"alice", "down", "Too", "long."} <= set(line.split())
