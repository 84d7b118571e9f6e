"""The commands `ingest` and `retry`: documents are sent, begun anew, and followed to their end."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from kotaemon_async.cli.client import Client, Json, in_path
from kotaemon_async.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError
from kotaemon_async.cli.file_choice import Choice, Chosen
from kotaemon_async.cli.ingest_bars import IngestBars
from kotaemon_async.cli.render import print_json, print_skipped
from kotaemon_async.domain.model import FINAL_STATUSES

#: Documents end in about the order they came in, so only the oldest few are asked about.
WATCHED: Final = 8
POLL_S: Final = 0.25
#: Files that are sent at once.
SENDERS: Final = 4
ARCHIVE: Final = "application/zip"


class IngestCommand:
    """One run of the command; `failed` counts the files and members of archives that did not become ready."""

    def __init__(
        self,
        client: Client,
        collection: str,
        *,
        as_json: bool,
        print_document: Callable[[Json], None] = print_json,
    ) -> None:
        self._client, self._collection, self._as_json = client, collection, as_json
        self._print_document = print_document
        self._sending: dict[Future[Json], Chosen] = {}
        self._waiting: deque[str] = deque()
        self.failed = 0

    def run(self, words: Iterable[str | Path]) -> int:
        """Upload the files and return the exit code once every document is in a final state.

        Raises: CommandError when a word names nothing.
        """
        choice = Choice.of(words)
        if choice.missing:
            message = f"There is no file or folder {choice.missing[0]!r}."
            raise CommandError(
                EXIT_USAGE, "bad_request", message, "Put a pattern such as 'docs/**/*.pdf' in quotes."
            )
        bars = IngestBars(len(choice.files), silent=self._as_json)
        with bars.progress, ThreadPoolExecutor(SENDERS) as pool:
            try:
                self._send_all(choice.files, bars, pool)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            while self._waiting:
                self._client.times.sleep(POLL_S)
                self._poll(bars)
        print_skipped(choice.skipped)
        return EXIT_FAILED if self.failed or not choice.files else EXIT_OK

    def _send_all(self, files: Iterable[Chosen], bars: IngestBars, pool: ThreadPoolExecutor) -> None:
        """Send the files, a few at once, and look after documents meanwhile."""
        for chosen in files:
            while len(self._sending) >= SENDERS:
                self._take_sent(bars)
            self._sending[pool.submit(self._send, chosen, bars)] = chosen
        while self._sending:
            self._take_sent(bars)

    def _send(self, chosen: Chosen, bars: IngestBars) -> Json:
        """Send one file, in a thread of the pool, and return its document."""
        task = bars.sending(chosen.file.name, chosen.file.stat().st_size)
        try:
            return self._client.upload(
                chosen.file,
                self._collection,
                lambda count: bars.progress.advance(task, count),
                place=chosen.path,
            )
        finally:
            bars.sent(task)

    def _take_sent(self, bars: IngestBars) -> None:
        """Wait until a file is sent and take its document up."""
        done, _ = wait(self._sending, return_when=FIRST_COMPLETED)
        for future in done:
            chosen = self._sending.pop(future)
            try:
                self._waiting.append(future.result()["id"])
            except OSError as error:
                problem = CommandError(EXIT_FAILED, "unreadable", error.strerror or str(error))
                self._end(_refused(chosen, self._collection, problem), bars)
            except CommandError as error:
                if error.exit_code != EXIT_FAILED:
                    raise
                self._end(_refused(chosen, self._collection, error), bars)
        self._poll(bars)

    def _poll(self, bars: IngestBars) -> None:
        for document_id in list(self._waiting)[:WATCHED]:
            document = self._client.document(document_id)
            if document["status"] in FINAL_STATUSES:
                self._waiting.remove(document_id)
                self._follow_members(document, bars)
                self._end(document, bars)
            else:
                bars.show(document)

    def _follow_members(self, document: Json, bars: IngestBars) -> None:
        """Wait for what came out of an archive, too."""
        if document.get("media_type") != ARCHIVE or document["status"] != "ready":
            return
        members = self._client.members(document["id"])
        bars.expect(len(members))
        self._waiting.extend(members)

    def _end(self, document: Json, bars: IngestBars) -> None:
        self.failed += document["status"] != "ready"
        bars.finish(document)
        if self._as_json:
            self._print_document(document)


def _refused(chosen: Chosen, collection: str, error: CommandError) -> Json:
    """Return a file that never became a document, in a document's shape."""
    problem = {"code": error.code, "message": error.message, "hint": error.hint}
    return {
        "name": chosen.file.name,
        "path": chosen.path,
        "collection": collection,
        "status": "failed",
        "error": problem,
    }


def retry_all(client: Client, collection: str | None) -> Json:
    """Queue all failed documents again and return how many, as `retried`."""
    query = f"?{urlencode({'collection': collection})}" if collection else ""
    return client.post(f"/api/v1/documents/retry{query}", {})


def retry_each(client: Client, document_ids: Sequence[str], *, force: bool) -> tuple[list[Json], list[Json]]:
    """Queue documents again; return those that are queued and those that are not, with their error.

    With `force` any document may be queued. Raises: CommandError when the service is away or full.
    """
    queued: list[Json] = []
    refused: list[Json] = []
    for document_id in document_ids:
        try:
            queued.append(client.post(f"/api/v1/documents/{in_path(document_id)}/retry", {"force": force}))
        except CommandError as error:
            if error.exit_code != EXIT_FAILED:
                raise
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
            refused.append({"id": document_id, "error": problem})
    return queued, refused
