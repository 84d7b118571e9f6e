"""The command `audit` without a service: which acts it asks for, in which order it shows them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.audit import AuditCommand, moment, write_down
from kotaemon_async.cli.client import Json
from kotaemon_async.cli.errors import CommandError
from tests.support.command import Connect, Reply

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def act(seq: int) -> Json:
    return {
        "seq": seq, "at": "2026-03-01T09:30:00Z", "caller": "key_1", "user": "alice",
        "action": "documents.delete", "object": f"doc_{seq}", "address": "192.0.2.7",
        "result": "ok", "trace_id": "a" * 32,
    }  # fmt: skip


def ledger(acts: list[Json], asked: list[dict[str, str]]) -> Reply:
    """A service with these acts, the latest last, which gives no more than asked for."""

    def reply(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        asked.append(query)
        below, after = int(query.get("cursor", 10**9)), int(query.get("after", 0))
        found = [one for one in reversed(acts) if after < one["seq"] < below]
        page = found[: int(query["limit"])]
        following = str(page[-1]["seq"]) if len(found) > len(page) else None
        return httpx.Response(200, json={"items": page, "next_cursor": following})

    return reply


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("30m", "2026-03-02T11:30:00+00:00"),
        ("7d", "2026-02-23T12:00:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T08:00+01:00", "2026-03-01T08:00:00+01:00"),
    ],
)
def test_a_time_is_said_as_it_is_or_by_how_long_ago_it_was(said: str, at: str) -> None:
    assert moment(said, NOW) == at


@pytest.mark.parametrize("said", ["", "yesterday", "7", "-1d", "999999d"])
def test_a_time_that_is_none_is_wrong_usage(said: str) -> None:
    with pytest.raises(CommandError) as raised:
        moment(said, NOW)
    assert raised.value.exit_code == 2


def test_the_latest_acts_are_fetched_over_pages_and_shown_in_their_order(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, str]] = []
    client = connect(ledger([act(number) for number in range(1, 501)], asked))
    command = AuditCommand(client, {"user": "alice", "action": None}, as_json=True)
    assert command.show(None, 450) == 500
    shown = json.loads(capsys.readouterr().out)["items"]
    assert [one["seq"] for one in shown] == list(range(51, 501))
    assert [(one["limit"], one["user"]) for one in asked] == [("200", "alice")] * 2 + [("50", "alice")]


def test_what_comes_is_shown_once_each(connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    acts = [act(1), act(2)]

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("after") == "4":
            raise httpx.ConnectError("stopped", request=request)
        return ledger(acts, [])(request)

    command = AuditCommand(connect(reply), {}, as_json=True)
    latest = command.show(None, 10)
    acts += [act(3), act(4)]
    with pytest.raises(CommandError):
        command.follow(latest)
    first, *rest = map(json.loads, capsys.readouterr().out.splitlines())
    assert ([one["seq"] for one in first["items"]], [one["seq"] for one in rest]) == ([1, 2], [3, 4])


def test_an_act_that_cannot_be_written_down_is_said_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_down(tmp_path, "backup.create", "a.tar")
    assert "not in the audit" in capsys.readouterr().err
