"""The operator's kept answers on a real process: a change is taken over, a wrong one is told and not used."""

from pathlib import Path
from typing import Any

from kotaemon_async.cli.client import Client, Json
from tests.support.service import Start, eventually, logged

ENTRY = "- question: When is the office open?\n  aliases: [办公室几点开门]\n  answer: {answer}\n"


def kept(client: Client) -> Json:
    """What the health report says of the file."""
    found: dict[str, Any] = client.health()[1]["components"]["knowledge"]
    return found


def said(client: Client, question: str) -> tuple[str, str]:
    answer = client.answer(question, None)
    return answer["served_by"], answer["answer"]


def test_a_change_is_taken_over_and_a_wrong_one_is_told_and_not_used(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "kept.yaml"
    file.write_text(ENTRY.format(answer="From nine to five."), "utf-8")
    service = start({"KOTAEMON_ANSWERS__STATIC_KNOWLEDGE": str(file)})
    client = Client(service.url)
    assert said(client, "办公室几点开门？") == ("static_knowledge", "From nine to five.")
    file.write_text("- question: [", "utf-8")
    wrong = eventually(lambda: (found := kept(client))["status"] == "degraded" and found)
    assert (wrong["code"], wrong["entries"]) == ("misconfigured", 1)
    assert f"{file} is no YAML in line" in wrong["message"]
    eventually(lambda: logged(service, "knowledge_refused"))
    assert said(client, "When is the office open?") == ("static_knowledge", "From nine to five.")
    file.write_text(ENTRY.format(answer="From ten to four."), "utf-8")
    eventually(lambda: kept(client)["status"] == "ok")
    assert said(client, "When is the office open?") == ("static_knowledge", "From ten to four.")
    client.close()
