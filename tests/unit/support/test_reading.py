"""The answers that `make eval` prints for a person to read."""

import json
from pathlib import Path

import httpx
import pytest

from tests.bench import reading

QUESTIONS = [{"question": f"Question {n}?", "answers": ["one", "1"]} for n in range(50)]
REPLY = {
    "outcome": "answer",
    "answer": "It is one. [1]",
    "citations": [{"marker": 1, "document_name": "a.pdf", "page": 3}],
}


def test_the_same_questions_are_chosen_each_time() -> None:
    once, again = reading.chosen(QUESTIONS), reading.chosen(QUESTIONS)
    assert (len(once), once) == (20, again)
    assert reading.chosen(QUESTIONS, seed=1) != once


def test_an_answer_is_shown_with_what_is_known_and_cited() -> None:
    assert reading.shown(QUESTIONS[0], REPLY).splitlines() == [
        "Q: Question 0?",
        "   known: one | 1",
        "   answer: It is one. [1]",
        "   [1] a.pdf p. 3",
    ]


def test_each_set_is_asked_in_the_collection_of_its_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["collection"])
        return httpx.Response(200, json=REPLY)

    for name in reading.SETS:
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS[:2])), "utf-8")
    client = httpx.Client(base_url="http://a", transport=httpx.MockTransport(reply))
    monkeypatch.setattr(httpx, "Client", lambda **_: client)
    assert len(list(reading.answers(tmp_path, "http://a"))) == 9
    assert asked == ["en", "en", "zh", "zh", "en", "en"]
