"""A quote of each kind of file is found, cited by the file's own place, and marked where it is seen."""

from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import write
from tests.support.samples import own
from tests.support.service import ready

FILES = own()
QUESTION: Final = "How often is the shaft seal of the feed pump replaced?"
#: The kind of place that a citation names; sections for all others.
KINDS: Final = {
    **{"pdf": "page", "pptx": "slide", "odp": "slide"},
    **dict.fromkeys(("xlsx", "ods", "csv"), "sheet"),
    **dict.fromkeys(("eml", "mht", "msg"), "part"),
}


def cited(client: Client, tmp_path: Path, name: str, question: str) -> dict[str, Any]:
    """The first citation of the answer over a file of its own collection."""
    sent = client.upload(write(tmp_path, name, FILES[name]), name.replace(".", "-"))
    ready(client, sent["id"])
    answer = client.answer(question, name.replace(".", "-"))
    assert answer["outcome"] == "answer"
    return dict(answer["citations"][0])


@pytest.mark.parametrize("name", FILES)
def test_a_sentence_is_cited_with_its_place_and_marked(
    service: Throwaway, client: Client, tmp_path: Path, name: str
) -> None:
    found = cited(client, tmp_path, name, QUESTION)
    assert "every 4200 hours" in found["quote"]
    assert found["place"]["kind"] == KINDS.get(Path(name).suffix[1:], "section")
    url = f"{service.url}/api/v1/documents/{found['document_id']}/pages"
    for number in (found["place"]["number"], found["page"]):
        reply = httpx.get(
            f"{url}/{number}/marks", params={"width": 800, "highlight": found["id"]}, timeout=60
        )
        assert reply.json()["marks"]


@pytest.mark.parametrize("name", ["sample.xlsx", "sample.docx", "sample.html", "sample.md", "sample.ods"])
def test_a_cell_is_found_by_its_row_and_its_column(client: Client, tmp_path: Path, name: str) -> None:
    found = cited(client, tmp_path, name, "What is the list price of KX-350?")
    assert "6850" in found["quote"]
    assert found["place"].get("rows", [3, 3]) == [3, 3]
