"""The command `retry`: failed documents are queued again."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from kotaemon_async.cli.client import EXIT_FAILED, Client, CommandError, Json


def retry_all(client: Client, collection: str | None) -> Json:
    """How many failed documents are queued again, as `retried`."""
    query = f"?{urlencode({'collection': collection})}" if collection else ""
    return client.post(f"/api/v1/documents/retry{query}", {})


def retry_each(client: Client, document_ids: Sequence[str], *, force: bool) -> tuple[list[Json], list[Json]]:
    """The documents that are queued again, and those that are not with their error; force takes any.

    Raises: CommandError when the service is away or full.
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
