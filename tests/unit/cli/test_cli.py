"""The command line without a service: help, exit codes, what it prints, how it waits."""

import json
from pathlib import Path

import httpx
import pytest

from kotaemon_async.app.settings_table import settings_table
from kotaemon_async.cli import main
from kotaemon_async.cli import render as cli_render
from kotaemon_async.cli.client import Json, ServerEvent
from kotaemon_async.cli.demo import write_documents
from kotaemon_async.cli.errors import CommandError, TryAgainError
from kotaemon_async.cli.ingest import IngestCommand, retry_all, retry_each
from kotaemon_async.cli.throwaway import free_port
from tests.support.command import Connect, Reply, problem, run
from tests.unit.cli.conftest import Clock

ROOT = Path(__file__).parents[3]
READY: Json = {
    "id": "doc_1", "name": "a.txt", "collection": "default", "status": "ready", "stage": None,
    "progress": {"pages_done": 1, "pages_total": 1, "chunks_done": 1}, "error": None, "waiting_for": None,
}  # fmt: skip


def in_turn(*replies: httpx.Response) -> Reply:
    queue = list(replies)
    return lambda _: queue.pop(0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("text")
    return path


def test_no_arguments_show_the_help() -> None:
    code, text, _ = run()
    assert code == 0
    assert "serve" in text and "ingest" in text


@pytest.mark.parametrize("command", ["serve", "ingest", "ask", "search", "status", "retry", "doctor", "demo"])
def test_the_help_of_every_command_documents_the_exit_codes(command: str) -> None:
    code, text, _ = run(command, "--help")
    assert code == 0
    assert all(f" {number} " in " ".join(text.split()) for number in (69, 75, 78))


@pytest.mark.parametrize("command", ["ingest", "ask", "search", "status", "retry", "doctor", "demo"])
def test_every_command_for_programs_has_json(command: str) -> None:
    assert "--json" in run(command, "--help")[1]


@pytest.mark.parametrize("words", [("ask", "why?", "--loudly"), ("ingest", "/no/such/file.pdf")], ids=str)
def test_an_unknown_option_or_path_is_wrong_usage(words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2


def test_a_service_that_is_not_there_exits_69_and_says_how_to_start_one() -> None:
    code, _, err = run("search", "x", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 69
    assert "kotaemon-async serve" in err


def test_an_error_for_programs_is_json() -> None:
    _, _, err = run("ask", "x", "--json", "--url", f"http://127.0.0.1:{free_port()}")
    assert json.loads(err)["error"]["code"] == "unreachable"


def test_a_wrong_setting_exits_78_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAEMON_HTTP__PORT", "eighty")
    code, _, err = run("serve")
    assert code == 78
    assert "http.port" in err and "KOTAEMON_HTTP__PORT" in err


def test_an_upload_waits_as_long_as_a_full_service_asks(clock: Clock, connect: Connect, file: Path) -> None:
    full = [problem(429, "busy", retry_after="7"), problem(507, "disk_full", retry_after="5")]
    client = connect(in_turn(*full, httpx.Response(202, json=READY)))
    assert client.upload(file, "default")["id"] == "doc_1"
    assert clock.now_s == 12


def test_an_upload_gives_up_with_try_again_after_ten_minutes(
    clock: Clock, connect: Connect, file: Path
) -> None:
    with pytest.raises(TryAgainError) as raised:
        connect(lambda _: problem(503, "shutting_down", retry_after="30")).upload(file, "c")
    assert raised.value.exit_code == 75
    assert clock.now_s == 600


def test_an_upload_whose_connection_broke_is_sent_again_under_the_same_key(
    clock: Clock, connect: Connect, file: Path
) -> None:
    keys: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadError("reset", request=request)
        is_taken = len(keys) == 2
        return problem(409, "key_in_use", retry_after="1") if is_taken else httpx.Response(202, json=READY)

    assert connect(reply).upload(file, "default")["id"] == "doc_1"
    assert (len(keys), len(set(keys)), clock.now_s) == (3, 1, 2)


def test_an_upload_to_a_service_that_does_not_come_back_ends_after_half_a_minute(
    clock: Clock, connect: Connect, file: Path
) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request) if clock.now_s else httpx.ReadError("reset")

    with pytest.raises(CommandError) as raised:
        connect(reply).upload(file, "default")
    assert (raised.value.exit_code, clock.now_s) == (69, 31)


def test_an_upload_tells_how_many_bytes_went_out(tmp_path: Path, connect: Connect) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 200_000)
    sent: list[int] = []
    connect(lambda _: httpx.Response(202, json=READY)).upload(tmp_path / "a.txt", "default", sent.append)
    assert sum(sent) == 200_000


def test_a_service_that_restarts_is_waited_for(clock: Clock, connect: Connect) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if clock.now_s < 3:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json=READY)

    assert connect(reply).document("doc_1")["status"] == "ready"


def test_a_refusal_carries_the_services_words(connect: Connect) -> None:
    with pytest.raises(CommandError) as raised:
        connect(lambda _: problem(404, "not_found")).document("doc_9")
    error = raised.value
    assert (error.exit_code, error.code, error.message) == (1, "not_found", "It is not_found.")


def test_a_reply_that_is_no_json_still_is_an_error(connect: Connect) -> None:
    with pytest.raises(CommandError, match="replied 502"):
        connect(lambda _: httpx.Response(502, text="<html>")).document("doc_9")


def test_words_that_are_no_text_are_wrong_usage(connect: Connect) -> None:
    client = connect(lambda _: httpx.Response(200, json={}))
    with pytest.raises(CommandError) as asked:
        client.answer("\udcff", None)
    with pytest.raises(CommandError) as listed:
        client.documents(collection="\udcff")
    assert [(one.value.exit_code, one.value.code) for one in (asked, listed)] == [(2, "bad_request")] * 2


def test_events_are_read_over_pings_and_ids(connect: Connect) -> None:
    sent = ': ping\n\nid: 1\nevent: delta\ndata: {"text": "a"}\n\nevent: done\ndata: {}\n\n'
    reply = httpx.Response(200, text=sent, headers={"content-type": "text/event-stream"})
    events = list(connect(lambda _: reply).stream_answer("q", None))
    assert events == [ServerEvent("delta", {"text": "a"}), ServerEvent("done", {})]


def test_ingest_prints_one_json_line_for_each_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], connect: Connect
) -> None:
    (tmp_path / "a.txt").write_text("text")
    client = connect(
        in_turn(httpx.Response(202, json=READY | {"status": "queued"}), httpx.Response(200, json=READY))
    )
    assert IngestCommand(client, "default", as_json=True).run([tmp_path]) == 0
    assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == ["ready"]


def test_ingest_goes_on_after_a_refused_file_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], connect: Connect
) -> None:
    for name in ("a.txt", "b.exe"):
        (tmp_path / name).write_text("text")

    def reply(request: httpx.Request) -> httpx.Response:
        refused = b"b.exe" in request.content
        return problem(415, "unsupported_format") if refused else httpx.Response(200, json=READY)

    assert IngestCommand(connect(reply), "default", as_json=True).run([tmp_path]) == 1
    lines = {one["name"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (lines["a.txt"]["status"], lines["b.exe"]["error"]["code"]) == ("ready", "unsupported_format")


def test_ingest_sends_the_place_of_each_file_below_its_folder(tmp_path: Path, connect: Connect) -> None:
    (tmp_path / "docs/2031").mkdir(parents=True)
    (tmp_path / "docs/2031/a.txt").write_text("text")
    bodies: list[bytes] = []

    def reply(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200, json=READY)

    assert IngestCommand(connect(reply), "default", as_json=True).run([tmp_path / "docs"]) == 0
    assert b'name="path"\r\n\r\n2031/a.txt\r\n' in bodies[0]


def test_ingest_waits_for_what_comes_out_of_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], connect: Connect
) -> None:
    (tmp_path / "a.zip").write_text("text")
    archive = READY | {"id": "doc_0", "media_type": "application/zip"}

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("parent_id") == "doc_0":
            return httpx.Response(200, json={"items": [READY], "next_cursor": None})
        return httpx.Response(200, json=READY if request.url.path.endswith("doc_1") else archive)

    assert IngestCommand(connect(reply), "default", as_json=True).run([tmp_path]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["doc_0", "doc_1"]


def test_ingest_says_what_it_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], connect: Connect
) -> None:
    for name in ("a.txt", ".secret"):
        (tmp_path / name).write_text("text")
    client = connect(lambda _: httpx.Response(200, json=READY))
    assert IngestCommand(client, "default", as_json=True).run([tmp_path]) == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"skipped  {tmp_path}/.secret  hidden",
        "passed over: 1",
    ]


def test_a_thousand_files_are_each_sent_once(tmp_path: Path, connect: Connect) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}.txt").write_text("text")
    uploads: list[bytes] = []

    def reply(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            uploads.append(request.content)
        return httpx.Response(200, json=READY)

    command = IngestCommand(connect(reply), "default", as_json=True, print_document=lambda _: None)
    assert (command.run([tmp_path]), len(uploads), command.failed) == (0, 1000, 0)


@pytest.mark.parametrize(
    "words", [(), ("doc_1", "--all"), ("--all", "--force"), ("doc_1", "--collection", "c")]
)
def test_retry_wants_either_documents_or_all(words: tuple[str, ...]) -> None:
    assert run("retry", *words)[0] == 2


def test_documents_are_retried_one_by_one_and_a_refusal_stops_none(
    connect: Connect,
) -> None:
    sent: list[tuple[str, Json]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.raw_path.decode(), json.loads(request.content)))
        return (
            problem(409, "conflict") if "doc_1" in sent[-1][0] else httpx.Response(200, json={"id": "doc_2"})
        )

    queued, refused = retry_each(connect(reply), ["doc_1", "doc_2"], force=True)
    assert [path for path, _ in sent] == [f"/api/v1/documents/doc_{n}/retry" for n in (1, 2)]
    assert sent[0][1] == {"force": True}
    assert (queued, refused[0]["id"], refused[0]["error"]["code"]) == ([{"id": "doc_2"}], "doc_1", "conflict")


def test_all_of_a_collection_are_retried_at_once(connect: Connect) -> None:
    sent: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.raw_path.decode())
        return httpx.Response(200, json={"retried": 4})

    assert retry_all(connect(reply), "my docs") == {"retried": 4}
    assert sent == ["/api/v1/documents/retry?collection=my+docs"]


def test_a_service_that_is_away_ends_the_retry(connect: Connect) -> None:
    with pytest.raises(CommandError) as raised:
        retry_each(connect(lambda _: problem(503, "shutting_down")), ["doc_1"], force=False)
    assert raised.value.exit_code == 75


def test_a_citation_is_one_line_with_marker_name_page_and_quote() -> None:
    citation = {"marker": 1, "document_name": "a.pdf", "page": 3, "quote": "two\n  lines"}
    assert cli_render.cited(citation) == "[1] a.pdf, p. 3: two lines"


def test_a_quote_over_a_page_break_is_cited_with_both_pages() -> None:
    parts = [{"page": 3, "quote": "two"}, {"page": 4, "quote": "lines"}]
    citation = {"marker": 1, "document_name": "a.pdf", "page": 3, "quote": "two", "parts": parts}
    assert cli_render.cited(citation) == "[1] a.pdf, pp. 3–4: two"


def test_what_was_not_read_is_listed_with_its_places(capsys: pytest.CaptureFixture[str]) -> None:
    places = [{"kind": "page", "number": n} for n in range(1, 15)]
    empty = {
        "code": "page_without_text",
        "places": places,
        "message": "No text.",
        "hint": "Scan it.",
        "more": 3,
    }
    skipped = {"code": "part_skipped", "places": [], "message": "Macros are not read.", "hint": ""}
    document = READY | {"warnings": [empty, skipped]}
    cli_render.print_documents([document])
    cli_render.print_warnings([document])
    said = capsys.readouterr().out
    assert "2 warnings" in said and "a.txt: Macros are not read." in said
    assert "p. 11, p. 12, 5 more: No text.\n   Scan it." in said


def test_a_place_is_said_and_so_is_a_page_of_an_earlier_release() -> None:
    row = {"kind": "sheet", "number": 2, "label": "Hotels", "rows": [4, 5]}
    assert cli_render.where({"page": 1, "place": row}) == "Hotels, rows 4–5"
    assert cli_render.where({"page": 7}) == "p. 7"


def test_what_is_missing_and_in_doubt_stands_below_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    claims = [
        {"sentence": "It cost 9 [1].", "verdict": "unsupported", "reason": "figure", "markers": [1]},
        {"sentence": "Nobody knows.", "verdict": "check", "reason": "subject", "markers": []},
        {"sentence": "Ole paid.", "verdict": "supported", "reason": None, "markers": [1]},
    ]
    cli_render.print_footer({"missing": ["V-8"], "claims": claims, "rejected": "It is free."})
    said = capsys.readouterr().out
    assert "not found: V-8" in said and "figure not found in the source: It cost 9 [1]." in said
    assert "no source: Nobody knows." in said
    assert "It is free." in said and "Ole paid." not in said


@pytest.mark.parametrize(
    ("served_by", "outcome", "citations", "code"),
    [
        ("extractive", "answer", [{}], 0),
        ("extractive", "nearest", [{}], 0),
        ("extractive", "nothing", [], 1),
        ("extractive", "answer", [], 0),
        ("primary", "answer", [], 1),
        ("busy", "nothing", [], 75),
    ],
)
def test_the_exit_code_of_ask_tells_an_answer_from_nothing(
    served_by: str, outcome: str, citations: list[dict[str, object]], code: int
) -> None:
    answer = {"served_by": served_by, "outcome": outcome, "citations": citations}
    assert main.answer_code(answer) == code


def test_a_cut_stream_is_not_shown_as_a_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"answer": "Half", "served_by": "primary", "citations": [], "reasons": [], "trace_id": "t"}
    events = [ServerEvent("delta", {"text": "Half"}), ServerEvent("interrupted", answer)]
    shown = cli_render.print_stream(iter(events))
    assert shown["interrupted"] is True
    assert "cut off" in capsys.readouterr().out


def test_brackets_in_an_answer_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    cli_render.print_stream(iter([ServerEvent("delta", {"text": "see [1] and [bold]"})]))
    assert "see [1] and [bold]" in capsys.readouterr().out


def test_the_demo_makes_documents_of_three_formats_in_two_languages(tmp_path: Path) -> None:
    suffixes = [path.suffix for path in write_documents(tmp_path)]
    assert sorted(suffixes) == [".html", ".md", ".pdf", ".pdf"]


def test_the_page_of_settings_shows_each_as_it_is() -> None:
    page = (ROOT / "config" / "settings.md").read_text("utf8")
    assert settings_table() == page[page.index("| setting |") :], "run: make settings"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf8").splitlines()) <= 350


def test_the_makefile_is_short_and_lists_its_targets() -> None:
    lines = (ROOT / "Makefile").read_text("utf8").splitlines()
    assert len(lines) <= 100
    for target in ("run", "test", "check", "demo", "eval", "bench", "clean", "lock", "help"):
        assert any(line.startswith(f"{target}:") and "## " in line for line in lines)


@pytest.mark.parametrize(
    "lock", ["requirements.txt", "requirements-ocr.txt", "requirements-test.txt", "requirements-model.txt"]
)
def test_locks_hold_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / "config" / lock).read_text("utf8")
    assert "--hash=sha256:" in text
    assert "://" not in text and "torch" not in text.replace("pull in torch", "") and "nvidia" not in text


MODELS: Json = {
    "active": "old", "target": "new", "state": "embedding", "done": 640, "total": 2053, "waiting_for": None,
    "previous": None, "declined": None, "code": None, "message": None, "hint": None,
}  # fmt: skip


@pytest.mark.parametrize(("found", "line"), [
    ({}, "new: 640 of 2053 chunks embedded, embedding"),
    ({"waiting_for": "documents"}, "new: 640 of 2053 chunks embedded, waits for documents"),
    ({"target": None, "declined": "new"}, "new was taken back: kotaemon-async models resume"),
    ({"message": "There is no new.", "hint": "Prepare it."}, "There is no new. Prepare it."),
])  # fmt: skip
def test_the_change_of_the_model_is_shown(found: Json, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli_render.print_models(MODELS | found)
    assert line in capsys.readouterr().out.splitlines()


def test_the_files_of_followed_folders_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    folders = [{"waiting": 2, "refused": {"count": 3}}, {"waiting": 0}]
    cli_render.print_health({"status": "ok", "components": {"folders": {"files": 9, "folders": folders}}})
    assert "9 files, 2 waiting, 3 refused" in capsys.readouterr().out


def test_a_document_is_listed_by_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    cli_render.print_documents([READY | {"path": "docs/2031/a.txt"}])
    assert "docs/2031/a.txt" in capsys.readouterr().out


def test_a_change_of_the_model_is_noted_with_the_embedder(capsys: pytest.CaptureFixture[str]) -> None:
    change = {"state": "embedding", "target": "new", "done": 3, "total": 9}
    cli_render.print_health({"status": "ok", "components": {"embedder": {"model": "old", "change": change}}})
    assert "old, changing to new: 3 of 9 chunks" in capsys.readouterr().out
