"""The names of DESIGN 7, and config/metrics.md, which explains metrics and the values of labels."""

from typing import Any, get_args

import pytest

from kotaemon_async.domain.model import ServedBy, Status, WarningCode
from kotaemon_async.operations.incidents.causes import CAUSES
from kotaemon_async.resilience.memory import PROCESS_NAMES
from kotaemon_async.search.vectors.supervisor import DiscardReason
from kotaemon_async.telemetry import metrics
from tests.support.vocabulary import table, words

DESIGN_7 = """kotaemon_http_request_duration_seconds{method,route,status} kotaemon_documents{status}
kotaemon_queue_depth kotaemon_queue_oldest_age_seconds kotaemon_ingest_stage_duration_seconds{stage}
kotaemon_ingest_pages_total kotaemon_ingest_failures_total{code} kotaemon_lease_recoveries_total
kotaemon_admission_rejections_total{reason} kotaemon_answers_total{served_by}
kotaemon_answer_duration_seconds{served_by} kotaemon_llm_time_to_first_token_seconds{link}
kotaemon_breaker_state{component} kotaemon_fallbacks_total{from,to,reason} kotaemon_event_loop_lag_seconds
kotaemon_vector_log_behind kotaemon_child_restarts_total{child} kotaemon_memory_bytes{process}
kotaemon_memory_limit_bytes kotaemon_cpu_ratio{process}"""
PAGE = {row[0].strip("`"): row for row in table("metrics.md", "Metrics")}
LABELS = {
    (row[0].strip("`"), of): words(row[2]) for row in table("metrics.md", "Labels") for of in words(row[1])
}


def _registered() -> dict[str, Any]:
    found: list[Any] = list(metrics.REGISTRY._collector_to_names)
    return {one._name + ("_total" if one._type == "counter" else ""): one for one in found}


METRICS = _registered()


@pytest.mark.parametrize("described", DESIGN_7.split())
def test_a_metric_of_the_design_has_its_name_and_labels(described: str) -> None:
    name, _, labels = described.rstrip("}").partition("{")
    assert METRICS[name]._labelnames == tuple(filter(None, labels.split(",")))


def test_every_metric_of_the_code_is_on_the_page_and_no_other() -> None:
    assert set(PAGE) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_the_page_tells_type_labels_and_meaning(name: str) -> None:
    _, kind, labels, meaning, _ = PAGE[name]
    assert (kind, words(labels)) == (METRICS[name]._type, set(METRICS[name]._labelnames))
    assert len(meaning) > 10


@pytest.mark.parametrize("name", [name for name in METRICS if not name.endswith("_limit_bytes")])
def test_the_page_says_what_to_do(name: str) -> None:
    assert PAGE[name][4]


def test_every_label_has_its_values_and_no_other_label_is_on_the_page() -> None:
    assert set(LABELS) == {(label, name) for name, one in METRICS.items() for label in one._labelnames}
    assert all(LABELS.values())


@pytest.mark.parametrize(
    ("label", "name", "values"),
    [
        ("served_by", "kotaemon_answers_total", get_args(ServedBy)),
        ("status", "kotaemon_documents", get_args(Status)),
        ("code", "kotaemon_document_warnings", get_args(WarningCode)),
        ("reason", "kotaemon_vector_rebuilds_total", get_args(DiscardReason)),
        ("cause", "kotaemon_incidents_open", CAUSES),
        ("process", "kotaemon_memory_bytes", PROCESS_NAMES),
    ],
)
def test_values_are_those_of_the_code(label: str, name: str, values: tuple[str, ...]) -> None:
    assert LABELS[label, name] == set(values)


def test_names_carry_their_unit() -> None:
    for name, one in METRICS.items():
        assert one._type != "histogram" or name.endswith("_seconds")


@pytest.mark.parametrize("name", METRICS)
def test_the_page_of_prometheus_names_the_metric(name: str) -> None:
    assert f"# TYPE {name} " in metrics.render().decode()


def test_a_counter_is_one_line_on_the_page() -> None:
    metrics.FALLBACKS.labels("primary", "extractive", "timeout").inc()
    line = 'kotaemon_fallbacks_total{from="primary",reason="timeout",to="extractive"} '
    assert line in metrics.render().decode()
    assert "_created" not in metrics.render().decode()
