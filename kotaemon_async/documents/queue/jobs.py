"""arq's side doors: five lines each, the work is done in the use cases."""

from typing import Any

from loguru import logger

from kotaemon_async.documents.ingest import Ingest
from kotaemon_async.resilience import faults
from kotaemon_async.telemetry.traces import SpanKind, continue_from, span


async def ingest_document(context: dict[str, Any], document_id: str, traceparent: str) -> None:
    """The document is as far as it gets now; the ledger knows what remains."""
    ingest: Ingest = context["ingest"]
    with (
        continue_from(traceparent),
        span("job", kind=SpanKind.CONSUMER, doc_id=document_id, job_id=context["job_id"]),
        logger.contextualize(job_id=context["job_id"]),
    ):
        faults.hit("jobs.before_run")
        await ingest.run(document_id)
