"""What others wrote reaches no terminal as anything but text, whatever command shows it."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import pytest

from kotaemon_async.cli import render, render_backups
from kotaemon_async.cli.client import Json
from kotaemon_async.http.examples import EXAMPLES
from tests.support.command import arguments, calling, run

#: A title, a clipboard, cursors and colours by ESC and C1, a bell, a return, turned text, half a character.
HOSTILE: Final = "\x1b]0;seen\x07\x1b[2J\x9b31m\x9d52;c;eA==\x9c\r\x08\x7f\x00\u202eabc\u2066\u2028\ud800"
OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
#: Words from closed lists of the service.
CLOSED: Final = frozenset({"status", "verdict", "kind", "level", "state", "reason", "weight", "media_type"})
SENT_BACK: Final = frozenset({"user", "group", "rights"})
#: Calls that end so are answered with this example.
BODIES: Final = {
    "/search": "PassageList", "/audit": "AuditList", "/doctor": "ReportBody",
    "GET /api/v1/documents": "DocumentList", "/answers": "AnswerBody", "/healthz": "HealthReport",
    "/feedback": "FeedbackList",
    "/incidents": "IncidentList", "/models": "ModelsBody", "/collections": "CollectionList",
    "/documents/retry": "Retried",
}  # fmt: skip
ONE: Final = {
    "documents": "DocumentBody",
    "collections": "SharedBody",
    "traces": "TraceBody",
    "incidents": "IncidentBody",
}


def poisoned(value: object, key: str = "") -> object:
    """The body with all that somebody may have chosen ending in what a terminal obeys."""
    if isinstance(value, dict):
        return {name: poisoned(one, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [poisoned(one, key) for one in value]
    # Half a character is refused where it would be sent back.
    added = HOSTILE[:-1] if key in SENT_BACK else HOSTILE
    return f"{value}{added}" if isinstance(value, str) and key not in CLOSED else value


def body_at(call: str) -> object:
    """The example of what a method and path are answered with."""
    named = next((name for end, name in BODIES.items() if call.endswith(end)), None)
    room = next((one for one in call.split("/") if one in ONE), "")
    body = EXAMPLES[named or ONE[room]]
    final = {"status": "ready"} if named is None and room == "documents" else {}
    return poisoned(body) | final  # type: ignore[operator]


class Hostile(BaseHTTPRequestHandler):
    """A service whose documents, models and messages are all out to get a terminal."""

    refuses = False

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urlsplit(self.path).path
        problem = poisoned({"code": "conflict", "detail": "No.", "hint": "Do it."})
        body = json.dumps(problem if self.refuses else body_at(f"{self.command} {path}")).encode()
        self.send_response(409 if self.refuses else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        given = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.headers.replace_header("content-length", "0")
        if b'"stream":true' in given.replace(b" ", b"") and not self.refuses:
            self._stream()
        else:
            self.do_GET()

    def do_PATCH(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for name, data in (("delta", {"text": "Yes."}), ("done", EXAMPLES["AnswerBody"])):
            self.wfile.write(f"event: {name}\ndata: {json.dumps(poisoned(data))}\n\n".encode())


class Refusing(Hostile):
    refuses = True


@contextmanager
def served(handler: type[Hostile]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with served(Hostile) as url:
        yield url


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    with served(Refusing) as url:
        yield url


@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("words", [one for one in calling() if one != "doctor"])
def test_no_command_sends_a_terminal_what_others_wrote_for_it(
    words: str, mode: list[str], hostile: str
) -> None:
    code, out, err = run(*words.split(), *arguments(words), *mode, "--url", hostile, COLUMNS="999")
    assert code in (0, 1, 75), err
    assert OBEYED.findall(out + err) == []
    assert "seen" in out + err


@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("words", [one for one in calling() if one not in ("doctor", "retry")])
def test_no_refusal_of_a_command_does_either(words: str, mode: list[str], refusing: str) -> None:
    code, out, err = run(*words.split(), *arguments(words), *mode, "--url", refusing)
    assert code != 0
    assert OBEYED.findall(out + err) == []
    assert "seen" in out + err


def test_json_keeps_every_character_as_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_json({"answer": HOSTILE})
    assert json.loads(capsys.readouterr().out) == {"answer": HOSTILE}


def test_reports_of_this_machine_are_as_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    backup: Json = {"file": f"/b/{HOSTILE}.tar", "created_at": "2026", "size_bytes": 1, "verified_at": None}
    render_backups.print_backups({"folder": HOSTILE, "backups": [backup]})
    render.print_report(EXAMPLES["ReportBody"] | {"findings": []})  # type: ignore[operator]
    key: Json = {
        "id": "k",
        "name": HOSTILE,
        "user": HOSTILE,
        "groups": [HOSTILE],
        "scopes": [],
        "state": "ok",
    }
    render.print_keys([key | dict.fromkeys(("last_used_at", "revoked_at", "expires_at"))])
    assert OBEYED.findall(capsys.readouterr().out) == []
