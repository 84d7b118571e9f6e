"""What the tests of the page share: a service with scripted models, and what a person does with the page."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import FloatRect, Locator, Page, Request, expect

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import WAIT_S
from tests.support.llm_faults import Script
from tests.support.llm_server import LlmServer, llm_server
from tests.support.service import serving, upload_all

PAGES: Final = (
    "The annual report of the harbour office. Twelve ferries were in service during the year.",
    "The repair of the crane on pier four cost 83,000 euros in October.",
    "The harbour master, Ottilie Brandt, retires at the end of May.",
)
#: What the scripted models say, in pieces; after the second one a script may break off.
WORDS: Final = (
    "The repair ",
    "of the crane ",
    "cost **83,000 euros** [1].\n\n",
    "Nobody knows what comes next.",
)
#: A link gives up a model that is scripted to be silent after this; no other is ever so slow.
FIRST_WORD_S: Final = 60.0
_ENDLESS_S: Final = 300.0
#: Answers that wait for what is slow: what a busy machine delays is no part that is away.
PATIENT: Final = {
    "KOTAEMON_ANSWERS__DEADLINE_S": str(_ENDLESS_S),
    "KOTAEMON_RETRIEVAL__VECTOR_TIMEOUT_S": "30",
    "KOTAEMON_RETRIEVAL__KEYWORD_TIMEOUT_S": "30",
}
_LOOK_EVERY_MS: Final = 50

_DROP: Final = """([files, where]) => {
  const dataTransfer = new DataTransfer();
  const bytes = (data) => Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  for (const [name, data] of files) dataTransfer.items.add(new File([bytes(data)], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector(where).dispatchEvent(event);
  }
}"""


@dataclass(frozen=True, slots=True)
class ScriptedService:
    """A service with two model links, both scripted: the primary, and a local one that stands in."""

    service: Throwaway
    primary: LlmServer
    local: LlmServer

    def play(self, primary: Script = "ok", local: Script = "ok", words: tuple[str, ...] = WORDS) -> None:
        """Let the models do this from now on."""
        for server, script in ((self.primary, primary), (self.local, local)):
            server.script, server.words = script, words

    def warm_up(self) -> None:
        """Ask for a few good answers, after which single failures open no breaker."""
        self.play()
        with closing(Client(self.service.url)) as client:
            for _ in range(6):
                client.answer(f"How tall is crane {uuid.uuid4().hex}?", "default")


@contextmanager
def scripted_service(
    folder: Path,
    model_folder: Path,
    files: Mapping[str, bytes],
    env: Mapping[str, str] | None = None,
    *,
    first_word_s: float = FIRST_WORD_S,
) -> Iterator[ScriptedService]:
    """Run such a service, with these documents in it, during the block.

    The primary has `first_word_s` for its first word. Nothing else of what the models are scripted to do ends
    by a time limit: it ends when the test says so, however slow the machine is.
    """
    with (
        start_blocking_portal(backend_options={"use_uvloop": True}) as portal,
        portal.wrap_async_context_manager(llm_server("ok")) as primary,
        portal.wrap_async_context_manager(llm_server("ok")) as local,
    ):
        links = [
            {
                "name": name,
                "base_url": server.base_url,
                "model": "m",
                "thoughts_wait_s": 0,
                "first_token_timeout_s": first_s,
                "idle_timeout_s": _ENDLESS_S,
                "total_timeout_s": _ENDLESS_S,
            }
            for name, server, first_s in (("primary", primary, first_word_s), ("local", local, FIRST_WORD_S))
        ]
        given = {"KOTAEMON_LLM__LINKS": json.dumps(links), **PATIENT, **(env or {})}
        with serving(folder, model_folder, given) as service:
            upload_all(service, folder, files)
            yield ScriptedService(service, primary, local)


def submit(page: Page, question: str) -> Locator:
    """Ask a question and return its turn."""
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    return page.locator(".turn", has=page.get_by_role("heading", name=question, exact=True)).last


def ask(page: Page, question: str, state: str = "done") -> Locator:
    """Ask a question and return its turn, once it has come to this end."""
    turn = submit(page, question)
    expect(turn).to_have_attribute("data-state", state)
    return turn


def sent(request: Request) -> dict[str, Any]:
    """Return the JSON of a request."""
    body: dict[str, Any] = json.loads(request.post_data or "{}")
    return body


def open_evidence(page: Page, chip: Locator) -> list[tuple[float, float, float, float]]:
    """Click a chip and return where the quote stands on the page shown then, as parts of its sides."""
    with page.expect_response(lambda one: "/marks?" in one.url) as response:
        chip.click()
    expect(page.locator("#reader-said")).not_to_be_empty()
    marks: list[tuple[float, float, float, float]] = response.value.json()["marks"]
    return marks


def open_source(page: Page, chip: Locator) -> None:
    """Click a chip and wait until the reader has said whether the quote stands there."""
    chip.click()
    expect(page.locator("#reader-said")).not_to_be_empty()


def row(page: Page, name: str) -> Locator:
    """Return the row of a document in the list."""
    return page.locator(".row[data-document]", has=page.locator(".title").get_by_text(name, exact=True))


def drop(page: Page, files: Mapping[str, bytes], where: str = "#main") -> None:
    """Drop files on the page, as a person would with the mouse."""
    given = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    page.evaluate(_DROP, [given, where])


def put_into(page: Page, collection: str) -> None:
    """Let uploads go into this collection, a new one or one that is there."""
    choice = page.locator("#into")
    expect(choice).to_be_visible()
    if collection in choice.locator("option").all_inner_texts():
        choice.select_option(collection)
        return
    choice.select_option(label="A new collection …")
    page.locator("#dialog-input").fill(collection)
    page.keyboard.press("Enter")
    expect(choice).to_have_value(collection)


def scroll(page: Page, steps: int, step_px: int) -> int:
    """Scroll the list of documents frame by frame and return how many rows were in the page at most."""
    most: int = page.evaluate(
        """async ([steps, step]) => {
          const rows = document.getElementById("document-rows");
          let most = 0;
          for (let at = 0; at < steps; at += 1) {
            rows.scrollTop += step;
            await new Promise(requestAnimationFrame);
            most = Math.max(most, rows.querySelectorAll(".row[data-document]").length);
          }
          return most;
        }""",
        [steps, step_px],
    )
    return most


def until_true(page: Page, script: str, *given: Any) -> Any:
    """Return the first true value of the script; the page's policy forbids Playwright's own way to wait."""
    ends_s = time.monotonic() + WAIT_S
    while not (found := page.evaluate(script, *given)):
        assert time.monotonic() < ends_s, f"never true: {script}"
        page.wait_for_timeout(_LOOK_EVERY_MS)
    return found


def until(page: Page, look: Callable[[], object]) -> None:
    """Wait until this is true of what the test has been told, while the page goes on."""
    ends_s = time.monotonic() + WAIT_S
    while not look():
        assert time.monotonic() < ends_s, "it does not come"
        page.wait_for_timeout(_LOOK_EVERY_MS)


def settled(node: Locator) -> FloatRect:
    """Return where something stands, once it has stopped moving."""
    before = None
    ends_s = time.monotonic() + WAIT_S
    while before is None or before != (box := node.bounding_box()):
        assert time.monotonic() < ends_s, "it does not come to rest"
        before = node.bounding_box()
        node.page.wait_for_timeout(2 * _LOOK_EVERY_MS)
    return box


def expect_view(page: Page, view: str) -> None:
    """Wait until a view is there, with nothing of it on its way: what is pressed before is lost."""
    expect(page.locator(f'html[data-view="{view}"] #main > :is(.view, .ask, .reader)')).to_be_visible()
    expect(page.locator("#main .wait:visible")).to_have_count(0)


_DOCUMENT: Final = """
INSERT INTO documents (
    id, name, media_type, size_bytes, sha256, collection, status, pages_done, pages_total, chunks_done,
    attempt, max_attempts, error_code, error_message, error_hint, trace_id, traceparent,
    created_at, updated_at, ready_at
) VALUES (?, ?, 'application/pdf', ?, ?, ?, ?, 3, 3, 9, 1, 3, ?, ?, ?, 't', 't', ?, ?, ?)
"""


def many_documents(service: Throwaway, number: int) -> None:
    """Write so many documents into the ledger of a service that does not run; every tenth one failed."""
    connection = apsw.Connection(str(service.data_dir / "ledger.db"))
    with connection:
        for n in range(number):
            failed = n % 10 == 0
            error = ("encrypted", "The file has a password.", "Remove it.") if failed else (None, None, None)
            at_s = 1.7e9 + n
            about = (f"doc_{n:012x}", f"report {n:04}.pdf", 1000 + n, f"{n:064x}", f"shelf {n % 5}")
            status = "failed" if failed else "ready"
            connection.execute(_DOCUMENT, (*about, status, *error, at_s, at_s, None if failed else at_s))
    connection.close()
