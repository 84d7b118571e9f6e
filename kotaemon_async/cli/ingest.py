"""The commands `ingest` and `retry`: documents are sent, begun anew, and followed to their end."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.errors import EXIT_FAILED, EXIT_OK, CommandError
from kotaemon_async.cli.render import IngestBars, print_json
from kotaemon_async.domain.model import FINAL_STATUSES

#: Documents end in about the order they came in, so only the oldest few are asked about.
WATCHED: Final = 8
POLL_S: Final = 0.25


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files and everything below the folders, without what is hidden."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.is_file() and not hidden:
                yield found


class IngestCommand:
    """One run of the command; `failed` counts the files that did not become ready."""

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
        self._waiting: deque[str] = deque()
        self.failed = 0

    def run(self, paths: Iterable[Path]) -> int:
        """Upload the files and return the exit code once every document is in a final state."""
        files = list(files_in(paths))
        bars = IngestBars(len(files), silent=self._as_json)
        with bars.progress:
            for file in files:
                self._send(file, bars)
                self._poll(bars)
            while self._waiting:
                self._client.times.sleep(POLL_S)
                self._poll(bars)
        return EXIT_FAILED if self.failed or not files else EXIT_OK

    def _send(self, file: Path, bars: IngestBars) -> None:
        task = bars.sending(file.name, file.stat().st_size)
        try:
            document = self._client.upload(
                file, self._collection, lambda count: bars.progress.advance(task, count)
            )
        except CommandError as error:
            if error.exit_code != EXIT_FAILED:
                raise
            self._end(_refused(file, self._collection, error), bars)
        else:
            self._waiting.append(document["id"])
        finally:
            bars.sent(task)

    def _poll(self, bars: IngestBars) -> None:
        for document_id in list(self._waiting)[:WATCHED]:
            document = self._client.document(document_id)
            if document["status"] in FINAL_STATUSES:
                self._waiting.remove(document_id)
                self._end(document, bars)
            else:
                bars.show(document)

    def _end(self, document: Json, bars: IngestBars) -> None:
        self.failed += document["status"] != "ready"
        bars.finish(document)
        if self._as_json:
            self._print_document(document)


def _refused(file: Path, collection: str, error: CommandError) -> Json:
    """Return a file that never became a document, in a document's shape."""
    problem = {"code": error.code, "message": error.message, "hint": error.hint}
    return {"name": file.name, "collection": collection, "status": "failed", "error": problem}


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
            queued.append(
                client.post(f"/api/v1/documents/{quote(document_id, safe='')}/retry", {"force": force})
            )
        except CommandError as error:
            if error.exit_code != EXIT_FAILED:
                raise
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
            refused.append({"id": document_id, "error": problem})
    return queued, refused
