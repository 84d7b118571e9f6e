import re

import pytest

from kotaemon_async.telemetry import metrics

DESIGN_7 = """kotaemon_http_request_duration_seconds{method,route,status} kotaemon_documents{status}
kotaemon_queue_depth kotaemon_queue_oldest_age_seconds kotaemon_ingest_stage_duration_seconds{stage}
kotaemon_ingest_pages_total kotaemon_ingest_failures_total{code} kotaemon_lease_recoveries_total
kotaemon_admission_rejections_total{reason} kotaemon_answers_total{served_by}
kotaemon_answer_duration_seconds{served_by} kotaemon_llm_time_to_first_token_seconds{link}
kotaemon_llm_retries_total{link,outcome}
kotaemon_breaker_state{component} kotaemon_fallbacks_total{from,to,reason} kotaemon_event_loop_lag_seconds
kotaemon_vector_log_behind kotaemon_child_restarts_total{child} kotaemon_memory_bytes{process}
kotaemon_memory_limit_bytes kotaemon_cpu_ratio{process}"""
#: What came later.
ADDED = """kotaemon_disk_free_bytes kotaemon_vector_rebuilds_total{reason} kotaemon_vector_rebuild_ratio"""


def _described() -> set[str]:
    """Each metric of the registry as DESIGN 7 writes it."""
    found = set()
    for metric in metrics.REGISTRY._collector_to_names:
        labels = ",".join(metric._labelnames)  # type: ignore[attr-defined]
        total = "_total" if metric._type == "counter" else ""  # type: ignore[attr-defined]
        found.add(f"{metric._name}{total}" + (f"{{{labels}}}" if labels else ""))  # type: ignore[attr-defined]
    return found


def test_names_and_labels_are_those_of_the_design() -> None:
    assert _described() == set(DESIGN_7.split()) | set(ADDED.split())


@pytest.mark.parametrize("name", re.sub(r"\{.*?\}", "", f"{DESIGN_7} {ADDED}").split())
def test_the_page_names_the_metric(name: str) -> None:
    assert f"# TYPE {name} " in metrics.render().decode()


def test_a_counter_is_one_line_on_the_page() -> None:
    metrics.FALLBACKS.labels("primary", "extractive", "timeout").inc()
    line = 'kotaemon_fallbacks_total{from="primary",reason="timeout",to="extractive"} '
    assert line in metrics.render().decode()
    assert "_created" not in metrics.render().decode()
