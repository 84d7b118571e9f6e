"""From a PDF to a cited answer, over HTTP and with the command line."""

import json
from functools import partial
from pathlib import Path

import httpx

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import chinese_pdf, english_pdf, write
from tests.support.service import command, eventually, logged, ready

PAGES = (
    "The annual report of the harbour office. Twelve ferries were in service during the year.",
    "The crane on pier four was repaired in October at a cost of 83,000 euros.",
    "The harbour master, Ottilie Brandt, retires at the end of May.",
)
CHINESE_PAGES = (
    "港务局年度报告。全年共有十二艘渡轮投入运营。",
    "四号码头的起重机于十月修理，费用为八万三千欧元。",
    "港务局长将于五月底退休。",
)


def test_an_english_question_is_answered_with_a_quote_from_the_right_page(
    client: Client, tmp_path: Path
) -> None:
    sent = client.upload(write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES)), "en")
    ready(client, sent["id"])
    answer = client.answer("What did the repair of the crane cost?", "en")
    assert (answer["served_by"], answer["degraded"], answer["reasons"]) == ("extractive", False, [])
    best = answer["citations"][0]
    assert (best["marker"], best["document_name"], best["page"]) == (1, "harbour.pdf", 2)
    assert "83,000" in answer["answer"]
    assert "[1]" in answer["answer"]


def test_a_chinese_question_is_answered_with_a_quote_from_the_right_page(
    client: Client, tmp_path: Path
) -> None:
    sent = client.upload(write(tmp_path, "港口.pdf", chinese_pdf(texts=CHINESE_PAGES)), "zh")
    ready(client, sent["id"])
    answer = client.answer("修理起重机花了多少钱？", "zh")
    assert "八万三千" in "".join(answer["answer"].split())
    assert (answer["citations"][0]["document_name"], answer["citations"][0]["page"]) == ("港口.pdf", 2)


def test_a_stream_ends_with_the_same_kind_of_answer(client: Client, tmp_path: Path) -> None:
    sent = client.upload(write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES)), "en")
    ready(client, sent["id"])
    events = list(client.stream_answer("Who is the harbour master?", "en"))
    assert events[0].name == "passages"
    assert events[-1].name == "done"
    said = "".join(event.data["text"] for event in events if event.name == "delta")
    assert said == events[-1].data["answer"]
    assert "Ottilie Brandt" in said


def test_the_same_bytes_again_are_the_same_document(client: Client, tmp_path: Path) -> None:
    path = write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES))
    first, second = client.upload(path, "en"), client.upload(path, "en")
    assert first["id"] == second["id"]


def test_one_trace_id_leads_from_the_upload_to_ready(service: Throwaway, client: Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    files = {"file": ("traced.pdf", english_pdf(texts=["A page with a trace."]))}
    reply = httpx.post(
        f"{service.url}/api/v1/documents", files=files, headers=headers, trust_env=False, timeout=60
    )
    document = ready(client, reply.json()["id"])
    assert document["trace_id"] == trace
    for event in ("batch_committed", "document_ready"):  # the second comes after the status
        lines = eventually(partial(logged, service, event, doc_id=document["id"]))
        assert [line["trace_id"] for line in lines] == [trace]


def test_the_command_line_ingests_a_folder_and_asks(service: Throwaway, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    write(folder, "harbour.pdf", english_pdf(texts=PAGES))
    write(folder, "notes.md", b"# Notes\n\nThe lighthouse is closed on Mondays.\n")
    ingested = command(service, "ingest", folder, "--collection", "papers", "--json")
    statuses = [json.loads(line)["status"] for line in ingested.stdout.splitlines()]
    assert (ingested.returncode, statuses) == (0, ["ready", "ready"])
    asked = command(service, "ask", "When is the lighthouse closed?", "--collection", "papers")
    assert asked.returncode == 0
    assert "[1] notes.md, § Notes: " in asked.stdout and "Mondays" in asked.stdout
