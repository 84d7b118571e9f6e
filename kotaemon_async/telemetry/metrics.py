"""Every metric of the service, by name; labels only take values from short, closed lists."""

from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a `_created` series beside each counter doubles the page and helps nobody

REGISTRY: Final = CollectorRegistry()
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_FAST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ANSWER_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_STAGE_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)
_LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"kotaemon_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"kotaemon_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"kotaemon_{name}", text, labels, registry=REGISTRY, buckets=buckets)


HTTP_REQUEST_DURATION = _histogram(
    "http_request_duration_seconds", "From request to last byte.", _FAST_S, "method", "route", "status"
)
HTTP_CONNECTIONS = _gauge("http_connections", "Open connections of clients.")
LIMITED = _counter("limited_total", "Requests and connections that a limit ended.", "reason")
DOCUMENTS = _gauge("documents", "Documents in the ledger.", "status")
DOCUMENT_WARNINGS = _gauge("document_warnings", "Documents that were not read whole, by warning.", "code")
QUEUE_DEPTH = _gauge("queue_depth", "Documents that wait for a worker.")
QUEUE_OLDEST_AGE = _gauge("queue_oldest_age_seconds", "How long the oldest of them has waited.")
INGEST_STAGE_DURATION = _histogram(
    "ingest_stage_duration_seconds", "Time of one batch in one stage.", _STAGE_S, "stage"
)
OCR_PAGE_DURATION = _histogram("ocr_page_duration_seconds", "Reading one page from its picture.", _STAGE_S)
OCR_PAGES = _counter("ocr_pages_total", "Pages read from their pictures, by what came of it.", "outcome")
INGEST_PAGES = _counter("ingest_pages_total", "Pages committed to the ledger.")
INGEST_FAILURES = _counter("ingest_failures_total", "Documents that failed for good.", "code")
LEASE_RECOVERIES = _counter("lease_recoveries_total", "Documents taken over from a lost worker.")
ADMISSION_REJECTIONS = _counter("admission_rejections_total", "Uploads refused before the body.", "reason")
ANSWERS = _counter("answers_total", "Answers by the link that gave them.", "served_by")
ANSWERS_DEGRADED = _counter("answers_degraded_total", "Answers that say they are degraded.", "served_by")
ANSWER_DURATION = _histogram("answer_duration_seconds", "From question to last word.", _ANSWER_S, "served_by")
LLM_TTFT = _histogram(
    "llm_time_to_first_token_seconds", "From the call to the model's first token.", _ANSWER_S, "link"
)
LLM_RETRIES = _counter("llm_retries_total", "Retried calls to a model server.", "link", "outcome")
BREAKER_STATE = _gauge("breaker_state", "0 closed, 1 half open, 2 open.", "component")
FALLBACKS = _counter("fallbacks_total", "Fallbacks to a later link.", "from", "to", "reason")
EVENT_LOOP_LAG = _histogram("event_loop_lag_seconds", "Delay of a timer in the event loop.", _LAG_S)
LOOP_STALLS = _counter("loop_stalls_total", "Stalls of the event loop of more than 0.25 s.")
ASYNCIO_TASKS = _gauge("asyncio_tasks", "Tasks that the event loop has not finished.")
VECTOR_LOG_BEHIND = _gauge("vector_log_behind", "Log entries the vector index still has to apply.")
VECTOR_RECALL = _gauge("vector_recall_ratio", "Share of the nearest vectors that the graph finds.")
VECTOR_SEARCHES = _counter("vector_searches_total", "Searches of the vector index.", "by")
VECTOR_REBUILDS = _counter("vector_rebuilds_total", "Rebuilds of the vector index.", "reason")
VECTOR_REBUILD_RATIO = _gauge("vector_rebuild_ratio", "Share of the vector index that is built; 1 is all.")
REEMBEDDED = _counter("reembedded_chunks_total", "Chunks embedded again by another model.")
REEMBEDDED_RATIO = _gauge("reembedded_ratio", "Share of the chunks that the wanted model has embedded.")
CHILD_RESTARTS = _counter("child_restarts_total", "Restarts of supervised parts.", "child")
MEMORY = _gauge("memory_bytes", "Proportional set size.", "process")
MEMORY_LIMIT = _gauge("memory_limit_bytes", "The control group's limit, or the machine's memory.")
MEMORY_PRESSURE = _gauge("memory_pressure", "0 normal, 1 no new work starts, 2 the service counts as down.")
MODELS_LOADED = _gauge("models_loaded", "Models in memory.")
CPU_RATIO = _gauge("cpu_ratio", "CPU seconds per second since the last sample.", "process")
WATCHED_FILES = _gauge("watched_files", "Files of followed folders.", "state")
WATCHED_FOLDERS_UNWELL = _gauge("watched_folders_unwell", "Followed folders away, or emptied at once.")
WATCH_CHANGES = _counter("watch_changes_total", "Changes that followed folders brought.", "change")
DISK_FREE = _gauge("disk_free_bytes", "Free bytes of the disk that holds the data folder.")
DISK_FLOOR = _gauge("disk_floor_bytes", "Free bytes below which uploads are refused.")
LOG_LINES_DROPPED = _counter("log_lines_dropped_total", "Log lines that the log's target lost.")
START_TIME = _gauge("start_time_seconds", "When this process was ready, in seconds since 1970.")
BACKUP_AGE = _gauge("backup_age_seconds", "Age of the newest backup; without one, that of the data folder.")
BACKUP_VERIFIED_AGE = _gauge(
    "backup_verified_age_seconds", "Time since a backup was last found good, or since the folder was made."
)
CHORES = _counter("chores_total", "Runs of maintenance tasks.", "chore", "outcome")
IMPACTED = _counter(
    "affected_total",
    "Answers and ingest attempts impacted by a component's failure.",
    "component",
    "code",
)
INCIDENTS_OPEN = _gauge("incidents_open", "Incidents that are open.", "cause")
FORECAST = _gauge("forecast_seconds", "Time until the resource is exhausted at the present rate.", "resource")
SPANS_DROPPED = _counter("spans_dropped_total", "Spans and lines of traces that were not kept or not sent.")


def render() -> bytes:
    """Return the page for Prometheus, of type CONTENT_TYPE; with all series it takes some 50 ms of CPU."""
    return generate_latest(REGISTRY)
